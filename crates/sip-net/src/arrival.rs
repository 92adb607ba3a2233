//! Datagrams with the time at which the kernel had them (`SO_TIMESTAMPNS`, socket(7)).

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

use crate::error_queue::socket_addr;

/// A wait that is longer is none: the clock has been set.
const LONGEST: Duration = Duration::from_secs(60);

/// Takes one datagram: its length, its source, and how long it has waited. `WouldBlock`: there is none.
pub(crate) fn take(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, Duration)> {
    let mut iov = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::timespec);
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut iov, Some(&mut control), flags)?;
    let remote = message.address.as_ref().and_then(socket_addr);
    let remote = remote.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut waited = Duration::ZERO;
    for entry in message.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(at) = entry {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            waited = now.saturating_sub(Duration::from(at));
        }
    }
    let waited = if waited > LONGEST { Duration::ZERO } else { waited };
    Ok((message.bytes, remote, waited))
}
