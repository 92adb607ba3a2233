//! What a network's listeners can send by: which of the places that a name leads to are of use.

use crate::transport::{Hop, Transport};

/// Transports and address families of a network's listeners, in the listeners' order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reach {
    order: [Option<Transport>; 5],
    /// Bits by transport.
    v4: u8,
    v6: u8,
    prefers_v6: bool,
}

impl Reach {
    /// One more listener.
    pub fn add(&mut self, transport: Transport, is_ipv6: bool) {
        if self.v4 | self.v6 == 0 {
            self.prefers_v6 = is_ipv6;
        }
        let bit = 1 << transport as u8;
        if is_ipv6 {
            self.v6 |= bit;
        } else {
            self.v4 |= bit;
        }
        if !self.order.contains(&Some(transport))
            && let Some(free) = self.order.iter_mut().find(|place| place.is_none())
        {
            *free = Some(transport);
        }
    }

    /// Its transports, in the listeners' order.
    pub fn transports(&self) -> impl Iterator<Item = Transport> + '_ {
        self.order.iter().copied().flatten()
    }

    /// Whether there is a listener of this transport at all.
    #[must_use]
    pub fn has(&self, transport: Transport) -> bool {
        (self.v4 | self.v6) & (1 << transport as u8) != 0
    }

    /// Whether there is a listener of this transport and family.
    #[must_use]
    pub fn has_family(&self, transport: Transport, is_ipv6: bool) -> bool {
        let bits = if is_ipv6 { self.v6 } else { self.v4 };
        bits & (1 << transport as u8) != 0
    }

    /// Whether a message can be sent to this place.
    #[must_use]
    pub fn reaches(&self, hop: Hop) -> bool {
        self.has_family(hop.transport, hop.remote.is_ipv6())
    }

    /// Whether the first listener is on IPv6: its kind of address is tried first.
    #[must_use]
    pub fn prefers_v6(&self) -> bool {
        self.prefers_v6
    }

    /// The transport for a place whose name or URI names none: UDP (RFC 3263 §4.1), or what there is.
    #[must_use]
    pub fn default_transport(&self) -> Transport {
        if self.has(Transport::Udp) {
            return Transport::Udp;
        }
        self.transports().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_listeners_have_is_reached() {
        let mut reach = Reach::default();
        reach.add(Transport::Tls, true);
        reach.add(Transport::Udp, false);
        reach.add(Transport::Tls, true);
        assert_eq!(
            reach.transports().collect::<Vec<_>>(),
            [Transport::Tls, Transport::Udp]
        );
        assert_eq!(reach.default_transport(), Transport::Udp);
        assert!(reach.prefers_v6() && reach.has(Transport::Tls) && !reach.has(Transport::Tcp));
        let hop = |transport, remote: &str| Hop {
            transport,
            remote: remote.parse().unwrap(),
        };
        for (transport, remote, reaches) in [
            (Transport::Udp, "192.0.2.1:5060", true),
            (Transport::Udp, "[2001:db8::1]:5060", false),
            (Transport::Tls, "[2001:db8::1]:5061", true),
            (Transport::Tls, "192.0.2.1:5061", false),
            (Transport::Tcp, "192.0.2.1:5060", false),
        ] {
            assert_eq!(
                reach.reaches(hop(transport, remote)),
                reaches,
                "{transport:?} {remote}"
            );
        }
    }
}
