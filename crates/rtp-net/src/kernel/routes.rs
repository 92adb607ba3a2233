//! By which interface a peer is reached: asked of the routing table (rtnetlink), remembered until the table changes.

use super::interfaces::{self, Interface};
use super::netlink;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
/// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE, and
/// the one of RTNLGRP_IPV6_RULE, which has no such name.
const CHANGES: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18;
/// `struct rtmsg`.
const HEADER: usize = 12;
/// Answers remembered.
const REMEMBERED: usize = 4096;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a socket of this host.
    Local,
    /// Out by the interface of this index.
    Out(u32),
    /// Nowhere.
    None,
}

/// The routing table.
#[derive(Debug)]
pub(crate) struct Routes {
    ask: OwnedFd,
    changes: OwnedFd,
    known: HashMap<(IpAddr, IpAddr), Way>,
    sequence: u32,
}

impl Routes {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            ask: netlink::socket(SocketFlags::CLOEXEC, 0)?,
            changes: netlink::socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, CHANGES)?,
            known: HashMap::new(),
            sequence: 0,
        })
    }

    /// Whether anything about routes, addresses or interfaces changed since this was last asked.
    pub(crate) fn changed(&mut self) -> bool {
        let (mut changed, mut buffer) = (false, [0; 8192]);
        loop {
            match rustix::net::recv(&self.changes, &mut buffer[..], RecvFlags::empty()) {
                // Too many changes to be told of one by one.
                Ok(_) | Err(Errno::NOBUFS) => changed = true,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        if changed {
            self.known.clear();
        }
        changed
    }

    /// The way from our address to a peer's.
    pub(crate) fn way(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Way> {
        if let Some(way) = self.known.get(&(from, to)) {
            return Ok(*way);
        }
        let way = self.lookup(from, to)?;
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert((from, to), way);
        Ok(way)
    }

    /// The interfaces that there are.
    pub(crate) fn interfaces(&mut self) -> io::Result<Vec<Interface>> {
        self.sequence = self.sequence.wrapping_add(1);
        interfaces::list(&self.ask, self.sequence)
    }

    fn lookup(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Way> {
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, mut way) = (self.sequence, Way::None);
        netlink::ask(&self.ask, &request(sequence, from, to), |message| {
            if message.sequence != sequence {
                return true;
            }
            if message.kind == RTM_NEWROUTE {
                way = answered(message.body);
            }
            false
        })?;
        Ok(way)
    }
}

/// RTM_GETROUTE for one destination and source (rtnetlink(7)).
fn request(sequence: u32, from: IpAddr, to: IpAddr) -> Vec<u8> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (from, to) = (octets(from), octets(to));
    let bits = u8::try_from(8 * to.len()).unwrap_or(0);
    let family = if to.len() == 4 { 2 } else { 10 }; // AF_INET, AF_INET6
    // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags.
    let mut body = vec![family, bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (kind, value) in [(RTA_DST, &to), (RTA_SRC, &from)] {
        let length = u16::try_from(4 + value.len()).unwrap_or(0);
        body.extend_from_slice(&length.to_ne_bytes());
        body.extend_from_slice(&kind.to_ne_bytes());
        body.extend_from_slice(value);
    }
    netlink::request(RTM_GETROUTE, netlink::NLM_F_REQUEST, sequence, &body)
}

/// What a route says.
fn answered(route: &[u8]) -> Way {
    let oif = || {
        let value = netlink::attribute(route.get(HEADER..)?, RTA_OIF)?;
        netlink::u32_at(value, 0)
    };
    match route.get(7) {
        Some(&RTN_LOCAL) => Way::Local,
        Some(&RTN_UNICAST) => oif().map_or(Way::None, Way::Out),
        _ => Way::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_host_is_local() {
        let mut routes = Routes::open().unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(routes.way(ip("127.0.0.1"), ip("127.9.9.9")).unwrap(), Way::Local);
        assert_eq!(routes.way(ip("::1"), ip("::1")).unwrap(), Way::Local);
        assert_eq!(
            routes.way(ip("127.0.0.1"), ip("127.9.9.9")).unwrap(),
            Way::Local,
            "remembered"
        );
        assert_ne!(routes.way(ip("::1"), ip("2001:db8::1")).unwrap(), Way::Local);
    }

    #[test]
    fn a_route_cut_short_leads_nowhere() {
        let mut route = vec![2, 32, 32, 0, 0, 0, 0, RTN_UNICAST, 0, 0, 0, 0];
        route.extend([8, 0, 4, 0, 5, 0, 0, 0]);
        assert_eq!(answered(&route), Way::Out(5));
        for length in 0..route.len() {
            assert_eq!(answered(&route[..length]), Way::None);
        }
    }
}
