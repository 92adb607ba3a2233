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
use std::sync::Arc;

/// Reads in which what a first socket still has of a peer comes before what its own has: more datagrams than fit a buffer of
/// the usual size.
const OLDER: u16 = 512;

/// Whose sockets they are, and how they are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The worker's.
    pub(crate) epoll: &'a Arc<OwnedFd>,
    pub(crate) id: MediaId,
    /// `SO_RCVBUF`, bytes.
    pub(crate) receive_buffer: usize,
}

/// A leg's RTP socket, and its RTCP socket unless the two share one.
#[derive(Debug)]
pub(crate) struct Sockets {
    rtp: Socket,
    rtcp: Option<Socket>,
    /// Made when the peer's address is firm for the first time.
    ear: Option<Ear>,
    bind: IpAddr,
    ports: PortPair,
    dscp: u8,
    epoll: Arc<OwnedFd>,
    token: Token,
    receive_buffer: usize,
}

/// A second socket on the RTP port, connected to the peer. The system gives it what comes from there, with less work than to a
/// socket that hears everybody, and the first one all else: strangers are judged and counted, and fill a queue of their own.
#[derive(Debug)]
struct Ear {
    socket: Socket,
    /// Whom it hears; `None`: nobody.
    peer: Option<SocketAddr>,
    /// So many reads look at the first socket before this one.
    older: u16,
}

impl Ear {
    fn receive(&mut self, first: &Socket, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddr)>, Errno> {
        if self.older > 0 {
            self.older -= 1;
            if let Some(datagram) = receive(first, buffer)? {
                return Ok(Some(datagram));
            }
            self.older = 0;
        }
        match receive(&self.socket, buffer)? {
            Some(datagram) => Ok(Some(datagram)),
            None => receive(first, buffer),
        }
    }
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
            ear: None,
            bind: leg.bind,
            ports: leg.ports,
            dscp: leg.dscp,
            epoll: Arc::clone(place.epoll),
            token: Token::new(place.id, side, Channel::Rtp),
            receive_buffer: place.receive_buffer,
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
            let ear = self.ear.as_ref().map(|ear| &ear.socket);
            [Some(&self.rtp), self.rtcp.as_ref(), ear]
                .into_iter()
                .flatten()
                .for_each(|socket| mark(socket, leg.bind, leg.dscp));
        }
        Ok(false)
    }

    /// Hears this peer on a socket of its own, or nobody. Errors: everybody is heard on the first socket.
    pub(crate) fn connect(&mut self, to: Option<SocketAddr>) -> io::Result<()> {
        let ear = match (self.ear.take(), to) {
            (None, None) => return Ok(()),
            (Some(ear), _) => ear,
            (None, Some(_)) => Ear {
                socket: self.second()?,
                peer: None,
                older: 0,
            },
        };
        // What an earlier peer made of the source address, where none is bound, does not hold for another.
        net::connect_unspec(&ear.socket)?;
        // Connected to its own address it hears nobody, and keeps what it has of the peer until that is read.
        let own = SocketAddr::new(self.bind, self.ports.rtp());
        ear.socket.connect(&to.unwrap_or(own).into())?;
        self.ear = Some(Ear {
            peer: to,
            older: if to.is_some() { OLDER } else { 0 },
            ..ear
        });
        Ok(())
    }

    /// Another socket on the RTP port. Nobody else gets one: both sockets allow it only for this moment.
    fn second(&self) -> io::Result<Socket> {
        self.rtp.set_reuse_address(true)?;
        let address = SocketAddr::new(self.bind, self.ports.rtp());
        let second = bound_socket(address, self.receive_buffer, true);
        self.rtp.set_reuse_address(false)?;
        let second = second?;
        second.set_reuse_address(false)?;
        mark(&second, self.bind, self.dscp);
        epoll::add(&*self.epoll, &second, self.token.data(), epoll::EventFlags::IN)?;
        Ok(second)
    }

    /// One datagram and its source; `None` when there is nothing to read.
    ///
    /// The source is asked for on a connected socket too: what was queued before it was connected may be anybody's.
    pub(crate) fn receive(
        &mut self,
        channel: Channel,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Errno> {
        match (channel, &mut self.ear, &self.rtcp) {
            (Channel::Rtp, Some(ear), _) => ear.receive(&self.rtp, buffer),
            (Channel::Rtp, None, _) => receive(&self.rtp, buffer),
            (Channel::Rtcp, _, Some(rtcp)) => receive(rtcp, buffer),
            (Channel::Rtcp, _, None) => Ok(None),
        }
    }

    /// Sends one datagram.
    pub(crate) fn send(&self, channel: Channel, to: SocketAddr, packet: &[u8]) -> Result<(), Errno> {
        let ear = self.ear.as_ref().filter(|ear| ear.peer == Some(to));
        let (socket, direct) = match (channel, ear, &self.rtcp) {
            (Channel::Rtp, Some(ear), _) => (&ear.socket, true),
            (Channel::Rtp, None, _) => (&self.rtp, false),
            (Channel::Rtcp, _, Some(rtcp)) => (rtcp, false),
            (Channel::Rtcp, _, None) => return Err(Errno::NOTCONN),
        };
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
}

fn receive(socket: &Socket, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddr)>, Errno> {
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

fn wants_rtcp(leg: &Leg) -> bool {
    leg.kind == StreamKind::Rtp && !leg.mux
}

fn bind(place: Place<'_>, side: Side, channel: Channel, leg: &Leg) -> Result<Socket, Failure> {
    let port = port_of(leg.ports, channel);
    let failed = |error| Failure { side, port, error };
    let socket =
        bound_socket(SocketAddr::new(leg.bind, port), place.receive_buffer, false).map_err(failed)?;
    mark(&socket, leg.bind, leg.dscp);
    let token = Token::new(place.id, side, channel).data();
    epoll::add(&**place.epoll, &socket, token, epoll::EventFlags::IN)
        .map_err(|error| failed(error.into()))?;
    Ok(socket)
}

fn port_of(ports: PortPair, channel: Channel) -> u16 {
    match channel {
        Channel::Rtp => ports.rtp(),
        Channel::Rtcp => ports.rtcp(),
    }
}

fn bound_socket(address: SocketAddr, receive_buffer: usize, shared: bool) -> io::Result<Socket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(receive_buffer)?;
    socket.set_reuse_address(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Marks what the socket sends with a code point. A system that will not is no reason to refuse a call.
fn mark(socket: &Socket, bind: IpAddr, dscp: u8) {
    let traffic_class = u32::from(dscp & 0x3f) << 2;
    let marked = match bind {
        IpAddr::V4(_) => socket.set_tos_v4(traffic_class),
        IpAddr::V6(_) => socket.set_tclass_v6(traffic_class),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, dscp, "media packets cannot be marked");
    }
}
