//! What single keys cannot tell: what names what, what overlaps, what is missing; and the values that follow from others.

mod access;
mod billing;
mod capacity;
mod class;
mod dialing;
mod fraud;
mod hunting;
mod identity;
mod media;
mod network;
mod stir;
mod test_call;
mod transport;

use crate::document::{Cx, Place};
use crate::model::{Config, Role, SessionTimer, Target, Trunk};
use crate::report::{Fault, nearest, quote};
use crate::values::Host;
use std::net::SocketAddr;
use std::sync::Arc;

/// Judges the whole, and fills in what follows from other keys. Every fault goes to `cx`.
pub(crate) fn complete(mut config: Config, cx: &mut Cx<'_>) -> Config {
    present(&config, cx);
    network::complete(&mut config, cx);
    for (index, trunk) in config.trunks.iter_mut().enumerate() {
        let path = cx.entry("trunk", index);
        role(trunk, &path, cx);
        hunting::failover(trunk, &path, cx);
        billing::complete(trunk, &path, cx);
        identity::complete(trunk, &path, cx);
        if let Some(timer) = &trunk.session_timer {
            session_timer(timer, &format!("{path}.session_timer"), cx);
        }
    }
    access::complete(&mut config, cx);
    session_timer(&config.sip.session_timer, "sip.session_timer", cx);
    media::complete(&config, cx);
    stir::complete(&config, cx);
    twins(&config, cx);
    for (index, class) in config.classes.iter().enumerate() {
        class::complete(class, &cx.entry("class", index), &config, cx);
    }
    hunting::numbers(&config, cx);
    dialing::complete(&config, cx);
    capacity::complete(&config, cx);
    fraud::complete(&config, cx);
    test_call::complete(&config, cx);
    derive_targets(&mut config, cx);
    transport::complete(&config, cx);
    dialing::advise(&config, cx);
    config
}

/// A file without a listener or without a trunk is refused: it is empty, cut off, or another file.
fn present(config: &Config, cx: &mut Cx<'_>) {
    let start = Place::default();
    if config.listen.is_empty() && !cx.is_bad("listen") {
        let fault =
            Fault::new("there is no [[listen]]").expected("at least one, such as bind = \"127.0.0.1:5060\"");
        cx.refuse(start, "", fault);
    }
    if config.trunks.is_empty() && !cx.is_bad("trunk") {
        let fault = Fault::new("there is no [[trunk]]").expected("at least one customer or carrier");
        cx.refuse(start, "", fault);
    }
}

/// The keys that a trunk's role asks for, or has no use for.
fn role(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let missing = |key: &str, cx: &mut Cx<'_>, expected: &str| {
        let key_path = format!("{path}.{key}");
        if !cx.is_bad(&key_path) {
            let fault = Fault::new(format!("a {} needs `{key}`", trunk.role)).expected(expected);
            cx.refuse(cx.place(&key_path), path, fault);
        }
    };
    let useless: &[&str] = match trunk.role {
        Role::Customer => {
            let others = ["source_names", "users", "tls_names"];
            let refused = others.iter().any(|key| cx.is_bad(&format!("{path}.{key}")));
            if !refused
                && trunk.sources.is_empty()
                && trunk.source_names.is_empty()
                && trunk.users.is_empty()
                && trunk.tls_names.is_empty()
            {
                missing(
                    "sources",
                    cx,
                    "where its requests come from: sources = [\"203.0.113.7\"], or who may call: users = [{ username = …, password = … }]",
                );
            }
            let class = trunk
                .class
                .as_deref()
                .into_iter()
                .map(|name| (format!("{path}.class"), name));
            refer(class, "class", cx);
            &["deck", "supervise"]
        }
        Role::Carrier => {
            if trunk.targets.is_empty() && trunk.register.is_none() {
                missing(
                    "targets",
                    cx,
                    "where calls to it go: targets = [{ uri = \"sip:203.0.113.20:5060\" }]",
                );
            }
            &["class", "sell_deck", "credit"]
        }
    };
    for key in useless {
        let key_path = format!("{path}.{key}");
        if cx.is_written(&key_path) {
            let fault = Fault::new(format!("a {} has no `{key}`", trunk.role));
            cx.refuse(cx.place(&key_path), &key_path, fault.expected("the key left out"));
        }
    }
    class::of_carriers_only(trunk, path, cx);
    let priority = format!("{path}.priority");
    if trunk.role == Role::Customer && trunk.priority != 1 {
        let fault = Fault::new("orders carriers only; calls to customers go by the order in [[number]]");
        cx.warn(cx.place(&priority), &priority, fault);
    }
    let everywhere = trunk.sources.iter().position(|source| source.net.prefix == 0);
    if let Some(index) = everywhere {
        let source = format!("{path}.sources[{index}]");
        cx.warn(
            cx.place(&source),
            &source,
            Fault::new("anybody on the network may call as this trunk"),
        );
    }
}

/// What is asked for has to be something that is agreed to.
fn session_timer(timer: &SessionTimer, path: &str, cx: &mut Cx<'_>) {
    if timer.expires < timer.min_se {
        let at = format!("{path}.expires");
        let fault = Fault::new("`expires` is shorter than `min_se`");
        cx.refuse(
            cx.place(&at),
            &at,
            fault.expected("an interval of at least `min_se`"),
        );
    }
}

/// Customers that cannot be told apart by where they call from.
fn twins(config: &Config, cx: &mut Cx<'_>) {
    let customer = |trunk: &&Arc<Trunk>| trunk.role == Role::Customer;
    for (at, trunk) in config
        .trunks
        .iter()
        .enumerate()
        .filter(|(_, trunk)| customer(trunk))
    {
        for (index, source) in trunk.sources.iter().enumerate() {
            let mut before = config.trunks.iter().take(at).filter(customer);
            let same = |other: &&Arc<Trunk>| other.network == trunk.network && other.sources.contains(source);
            if let Some(twin) = before.find(same) {
                let path = format!("{}.sources[{index}]", cx.entry("trunk", at));
                let wrong = format!("customer {} has the source {source} too", quote(&twin.name));
                let fault =
                    Fault::new(wrong).expected("sources that tell customers apart, by address or port");
                cx.warn(cx.place(&path), &path, fault);
            }
        }
    }
}

/// Refuses names that nothing bears.
fn refer<'n>(names: impl Iterator<Item = (String, &'n str)>, list: &str, cx: &mut Cx<'_>) {
    for (path, name) in names {
        if cx.labels(list).any(|label| label == name) {
            continue;
        }
        let meant = nearest(name, cx.labels(list)).map(quote);
        let fault = Fault::new(format!("there is no {list} {}", quote(name))).meant(meant);
        cx.refuse(cx.place(&path), &path, fault);
    }
}

/// A customer without targets is called where it calls from. One that cannot be is warned of, where a number rule
/// sends it calls.
fn derive_targets(config: &mut Config, cx: &mut Cx<'_>) {
    let ours: Vec<SocketAddr> = config.listen.iter().map(|listen| listen.bind).collect();
    for trunk in &mut config.trunks {
        if trunk.role == Role::Customer && trunk.targets.is_empty() && trunk.users.is_empty() {
            let hosts = trunk.sources.iter().filter(|source| source.net.is_host());
            let address = hosts.map(|source| SocketAddr::new(source.net.addr, source.port.unwrap_or(5060)));
            let targets = address
                .filter(|address| !ours.contains(address))
                .map(target)
                .collect();
            Arc::make_mut(trunk).targets = targets;
        }
    }
    for (at, rule) in config.numbers.iter().enumerate() {
        for name in &rule.to {
            let unreachable = |trunk: &&Arc<Trunk>| {
                trunk.targets.is_empty() && trunk.users.is_empty() && trunk.role == Role::Customer
            };
            if config.trunk(name).filter(unreachable).is_some() {
                let path = format!("{}.to", cx.entry("number", at));
                let wrong = format!(
                    "trunk {} has no `targets`, so these calls have nowhere to go",
                    quote(name)
                );
                let fault = Fault::new(wrong).expected("targets = [{ uri = \"sip:…\" }] in that trunk");
                cx.warn(cx.place(&path), &path, fault);
            }
        }
    }
}

fn target(address: SocketAddr) -> Target {
    Target {
        uri: format!("sip:{address}"),
        priority: 1,
        weight: 1,
        region: None,
        host: Host::Ip(address.ip()),
        port: Some(address.port()),
        transport: None,
        sips: false,
    }
}
