//! Datagrams, some at a time, each with the time at which the kernel had it (`SO_TIMESTAMPNS`, socket(7)).

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg};

use crate::error_queue::socket_addr;

/// Datagrams that are taken with one call to the system.
const SCOOP: usize = 16;
/// Largest UDP payload there is (RFC 768: 16-bit length).
const MAX_DATAGRAM: usize = 65_535;
/// Bytes from one datagram's place to the next: more than it needs, so that not all begin in the same lines of a cache.
const PLACE: usize = MAX_DATAGRAM + 1 + 1088;
/// A wait that is longer is none: the clock has been set.
const LONGEST: Duration = Duration::from_secs(60);

/// Where datagrams are put by the system. Most of its memory is never touched.
pub(crate) struct Basin {
    headers: MultiHeaders<SockaddrStorage>,
    places: Box<[u8]>,
}

impl fmt::Debug for Basin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basin").finish_non_exhaustive()
    }
}

/// A datagram that has come.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'d> {
    /// Who has sent it.
    pub remote: SocketAddr,
    /// What it says.
    pub bytes: &'d [u8],
    /// How long it has waited in the kernel.
    pub waited: Duration,
}

impl Basin {
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(SCOOP, Some(nix::cmsg_space!(libc::timespec))),
            places: vec![0; SCOOP * PLACE].into_boxed_slice(),
        }
    }

    /// Takes what there is, `most` at most and [`SCOOP`] at most, and says how many. Errors: `WouldBlock` when there is nothing; in the
    /// place of a datagram the socket reports an ICMP error, once.
    pub(crate) fn take(
        &mut self,
        socket: &impl AsRawFd,
        most: usize,
        mut each: impl FnMut(Arrival<'_>),
    ) -> io::Result<usize> {
        let mut places = self.places.chunks_exact_mut(PLACE);
        let mut slices: [_; SCOOP] =
            std::array::from_fn(|_| [IoSliceMut::new(places.next().unwrap_or_default())]);
        let slices = slices.iter_mut().take(most);
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices, flags, None)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut taken = 0;
        for message in received {
            taken += 1;
            if let Some(remote) = message.address.as_ref().and_then(socket_addr) {
                each(Arrival {
                    remote,
                    bytes: message.iovs().next().unwrap_or_default(),
                    waited: waited(&message, now),
                });
            }
        }
        Ok(taken)
    }
}

/// How long a datagram has waited in the kernel, now being so long after the epoch.
fn waited(message: &RecvMsg<'_, '_, SockaddrStorage>, now: Duration) -> Duration {
    let at = message.cmsgs().ok().and_then(|mut entries| {
        entries.find_map(|entry| match entry {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        })
    });
    let waited = at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
    if waited > LONGEST { Duration::ZERO } else { waited }
}
