//! The sockets of one leg.

use crate::worker::Token;
use rtp_proto::Channel;
use rtp_proto::control::{Event, Leg, MediaId, PortPair, Side, StreamKind};
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Whose sockets they are, and how they are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The worker's.
    pub(crate) epoll: &'a OwnedFd,
    pub(crate) id: MediaId,
    /// `SO_RCVBUF`, bytes.
    pub(crate) receive_buffer: usize,
}

/// A leg's RTP socket, and its RTCP socket unless the two share one.
#[derive(Debug)]
pub(crate) struct Sockets {
    rtp: Socket,
    rtcp: Option<Socket>,
    /// What the RTP socket is connected to.
    connected: Option<SocketAddr>,
    bind: IpAddr,
    ports: PortPair,
    dscp: u8,
}

/// A socket that could not be had.
#[derive(Debug)]
pub(crate) struct Failure {
    side: Side,
    port: u16,
    error: io::Error,
}

impl Failure {
    pub(crate) fn event(self, id: MediaId) -> Event {
        Event::Failed {
            id,
            side: self.side,
            port: self.port,
            error: self.error.to_string(),
        }
    }
}

impl Sockets {
    /// Binds what the leg needs, on any thread, and has it watched by its worker; from now on what arrives there waits to be
    /// read.
    pub(crate) fn bind(place: Place<'_>, side: Side, leg: &Leg) -> Result<Self, Failure> {
        let rtp = bind(place, side, Channel::Rtp, leg)?;
        let rtcp = if wants_rtcp(leg) {
            Some(bind(place, side, Channel::Rtcp, leg)?)
        } else {
            None
        };
        Ok(Self {
            rtp,
            rtcp,
            connected: None,
            bind: leg.bind,
            ports: leg.ports,
            dscp: leg.dscp,
        })
    }

    /// Follows a changed leg; whether the RTP socket is a new one: one of `fresh`, where the ports have changed. On failure
    /// everything is as it was.
    pub(crate) fn follow(
        &mut self,
        place: Place<'_>,
        side: Side,
        leg: &Leg,
        fresh: Option<Self>,
    ) -> Result<bool, Failure> {
        if (self.bind, self.ports) != (leg.bind, leg.ports) {
            *self = match fresh {
                Some(fresh) => fresh,
                None => Self::bind(place, side, leg)?,
            };
            return Ok(true);
        }
        if !wants_rtcp(leg) {
            self.rtcp = None;
        } else if self.rtcp.is_none() {
            self.rtcp = Some(bind(place, side, Channel::Rtcp, leg)?);
        }
        if self.dscp != leg.dscp {
            self.dscp = leg.dscp;
            [Some(&self.rtp), self.rtcp.as_ref()]
                .into_iter()
                .flatten()
                .for_each(|s| mark(s, leg));
        }
        Ok(false)
    }

    /// Connects the RTP socket to its peer, or to nobody. Errors: none of it was done.
    pub(crate) fn connect(&mut self, to: Option<SocketAddr>) -> Result<(), Errno> {
        match to {
            Some(to) => net::connect(&self.rtp, &to)?,
            None if self.connected.is_some() => net::connect_unspec(&self.rtp)?,
            None => {}
        }
        self.connected = to;
        Ok(())
    }

    /// One datagram and its source; `None` when there is nothing to read.
    ///
    /// The source is asked for on a connected socket too: what was queued before it was connected may be anybody's.
    pub(crate) fn receive(
        &self,
        channel: Channel,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Errno> {
        let Some(socket) = self.socket(channel) else {
            return Ok(None);
        };
        loop {
            return match net::recvfrom(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _, from)) => Ok(from
                    .and_then(|from| from.try_into().ok())
                    .map(|from| (length, from))),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Ok(None),
                Err(error) => Err(error),
            };
        }
    }

    /// Sends one datagram.
    pub(crate) fn send(&self, channel: Channel, to: SocketAddr, packet: &[u8]) -> Result<(), Errno> {
        let Some(socket) = self.socket(channel) else {
            return Err(Errno::NOTCONN);
        };
        let direct = channel == Channel::Rtp && self.connected == Some(to);
        let mut again = true;
        loop {
            let sent = if direct {
                net::send(socket, packet, SendFlags::empty())
            } else {
                net::sendto(socket, packet, SendFlags::empty(), &to)
            };
            match sent {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                // An ICMP error for an earlier packet is reported in place of sending this one.
                Err(Errno::CONNREFUSED) if again => again = false,
                Err(error) => return Err(error),
            }
        }
    }

    fn socket(&self, channel: Channel) -> Option<&Socket> {
        match channel {
            Channel::Rtp => Some(&self.rtp),
            Channel::Rtcp => self.rtcp.as_ref(),
        }
    }
}

fn wants_rtcp(leg: &Leg) -> bool {
    leg.kind == StreamKind::Rtp && !leg.mux
}

fn bind(place: Place<'_>, side: Side, channel: Channel, leg: &Leg) -> Result<Socket, Failure> {
    let port = port_of(leg.ports, channel);
    let failed = |error| Failure { side, port, error };
    let socket = bound_socket(SocketAddr::new(leg.bind, port), place.receive_buffer).map_err(failed)?;
    mark(&socket, leg);
    let token = Token::new(place.id, side, channel).data();
    epoll::add(place.epoll, &socket, token, epoll::EventFlags::IN).map_err(|error| failed(error.into()))?;
    Ok(socket)
}

fn port_of(ports: PortPair, channel: Channel) -> u16 {
    match channel {
        Channel::Rtp => ports.rtp(),
        Channel::Rtcp => ports.rtcp(),
    }
}

fn bound_socket(address: SocketAddr, receive_buffer: usize) -> io::Result<Socket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(receive_buffer)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Marks what the socket sends with the leg's code point. A system that will not is no reason to refuse a call.
fn mark(socket: &Socket, leg: &Leg) {
    let traffic_class = u32::from(leg.dscp & 0x3f) << 2;
    let marked = match leg.bind {
        IpAddr::V4(_) => socket.set_tos_v4(traffic_class),
        IpAddr::V6(_) => socket.set_tclass_v6(traffic_class),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, dscp = leg.dscp, "media packets cannot be marked");
    }
}
