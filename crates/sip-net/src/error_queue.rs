//! The error queue of a UDP socket: which of our datagrams the network refused.
//!
//! An unconnected UDP socket isn't told about ICMP errors unless it asks with `IP_RECVERR`; each then waits in the
//! socket's error queue together with the address that the datagram was sent to (ip(7), ipv6(7)).

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{Ipv4RecvErr, Ipv6RecvErr},
};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

/// A datagram that we sent came back: nobody can be reached at that address now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    /// Where the datagram had been sent to.
    pub remote: SocketAddr,
    /// What the network said, e.g. `ConnectionRefused` for a closed port.
    pub reason: io::ErrorKind,
}

/// Asks the kernel to keep ICMP errors for this socket.
pub(crate) fn enable(socket: &UdpSocket, local: SocketAddr) -> io::Result<()> {
    match local {
        SocketAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true)?,
    }
    Ok(())
}

/// Takes one entry off the queue. `Ok(None)` is an entry that says nothing about the remote's reachability
/// (RFC 3261 §18.4: source quench and time exceeded are ignored; so is "fragmentation needed", which the
/// retransmission cures). `WouldBlock` says that the queue is empty.
pub(crate) fn take(socket: &impl AsRawFd) -> io::Result<Option<Unreachable>> {
    // The original datagram's payload is returned too; its first byte is enough, the rest is cut off.
    let mut payload = [0u8; 1];
    let mut iov = [IoSliceMut::new(&mut payload)];
    // The time at which it came stands there, too.
    let mut control = nix::cmsg_space!(libc::timespec, libc::sock_extended_err, libc::sockaddr_in6);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut iov,
        Some(&mut control),
        MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
    )?;
    let Some(remote) = message.address.as_ref().and_then(socket_addr) else {
        return Ok(None);
    };
    for entry in message.cmsgs()? {
        let error = match entry {
            ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => error,
            _ => continue,
        };
        if says_unreachable(&error) {
            let reason = io::Error::from(Errno::from_raw(error.ee_errno.cast_signed())).kind();
            return Ok(Some(Unreachable { remote, reason }));
        }
    }
    Ok(None)
}

/// RFC 3261 §18.4: host, network, port or protocol unreachable, or a parameter problem.
fn says_unreachable(error: &libc::sock_extended_err) -> bool {
    const FRAGMENTATION_NEEDED: u8 = 4;
    match error.ee_origin {
        // RFC 792: 3 destination unreachable, 12 parameter problem.
        libc::SO_EE_ORIGIN_ICMP => match error.ee_type {
            3 => error.ee_code != FRAGMENTATION_NEEDED,
            12 => true,
            _ => false,
        },
        // RFC 4443: 1 destination unreachable, 4 parameter problem.
        libc::SO_EE_ORIGIN_ICMP6 => matches!(error.ee_type, 1 | 4),
        _ => false,
    }
}

pub(crate) fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|a| SocketAddr::V4(SocketAddrV4::from(*a)));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|a| SocketAddr::V6(SocketAddrV6::from(*a)))
    })
}
