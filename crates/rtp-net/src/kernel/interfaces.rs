//! Which interfaces there are, and which of them the program can be attached to.

use super::netlink::{self, Message};
use rustix::fd::OwnedFd;
use std::io;

const RTM_GETLINK: u16 = 18;
const RTM_NEWLINK: u16 = 16;
const IFLA_IFNAME: u16 = 3;
/// ARPHRD_ETHER and ARPHRD_LOOPBACK: the packets of others do not begin with an Ethernet header.
const ETHERNET_LIKE: [u16; 2] = [1, 772];
const IFF_UP: u32 = 1;
/// `struct ifinfomsg`.
const HEADER: usize = 16;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) is_up: bool,
    /// Its packets begin with an Ethernet header.
    pub(crate) is_ethernet: bool,
}

/// All interfaces of this network namespace.
pub(crate) fn list(ask: &OwnedFd, sequence: u32) -> io::Result<Vec<Interface>> {
    let flags = netlink::NLM_F_REQUEST | netlink::NLM_F_DUMP;
    let request = netlink::request(RTM_GETLINK, flags, sequence, &[0; HEADER]);
    let mut found = Vec::new();
    netlink::ask(ask, &request, |message| {
        if message.sequence != sequence {
            return true;
        }
        found.extend(interface(&message));
        !message.is_end()
    })?;
    Ok(found)
}

fn interface(message: &Message<'_>) -> Option<Interface> {
    if message.kind != RTM_NEWLINK {
        return None;
    }
    // family, padding, type, index, flags, changes.
    let body = message.body;
    let name = netlink::attribute(body.get(HEADER..)?, IFLA_IFNAME)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(Interface {
        index: netlink::u32_at(body, 4)?,
        name: String::from_utf8(name.to_vec()).ok()?,
        is_up: netlink::u32_at(body, 8)? & IFF_UP != 0,
        is_ethernet: ETHERNET_LIKE.contains(&netlink::u16_at(body, 2)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::SocketFlags;

    #[test]
    fn loopback_is_the_first_and_usable() {
        let socket = netlink::socket(SocketFlags::CLOEXEC, 0).unwrap();
        let lo = Interface {
            index: 1,
            name: "lo".to_owned(),
            is_up: true,
            is_ethernet: true,
        };
        assert!(list(&socket, 7).unwrap().contains(&lo));
    }
}
