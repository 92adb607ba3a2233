//! By which transports the trunk's places can be had, and whether their certificates are good: connections of the test's own.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use api::Check;
use config::Trunk;
use sip_net::{Looked, look};
use sip_proto::{Hop, Transport};
use switch::Probed;

use crate::streams::client_tls;

/// Places that are looked at.
const MOST: usize = 8;
/// Time for one connection and its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Certificates that end sooner than this are spoken of, in days.
const SOON: i64 = 14;

/// Looks at the places that OPTIONS went to. `local`: our address for each family.
pub(super) async fn look_at(
    trunk: &Trunk,
    probed: &[(usize, Option<Hop>, Probed)],
    local: &[IpAddr],
) -> Vec<Check> {
    let mut seen: Vec<Hop> = Vec::new();
    let mut checks = Vec::new();
    for (target, hop, answered) in probed {
        let Some(hop) = hop.filter(|hop| !seen.contains(hop)) else {
            continue;
        };
        if seen.len() >= MOST {
            break;
        }
        seen.push(hop);
        let from = local
            .iter()
            .copied()
            .find(|ip| ip.is_ipv4() == hop.remote.is_ipv4());
        let place = Place {
            trunk,
            target: *target,
            hop,
            alive: matches!(answered, Probed::Answered(..)),
            from,
        };
        checks.extend(match hop.transport {
            Transport::Udp | Transport::Tcp => Some(place.others().await),
            Transport::Tls => place.certificate().await,
            Transport::Ws | Transport::Wss => None,
        });
    }
    checks
}

/// One of them.
struct Place<'t> {
    trunk: &'t Trunk,
    target: usize,
    hop: Hop,
    alive: bool,
    from: Option<IpAddr>,
}

impl Place<'_> {
    /// What else than the transport in use answers there.
    async fn others(&self) -> Check {
        let at = self.hop.remote;
        let secure = SocketAddr::new(at.ip(), tls_port(at.port()));
        let tcp = async {
            match self.hop.transport {
                Transport::Udp => Some(look(at, self.from, None, PATIENCE).await),
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => None,
            }
        };
        let tls = self.unverified(secure);
        let (tcp, tls) = tokio::join!(tcp, tls);
        let answers =
            |looked: &std::io::Result<Looked>| looked.as_ref().is_ok_and(|looked| looked.answer.is_some());
        let instead = match (&tcp, &tls) {
            (Some(tcp), _) if answers(tcp) => Some("tcp"),
            (_, Some(tls)) if answers(tls) => Some("tls"),
            (_, _) => None,
        };
        let mut says = vec![format!("{} {at} is used", self.hop.transport.via_name())];
        says.extend(tcp.as_ref().map(|tcp| format!("TCP {}", words(tcp))));
        says.extend(
            tls.as_ref()
                .map(|tls| format!("TLS on {} {}", secure.port(), words(tls))),
        );
        let check = Check::note("transports", says.join("; "));
        match instead.filter(|_| !self.alive) {
            Some(transport) => check.key(format!(
                "targets = [{{ uri = \"{};transport={transport}\" }}]",
                self.uri()
            )),
            None => check,
        }
    }

    /// The certificate of a place that is reached by TLS.
    async fn certificate(&self) -> Option<Check> {
        let at = self.hop.remote;
        let tls = match client_tls(self.trunk, self.target, true)? {
            Ok(tls) => tls,
            Err(error) => {
                return Some(Check::fails("tls", error.to_string()).key("tls.ca, tls.certificate, tls.key"));
            }
        };
        let error = match look(at, self.from, Some(&tls), PATIENCE).await {
            Ok(looked) => return Some(trusted(at, &looked)),
            Err(error) => error.to_string(),
        };
        let shown = self.unverified(at).await.and_then(Result::ok);
        Some(match shown {
            Some(looked) => distrusted(at, &looked, &error),
            None => Check::fails("tls", format!("TLS {at}: {error}"))
                .key("targets, or tls.certificate where it wants ours"),
        })
    }

    /// A look over TLS at whoever is there. `None`: our own certificates can't be read.
    async fn unverified(&self, at: SocketAddr) -> Option<std::io::Result<Looked>> {
        let tls = client_tls(self.trunk, self.target, false)?.ok()?;
        Some(look(at, self.from, Some(&tls), PATIENCE).await)
    }

    /// The target's URI without parameters.
    fn uri(&self) -> &str {
        let uri = self
            .trunk
            .targets
            .get(self.target)
            .map_or("", |target| target.uri.as_str());
        uri.split(';').next().unwrap_or_default()
    }
}

/// Where TLS is, beside this port (RFC 3261 §19.1.2 has 5060 and 5061).
const fn tls_port(port: u16) -> u16 {
    port.saturating_add(1)
}

fn words(looked: &std::io::Result<Looked>) -> String {
    match looked {
        Ok(Looked {
            answer: Some((status, took)),
            ..
        }) => format!("answers, {status} in {:.1} ms", took.as_secs_f64() * 1000.0),
        Ok(Looked { answer: None, .. }) => "takes connections and does not answer".to_owned(),
        Err(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "nobody listens".to_owned(),
            std::io::ErrorKind::TimedOut => "no answer".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn trusted(at: SocketAddr, looked: &Looked) -> Check {
    let days = looked.days_left.unwrap_or_default();
    let says = format!("TLS {at}: its certificate is trusted, {days} days left");
    if days < SOON {
        Check::note("tls", format!("{says}: it should have a new one"))
    } else {
        Check::works("tls", says)
    }
}

/// A certificate that calls would not be made with, and which key is about that.
fn distrusted(at: SocketAddr, looked: &Looked, error: &str) -> Check {
    let days = looked.days_left.unwrap_or_default();
    let check = Check::fails("tls", format!("TLS {at}: {error}; {days} days left"));
    let is = |word: &str| error.to_ascii_lowercase().contains(word);
    if days < 0 {
        // Nothing that a key of ours should make good.
        check
    } else if is("issuer") || is("anchor") || is("signature") {
        // The last: an authority of that name is known, and has another key.
        check.key("tls = { ca = \"…\" }, the file of its authority")
    } else if is("name") {
        check.key("tls = { name = \"…\" }, the name in its certificate")
    } else {
        check.key("tls")
    }
}
