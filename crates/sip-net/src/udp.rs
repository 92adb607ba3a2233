//! One bound UDP socket, driven by the shard loop.

use crate::arrival::{Arrival, Basin};
use crate::error_queue::{self, Unreachable};
use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};
use smallvec::SmallVec;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use tokio::io::Interest;

/// Datagrams that are sent in one go; the system takes twice as many.
const BUNDLE: usize = 32;

/// How often a send is tried again after the socket reported somebody else's ICMP error in its place.
const SEND_TRIES: usize = 4;

/// How a listener's socket is set up.
#[derive(Debug, Clone)]
pub struct UdpOptions {
    /// Differentiated-services code point of what we send, 0..=63 (RFC 2474); signalling is usually 24 (CS3).
    pub dscp: u8,
    /// Receive buffer asked of the kernel, bytes. Without the right to exceed it, `net.core.rmem_max` caps it.
    pub rcvbuf: usize,
    /// Send buffer asked of the kernel, bytes; capped likewise by `net.core.wmem_max`.
    pub sndbuf: usize,
    /// Whether several sockets may share the address (`SO_REUSEPORT`): one per shard.
    pub reuse: bool,
    /// Datagrams that may wait for a socket that takes no more; what comes on top is dropped and counted.
    pub backlog: usize,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            dscp: 24,
            rcvbuf: 4 << 20,
            sndbuf: 4 << 20,
            reuse: false,
            backlog: 4096,
        }
    }
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendResult {
    /// The kernel has it.
    Sent,
    /// The socket takes no more at the moment; the datagram waits in the backlog.
    Queued,
    /// The backlog is full; the datagram is lost, as on a full network. Counted.
    Dropped,
    /// The kernel refuses to send this datagram to that address (no route, forbidden, too long).
    Failed(io::ErrorKind),
}

/// What a listener has done since it was bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UdpCounters {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams given to the kernel.
    pub sent: u64,
    /// Datagrams that had to wait in the backlog.
    pub queued: u64,
    /// Datagrams dropped because the backlog was full.
    pub dropped: u64,
    /// Datagrams that the kernel refused to send.
    pub failed: u64,
    /// Datagrams that the network sent back ([`Unreachable`]).
    pub unreachable: u64,
}

/// Binds a socket for a [`UdpListener`] without a runtime at hand, so that a daemon can refuse to start before it
/// starts threads. An IPv6 address is bound for IPv6 only. Port 0 takes a free one.
///
/// # Errors
/// What the system says: address in use, not ours, forbidden.
pub fn bind_udp(address: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    let tos = u32::from(options.dscp & 0x3f) << 2;
    match address {
        SocketAddr::V4(_) => socket.set_tos_v4(tos)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(tos)?;
        }
    }
    socket.set_reuse_port(options.reuse)?;
    socket.set_nonblocking(true)?;
    // The forced variants need CAP_NET_ADMIN; without it the system's cap holds.
    if setsockopt(&socket, sockopt::RcvBufForce, &options.rcvbuf).is_err() {
        socket.set_recv_buffer_size(options.rcvbuf)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &options.sndbuf).is_err() {
        socket.set_send_buffer_size(options.sndbuf)?;
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    error_queue::enable(&socket, socket.local_addr()?)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// A bound UDP socket that never blocks.
///
/// The owner waits with [`ready`](Self::ready), then calls [`unreachable`](Self::unreachable),
/// [`recv_batch`](Self::recv_batch) and [`flush`](Self::flush); each does a bounded amount of work, and `ready`
/// returns at once again while there is more.
#[derive(Debug)]
pub struct UdpListener {
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    basin: Basin,
    backlog: VecDeque<(SocketAddr, Bytes)>,
    backlog_limit: usize,
    counters: UdpCounters,
    /// Whether the system is not known to be unable to cut datagrams out of one piece.
    segments: bool,
}

impl UdpListener {
    /// Binds `address` and registers the socket with the current tokio runtime.
    ///
    /// # Errors
    /// As [`bind_udp`].
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn bind(address: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        Self::from_socket(bind_udp(address, options)?, options)
    }

    /// Registers a socket made by [`bind_udp`] with the current tokio runtime.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn from_socket(socket: UdpSocket, options: &UdpOptions) -> io::Result<Self> {
        let local = socket.local_addr()?;
        Ok(Self {
            socket: tokio::net::UdpSocket::from_std(socket)?,
            local,
            basin: Basin::new(),
            backlog: VecDeque::new(),
            backlog_limit: options.backlog,
            counters: UdpCounters::default(),
            segments: true,
        })
    }

    /// The address that the socket is bound to, with its port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Totals since the socket was bound.
    #[must_use]
    pub fn counters(&self) -> UdpCounters {
        self.counters
    }

    /// Datagrams that wait in the backlog.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Waits until there is something to receive, an error to take, or room for the backlog. Cancel-safe.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn ready(&self) -> io::Result<()> {
        let mut interest = Interest::READABLE | Interest::ERROR;
        if !self.backlog.is_empty() {
            interest |= Interest::WRITABLE;
        }
        self.socket.ready(interest).await.map(drop)
    }

    /// Hands up at most `max` datagrams. Returns how many.
    pub fn recv_batch(&mut self, max: usize, mut each: impl FnMut(Arrival<'_>)) -> usize {
        let (socket, basin) = (&self.socket, &mut self.basin);
        let mut taken = 0;
        for _ in 0..max {
            match socket.try_io(Interest::READABLE, || basin.take(socket, max - taken, &mut each)) {
                Ok(scooped) => {
                    taken += scooped;
                    if taken >= max {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The socket reports an ICMP error once in the place of a datagram; the error queue has the details.
                Err(_) => {}
            }
        }
        self.counters.received += taken as u64;
        taken
    }

    /// Sends one datagram, or queues it while the socket takes no more. Never blocks. Order is kept.
    pub fn send(&mut self, remote: SocketAddr, datagram: &[u8]) -> SendResult {
        let result = if self.backlog.is_empty() {
            self.send_now(remote, datagram)
        } else {
            SendResult::Queued
        };
        match result {
            SendResult::Queued if self.backlog.len() >= self.backlog_limit => {
                self.counters.dropped += 1;
                SendResult::Dropped
            }
            SendResult::Queued => {
                self.counters.queued += 1;
                self.backlog.push_back((remote, Bytes::copy_from_slice(datagram)));
                SendResult::Queued
            }
            SendResult::Sent | SendResult::Dropped | SendResult::Failed(_) => result,
        }
    }

    /// Sends datagrams that have one length to one peer, in one go as far as the system can (`UDP_SEGMENT`, udp(7)): the way through
    /// the system is what a short datagram costs most. Never blocks.
    pub fn send_alike<'a>(&mut self, remote: SocketAddr, datagrams: impl Iterator<Item = &'a Bytes>) {
        let datagrams: SmallVec<[&Bytes; BUNDLE]> = datagrams.collect();
        for bundle in datagrams.chunks(BUNDLE) {
            let whole = bundle.len() > 1 && self.segments && self.backlog.is_empty();
            if whole && self.send_bundle(remote, bundle) {
                self.counters.sent += bundle.len() as u64;
                continue;
            }
            for datagram in bundle {
                self.send(remote, datagram);
            }
        }
    }

    /// Whether the kernel has taken them all.
    fn send_bundle(&mut self, remote: SocketAddr, bundle: &[&Bytes]) -> bool {
        let length = bundle.first().map_or(0, |datagram| datagram.len());
        let Some(length) = u16::try_from(length).ok().filter(|length| *length > 0) else {
            return false;
        };
        let slices: SmallVec<[IoSlice<'_>; BUNDLE]> =
            bundle.iter().map(|datagram| IoSlice::new(datagram)).collect();
        let (segments, flags) = ([ControlMessage::UdpGsoSegments(&length)], MsgFlags::MSG_DONTWAIT);
        let to = SockaddrStorage::from(remote);
        match sendmsg(self.socket.as_raw_fd(), &slices, &segments, flags, Some(&to)) {
            Ok(_) => true,
            // The interface can't.
            Err(Errno::EIO) => {
                self.segments = false;
                false
            }
            // One by one then: too long for the way there, or the socket is full, or has an ICMP error to tell.
            Err(_) => false,
        }
    }

    /// Sends what waits, as far as the socket takes it; `failed` learns of those that can't be sent at all.
    pub fn flush(&mut self, mut failed: impl FnMut(Unreachable)) {
        while let Some((remote, datagram)) = self.backlog.pop_front() {
            match self.send_now(remote, &datagram) {
                SendResult::Sent | SendResult::Dropped => {}
                SendResult::Failed(reason) => failed(Unreachable { remote, reason }),
                SendResult::Queued => {
                    self.backlog.push_front((remote, datagram));
                    return;
                }
            }
        }
    }

    /// Takes at most `max` reports of datagrams that came back from the network.
    pub fn unreachable(&mut self, max: usize, mut each: impl FnMut(Unreachable)) {
        for _ in 0..max {
            match self
                .socket
                .try_io(Interest::ERROR, || error_queue::take(&self.socket))
            {
                Ok(Some(report)) => {
                    self.counters.unreachable += 1;
                    each(report);
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    tracing::warn!(local = %self.local, %error, "cannot read the socket's error queue");
                    break;
                }
            }
        }
    }

    /// `Queued` says: would block.
    fn send_now(&mut self, remote: SocketAddr, datagram: &[u8]) -> SendResult {
        // Straight to the system: the runtime's own `try_send_to` refuses before it has seen the socket writable.
        let (socket, address) = (SockRef::from(&self.socket), remote.into());
        let mut reason = io::ErrorKind::Other;
        for _ in 0..SEND_TRIES {
            match socket.send_to(datagram, &address) {
                Ok(_) => {
                    self.counters.sent += 1;
                    return SendResult::Sent;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Once more through the runtime, so that it learns that the socket is full and wakes us later.
                    let again = || socket.send_to(datagram, &address);
                    return match self.socket.try_io(Interest::WRITABLE, again) {
                        Ok(_) => {
                            self.counters.sent += 1;
                            SendResult::Sent
                        }
                        Err(_) => SendResult::Queued,
                    };
                }
                // A pending ICMP error, perhaps about another remote, is reported in place of this send and thereby
                // cleared: the next try tells whether it is about this datagram.
                Err(error) => reason = error.kind(),
            }
        }
        self.counters.failed += 1;
        SendResult::Failed(reason)
    }
}

#[cfg(test)]
mod tests;
