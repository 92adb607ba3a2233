//! SRTP on a leg: what arrives is opened before it may change anything, what leaves is sealed last of all.

use super::{Channel, Egress, Half};
use crate::control::{DropReason, Security};
use crate::dtls::Keying;
use crate::packet::Packet;
use crate::rtp::{self, Header, Kind};
use crate::srtp::{Receiver, Refusal, Sender};
use std::net::SocketAddr;
use std::time::Instant;

/// Packets in a row, behind the replay window, that are no stragglers: their source counts anew.
const BEHIND: u8 = 2;
/// Packets in a row, in the window and there before, that are no burst of copies.
const AGAIN: u8 = 8;

/// RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Rtp,
    Rtcp,
}

/// The keys of a leg at work.
#[derive(Debug)]
pub(super) struct Secure {
    /// `None`: the peer's keys are not known yet.
    receiver: Option<Receiver>,
    /// `None`: it is not settled yet which of ours is used.
    sender: Option<Sender>,
    stray: Stray,
    /// The keys come from a handshake and not with the SDP.
    is_dtls: bool,
}

/// Packets in a row that could not be sealed because their index was used.
#[derive(Debug, Default)]
struct Stray {
    ssrc: u32,
    next: u16,
    behind: u8,
    again: u8,
}

impl Secure {
    pub(super) fn new(security: &Security) -> Self {
        let (receive, send, is_dtls) = match security {
            Security::Sdes { receive, send } => (receive.clone(), send.clone(), false),
            Security::Dtls(_) => (None, None, true),
        };
        Self {
            receiver: receive.map(Receiver::new),
            sender: send.map(Sender::new),
            stray: Stray::default(),
            is_dtls,
        }
    }

    /// A new offer/answer with the same peer: keys that are the same go on, others replace them.
    pub(super) fn update(&mut self, security: &Security) {
        let (receive, send) = match security {
            Security::Sdes { receive, send } if !self.is_dtls => (receive, send),
            // Those of a handshake stay until another one is done.
            Security::Dtls(_) if self.is_dtls => return,
            Security::Sdes { .. } | Security::Dtls(_) => {
                *self = Self::new(security);
                return;
            }
        };
        match (&mut self.receiver, receive) {
            (Some(receiver), Some(keys)) => receiver.rekey(keys.clone()),
            (held, keys) => *held = keys.clone().map(Receiver::new),
        }
        match (&mut self.sender, send) {
            (Some(sender), Some(keys)) => sender.rekey(keys.clone()),
            (held, keys) => *held = keys.clone().map(Sender::new),
        }
    }

    /// A handshake is done: these replace what there was.
    pub(super) fn install(&mut self, keying: Keying) {
        match &mut self.receiver {
            Some(receiver) => receiver.rekey(keying.remote),
            held @ None => *held = Some(Receiver::new(keying.remote)),
        }
        match &mut self.sender {
            Some(sender) => sender.rekey(keying.local),
            held @ None => *held = Some(Sender::new(keying.local)),
        }
    }

    fn open(&mut self, form: Form, packet: &mut Packet<'_>) -> Result<(), DropReason> {
        let receiver = self.receiver.as_mut().ok_or(DropReason::NoKey)?;
        let opened = match form {
            Form::Rtp => receiver.unprotect_rtp(packet.bytes_mut()),
            Form::Rtcp => receiver.unprotect_rtcp(packet.bytes_mut()),
        };
        packet.set_len(opened.map_err(reason)?);
        Ok(())
    }

    fn seal(&mut self, form: Form, packet: &mut Packet<'_>) -> Result<(), Refusal> {
        let sender = self.sender.as_mut().ok_or(Refusal::UnknownKey)?;
        let length = packet.len();
        let sealed = match form {
            Form::Rtp => sender.protect_rtp(packet.buffer_mut(), length),
            Form::Rtcp => sender.protect_rtcp(packet.buffer_mut(), length),
        };
        packet.set_len(sealed?);
        Ok(())
    }

    /// By how much a packet grew when it was sealed, in bytes.
    fn overhead(&self, form: Form) -> usize {
        self.sender.as_ref().map_or(0, |sender| match form {
            Form::Rtp => sender.rtp_overhead(),
            Form::Rtcp => sender.rtcp_overhead(),
        })
    }
}

impl Stray {
    /// A packet of the source was refused; whether so many were in a row that the source counts anew.
    fn note(&mut self, header: &Header, refusal: Refusal) -> bool {
        if (self.ssrc, self.next) != (header.ssrc, header.sequence) {
            *self = Self::default();
        }
        (self.ssrc, self.next) = (header.ssrc, header.sequence.wrapping_add(1));
        if refusal == Refusal::TooOld {
            self.behind = self.behind.saturating_add(1);
        } else {
            self.again = self.again.saturating_add(1);
        }
        self.behind >= BEHIND || self.again >= AGAIN
    }
}

/// What a refused packet is counted as.
fn reason(refusal: Refusal) -> DropReason {
    match refusal {
        Refusal::Malformed => DropReason::Invalid,
        Refusal::NoRoom => DropReason::Send,
        Refusal::Unauthentic | Refusal::UnknownKey => DropReason::Unauthentic,
        Refusal::Replayed | Refusal::TooOld => DropReason::Replay,
        Refusal::Expired | Refusal::TooManySources => DropReason::NoKey,
    }
}

impl Half {
    /// Makes an RTP packet of a secured peer a plain one. Nothing changes unless it is authentic; where its source could not be
    /// believed in any case, its keys are not even asked.
    pub(super) fn open_rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Result<(), DropReason> {
        let Some(secure) = &mut self.secure else {
            return Ok(());
        };
        let mark = rtp::mark(packet.bytes()).ok_or(DropReason::Invalid)?;
        self.address.could_be(now, from, mark)?;
        secure.open(Form::Rtp, packet)?;
        if let Some(beside) = &mut self.beside {
            beside.alive(now, from);
        }
        Ok(())
    }

    /// The same for RTCP.
    pub(super) fn open_rtcp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> Result<(), DropReason> {
        let Some(secure) = &mut self.secure else {
            return Ok(());
        };
        self.address.could_be_rtcp(now, from)?;
        secure.open(Form::Rtcp, packet)
    }

    /// Seals an RTP packet that is relayed to this peer, whose header says this. A source that begins to count anew under the
    /// same SSRC would use indices again, and one that changes its SSRC again and again would have more than fit under the key:
    /// from then on the numbers are ours.
    pub(super) fn seal_rtp(
        &mut self,
        now: Instant,
        header: &Header,
        clock: u32,
        packet: &mut Packet<'_>,
    ) -> Result<(), DropReason> {
        let Some(secure) = &mut self.secure else {
            return Ok(());
        };
        let refusal = match secure.seal(Form::Rtp, packet) {
            Ok(()) => {
                secure.stray = Stray::default();
                return Ok(());
            }
            Err(refusal @ (Refusal::TooOld | Refusal::Replayed | Refusal::TooManySources))
                if self.egress.is_none() =>
            {
                refusal
            }
            Err(refusal) => return Err(outgoing(refusal)),
        };
        let many = refusal == Refusal::TooManySources;
        let next = secure.sender.as_ref().and_then(|sender| {
            let ssrc = if many {
                sender.latest_source()?
            } else {
                header.ssrc
            };
            Some((ssrc, sender.next_sequence(ssrc)?))
        });
        match next {
            Some((ssrc, next)) if many || secure.stray.note(header, refusal) => {
                let mut egress = Box::new(Egress::resume(ssrc, next, header.timestamp));
                rtp::renumber(packet.bytes_mut(), &egress.relay(now, header, clock));
                self.egress = Some(egress);
                secure.seal(Form::Rtp, packet).map_err(outgoing)
            }
            Some(_) | None => Err(outgoing(refusal)),
        }
    }

    /// Seals an RTCP packet for this peer.
    pub(super) fn seal_rtcp(&mut self, packet: &mut Packet<'_>) -> Result<(), DropReason> {
        match &mut self.secure {
            Some(secure) => secure.seal(Form::Rtcp, packet).map_err(outgoing),
            None => Ok(()),
        }
    }

    /// Seals a packet of our own for this peer, if it is RTP or RTCP.
    pub(super) fn seal_own(&mut self, channel: Channel, packet: &mut Packet<'_>) -> Result<(), DropReason> {
        let form = self.form(channel, packet.bytes());
        match (&mut self.secure, form) {
            (Some(secure), Some(form)) => secure.seal(form, packet).map_err(outgoing),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// Whether what is sent to this peer can be sealed, if it has to be.
    pub(super) fn has_key(&self) -> bool {
        self.secure.as_ref().is_none_or(|secure| secure.sender.is_some())
    }

    /// What a packet for this peer is; `None`: neither RTP nor RTCP.
    pub(super) fn form(&self, channel: Channel, packet: &[u8]) -> Option<Form> {
        match rtp::classify(packet, self.mux || channel == Channel::Rtcp) {
            Kind::Rtp if channel == Channel::Rtp => Some(Form::Rtp),
            Kind::Rtcp => Some(Form::Rtcp),
            Kind::Rtp | Kind::Other => None,
        }
    }

    /// Bytes of a packet for this peer that are not the packet's own.
    pub(super) fn overhead(&self, form: Form) -> usize {
        self.secure.as_ref().map_or(0, |secure| secure.overhead(form))
    }

    /// New keys, or none; for another party none of the old state holds.
    pub(super) fn secure_with(&mut self, security: Option<&Security>, other_party: bool) {
        match (&mut self.secure, security) {
            (Some(secure), Some(security)) if !other_party => secure.update(security),
            (held, security) => *held = security.map(|security| Box::new(Secure::new(security))),
        }
    }
}

/// What a packet is counted as that could not be sealed.
fn outgoing(refusal: Refusal) -> DropReason {
    match refusal {
        Refusal::UnknownKey => DropReason::NoKey,
        other => reason(other),
    }
}
