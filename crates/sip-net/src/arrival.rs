//! Datagrams, some at a time, with the time at which the kernel had the first of them (`SO_TIMESTAMPNS`, socket(7)).

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

/// What was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) datagrams: usize,
    /// How long the first of them has waited.
    pub(crate) waited: Duration,
}

impl Basin {
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(SCOOP, Some(nix::cmsg_space!(libc::timespec))),
            places: vec![0; SCOOP * PLACE].into_boxed_slice(),
        }
    }

    /// Takes what there is, `most` at most and [`SCOOP`] at most. Errors: `WouldBlock` when there is nothing; in the place of a datagram the socket reports an ICMP error, once.
    pub(crate) fn take(
        &mut self,
        socket: &impl AsRawFd,
        most: usize,
        mut each: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<Taken> {
        let mut places = self.places.chunks_exact_mut(PLACE);
        let mut slices: [_; SCOOP] =
            std::array::from_fn(|_| [IoSliceMut::new(places.next().unwrap_or_default())]);
        let slices = slices.iter_mut().take(most);
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices, flags, None)?;
        let mut taken = Taken {
            datagrams: 0,
            waited: Duration::ZERO,
        };
        for message in received {
            if taken.datagrams == 0 {
                taken.waited = waited(&message);
            }
            taken.datagrams += 1;
            let bytes = message.iovs().next().unwrap_or_default();
            if let Some(remote) = message.address.as_ref().and_then(socket_addr) {
                each(remote, bytes);
            }
        }
        Ok(taken)
    }
}

/// How long a datagram has waited in the kernel.
fn waited(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Duration {
    let at = message.cmsgs().ok().and_then(|mut entries| {
        entries.find_map(|entry| match entry {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        })
    });
    let Some(at) = at else { return Duration::ZERO };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let waited = now.saturating_sub(at);
    if waited > LONGEST { Duration::ZERO } else { waited }
}
