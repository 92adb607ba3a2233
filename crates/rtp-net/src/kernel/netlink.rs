//! As much of rtnetlink(7) as the kernel path asks: requests and what comes back, cut into messages and attributes.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;

pub(crate) const NLM_F_REQUEST: u16 = 1;
/// NLM_F_ROOT and NLM_F_MATCH.
pub(crate) const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `struct nlmsghdr`.
const HEADER: usize = 16;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) sequence: u32,
    pub(crate) body: &'a [u8],
}

impl Message<'_> {
    /// Nothing follows: an error, or the end of a list.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.kind, NLMSG_ERROR | NLMSG_DONE)
    }
}

/// A socket that hears of changes in `groups`.
pub(crate) fn socket(flags: SocketFlags, groups: u32) -> io::Result<OwnedFd> {
    // No protocol is number 0: NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// Asks, and hands over each answer until `hear` is content (`false`).
pub(crate) fn ask(
    socket: &OwnedFd,
    request: &[u8],
    mut hear: impl FnMut(Message<'_>) -> bool,
) -> io::Result<()> {
    rustix::net::send(socket, request, SendFlags::empty())?;
    let mut buffer = [0_u8; 32_768];
    loop {
        match rustix::net::recv(socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((length, _)) => {
                if !messages(buffer.get(..length).unwrap_or_default()).all(&mut hear) {
                    return Ok(());
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A request: its kind and what follows the header.
pub(crate) fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let total = HEADER + body.len();
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&u32::try_from(total).unwrap_or(0).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(body);
    message
}

/// The messages of a datagram; one that is cut short ends it.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(datagram, 0)?).ok()?;
        let message = Message {
            kind: u16_at(datagram, 4)?,
            sequence: u32_at(datagram, 8)?,
            body: datagram.get(HEADER..length)?,
        };
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The value of an attribute.
pub(crate) fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        if u16_at(attributes, 2)? == wanted {
            return attributes.get(4..length);
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_attributes_are_cut_out_and_nothing_beyond_the_end() {
        let mut datagram = request(24, NLM_F_REQUEST, 7, &[8, 0, 4, 0, 1, 2, 3, 4, 5, 0, 3, 0, 9]);
        datagram.resize(32, 0);
        datagram.extend(request(NLMSG_DONE, 0, 7, &[]));
        let found: Vec<_> = messages(&datagram).collect();
        assert_eq!((found[0].kind, found[0].sequence, found.len()), (24, 7, 2));
        assert!(!found[0].is_end() && found[1].is_end());
        assert_eq!(attribute(found[0].body, 3), Some(&[9][..]));
        assert_eq!(attribute(found[0].body, 4), Some(&[1, 2, 3, 4][..]));
        assert_eq!(attribute(found[0].body, 5), None);
        for length in 0..29 {
            assert_eq!(messages(&datagram[..length]).count(), 0, "{length}");
        }
    }
}
