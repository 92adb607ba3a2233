//! A resolver that answers when and what it is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sip_proto::Hop;
use switch::Input;

use crate::agenda::{Agenda, What};

/// What becomes of a lookup.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// These addresses (none: the name does not exist), after this time.
    After(Duration, Vec<IpAddr>),
    /// The name is a service, at these places in this order, after this time.
    Service(Duration, Vec<SocketAddr>),
    /// No answer, ever.
    Never,
}

/// Names and what becomes of their lookups; any other name does not exist.
#[derive(Debug, Default)]
pub struct Dns {
    /// By host name.
    pub names: BTreeMap<String, Lookup>,
    /// Every host name that was asked for.
    pub asked: Vec<String>,
}

impl Dns {
    pub(crate) fn resolve(
        &mut self,
        now: Instant,
        query: u64,
        host: String,
        port: Option<u16>,
        agenda: &mut Agenda,
    ) {
        let lookup = self
            .names
            .get(&host)
            .cloned()
            .unwrap_or(Lookup::After(Duration::from_millis(5), Vec::new()));
        self.asked.push(host);
        let (delay, places) = match lookup {
            Lookup::After(delay, addresses) => {
                let at = |ip| SocketAddr::new(ip, port.unwrap_or(5060));
                (delay, addresses.into_iter().map(at).collect())
            }
            Lookup::Service(delay, places) => (delay, places),
            Lookup::Never => return,
        };
        let hops = places.into_iter().map(Hop::udp).collect();
        agenda.plan(
            now + delay,
            What::Switch(Box::new(Input::Resolved { query, hops })),
        );
    }
}
