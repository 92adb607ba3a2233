//! What the trunk's places answer, before anybody is called.

use api::Check;
use config::Trunk;
use sip_msg::{HeaderId, Message};
use sip_proto::{Hop, Transport};
use switch::{Probed, RegistrationView};

/// Whether each target has shown something.
pub(super) fn has_all(probed: &[(usize, Option<Hop>, Probed)], targets: usize) -> bool {
    (0..targets).all(|target| probed.iter().any(|(of, _, _)| *of == target))
}

/// How our registration stands.
pub(super) fn registration(view: &RegistrationView) -> Check {
    let why = view.why.as_deref().unwrap_or("no answer yet");
    match view.state {
        "registered" => Check::works("registration", format!("{} is registered", view.aor)),
        "auth-failed" => Check::fails(
            "registration",
            format!("the registrar does not take the password: {why}"),
        )
        .key("register.username, register.password"),
        state => Check::fails("registration", format!("{state}: {why}")).key("register.uri"),
    }
}

/// What came of OPTIONS.
pub(super) fn of_probes(trunk: &Trunk, probed: &[(usize, Option<Hop>, Probed)]) -> Vec<Check> {
    let uri = |target: usize| trunk.targets.get(target).map_or("", |target| target.uri.as_str());
    let mut checks: Vec<Check> = probed
        .iter()
        .map(|(target, hop, probed)| one(trunk, uri(*target), *hop, probed))
        .collect();
    for (target, address) in trunk.targets.iter().enumerate() {
        if !probed.iter().any(|(of, _, _)| *of == target) {
            checks.push(silent(trunk, &address.uri));
        }
    }
    if trunk.targets.is_empty() {
        checks.push(Check::note(
            "options",
            "no targets: its calls go where its users are registered",
        ));
    }
    checks
}

fn one(trunk: &Trunk, uri: &str, hop: Option<Hop>, probed: &Probed) -> Check {
    let place = hop.map_or_else(
        || uri.to_owned(),
        |hop| format!("{} {}", hop.transport.via_name(), hop.remote),
    );
    match probed {
        Probed::Answered(message, took) => answered(trunk, &place, message, took.as_secs_f64() * 1000.0),
        Probed::Silent => silent(trunk, &place),
        // What is wrong with a certificate is said beside.
        Probed::Unreachable if hop.is_some_and(|hop| hop.transport == Transport::Tls) => {
            Check::fails("options", format!("{place}: no connection"))
        }
        Probed::Unreachable => {
            Check::fails("options", format!("{place}: nobody listens there")).key("targets")
        }
        Probed::Nowhere => Check::fails(
            "options",
            format!("{place}: the name leads nowhere that a listener of its network reaches"),
        )
        .key("targets, or network"),
    }
}

fn answered(trunk: &Trunk, place: &str, message: &Message, ms: f64) -> Check {
    let status = message.status().unwrap_or_default();
    let server = message
        .header(HeaderId::Server)
        .or_else(|| message.header(HeaderId::UserAgent));
    let who = server.map_or_else(String::new, |name| format!(", {}", String::from_utf8_lossy(name)));
    let says = format!("{place}: {status} in {ms:.1} ms{who}");
    if trunk.options_down.contains(&status) {
        return Check::fails("options", format!("{says}: held to be down for that")).key("options_down = []");
    }
    Check::works("options", says)
}

fn silent(trunk: &Trunk, place: &str) -> Check {
    let says = format!("{place}: no answer");
    if trunk.options_interval.is_some() {
        Check::fails(
            "options",
            format!("{says}; if it takes calls all the same, it must not be pinged"),
        )
        .key("options_interval = \"off\"")
    } else {
        Check::note(
            "options",
            format!("{says}; it is not pinged, so that does no harm by itself"),
        )
    }
}
