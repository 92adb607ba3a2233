//! By which interface a peer is reached: asked of the routing table (rtnetlink), remembered until the table changes.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
/// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE.
const CHANGES: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400;
/// `struct nlmsghdr` and `struct rtmsg`.
const HEADERS: usize = 16 + 12;
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
            ask: socket(SocketFlags::CLOEXEC, 0)?,
            changes: socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, CHANGES)?,
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

    fn lookup(&mut self, from: IpAddr, to: IpAddr) -> io::Result<Way> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(self.sequence, from, to);
        rustix::net::send(&self.ask, &request, SendFlags::empty())?;
        let mut buffer = [0_u8; 8192];
        loop {
            match rustix::net::recv(&self.ask, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => {
                    let answer = buffer.get(..length).unwrap_or_default();
                    if let Some(way) = answered(answer, self.sequence) {
                        return Ok(way);
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn socket(flags: SocketFlags, groups: u32) -> io::Result<OwnedFd> {
    // No protocol is number 0: NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
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
    let mut message = Vec::with_capacity(HEADERS + 2 * (4 + 16));
    let total = u32::try_from(HEADERS + 2 * (4 + to.len())).unwrap_or(0);
    message.extend_from_slice(&total.to_ne_bytes());
    message.extend_from_slice(&RTM_GETROUTE.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags.
    message.extend_from_slice(&[family, bits, bits, 0, 0, 0, 0, 0]);
    message.extend_from_slice(&0_u32.to_ne_bytes());
    for (kind, value) in [(RTA_DST, &to), (RTA_SRC, &from)] {
        let length = u16::try_from(4 + value.len()).unwrap_or(0);
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(value);
    }
    message
}

/// What an answer to request number `sequence` says; `None`: it is something else's.
fn answered(message: &[u8], sequence: u32) -> Option<Way> {
    let (kind, number) = (u16_at(message, 4)?, u32_at(message, 8)?);
    if number != sequence {
        return None;
    }
    if kind == NLMSG_ERROR {
        return Some(Way::None);
    }
    if kind != RTM_NEWROUTE {
        return None;
    }
    let oif = || attribute(message.get(HEADERS..)?, RTA_OIF);
    Some(match message.get(16 + 7) {
        Some(&RTN_LOCAL) => Way::Local,
        Some(&RTN_UNICAST) => oif().map_or(Way::None, Way::Out),
        _ => Way::None,
    })
}

/// The 32-bit value of an attribute.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<u32> {
    loop {
        let (length, kind) = (u16_at(attributes, 0)?, u16_at(attributes, 2)?);
        if kind == wanted {
            return u32_at(attributes, 4);
        }
        let aligned = usize::from(length.max(4)).next_multiple_of(4);
        attributes = attributes.get(aligned..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
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
    fn an_answer_cut_short_is_none() {
        let answer = request(3, IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for length in 0..answer.len() {
            assert_eq!(answered(&answer[..length], 3), None);
        }
    }
}
