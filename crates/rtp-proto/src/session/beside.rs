//! What is said on a leg's RTP port beside media: connectivity checks (ICE) and a handshake (DTLS), told apart from it and from
//! each other by the first byte (RFC 7983 §7). Neither goes to the other leg; what they bring is an address and keys.

use super::{Channel, Forward, Half, Notice, Session, Transmit};
use crate::control::{DropReason, Needs, PathChange, Security, Side};
use crate::dtls::{self, Association};
use crate::ice::{Agent, Heard};
use crate::packet::Packet;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Checks and handshake of one leg.
#[derive(Debug)]
pub(super) struct Beside {
    agent: Option<Agent>,
    /// The peer sends no checks: its addresses are learned as without ICE.
    unchecked: bool,
    association: Option<Association>,
    news: VecDeque<PathChange>,
}

impl Beside {
    /// Media that proved to be the peer's came from there.
    pub(super) fn alive(&mut self, now: Instant, from: SocketAddr) {
        if let Some(agent) = &mut self.agent {
            agent.alive(now, from);
        }
    }

    /// The agent whose word counts for addresses.
    fn judge(&self) -> Option<&Agent> {
        self.agent.as_ref().filter(|_| !self.unchecked)
    }
}

impl Half {
    /// A new offer/answer. With another party nothing of the old checks and handshake holds.
    pub(super) fn update_beside(&mut self, now: Instant, needs: &Needs, other_party: bool) {
        let handshake = match &needs.security {
            Some(Security::Dtls(dtls)) => Some(dtls),
            Some(Security::Sdes { .. }) | None => None,
        };
        if handshake.is_none() && needs.ice.is_none() {
            self.beside = None;
            self.address.unassure();
            return;
        }
        let before = self.beside.take().filter(|_| !other_party);
        let (mut agent, mut association, news) = match before {
            Some(before) => (before.agent, before.association, before.news),
            None => (None, None, VecDeque::new()),
        };
        agent = needs.ice.as_ref().map(|ice| match agent {
            Some(mut agent) => {
                agent.update(&ice.local, ice.remote.as_deref());
                agent
            }
            None => Agent::new(ice.local.clone(), ice.remote.as_deref()),
        });
        let unchecked = needs.ice.as_ref().is_some_and(|ice| ice.lite);
        association = handshake.map(|dtls| match association {
            Some(mut association) => {
                association.update(now, &dtls.setup);
                association
            }
            None => {
                let assured = agent.is_some() && !unchecked;
                Association::new(now, dtls.engines.clone(), dtls.setup.clone(), assured)
            }
        });
        self.beside = Some(Box::new(Beside {
            agent,
            unchecked,
            association,
            news,
        }));
        self.follow(now);
    }

    /// A datagram that is neither RTP nor RTCP.
    pub(super) fn hear_beside(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Forward {
        if !self.address.allowed(from.ip()) {
            return Err(DropReason::Acl);
        }
        match datagram.first() {
            Some(0..=3) => self.check(now, from, datagram)?,
            Some(20..=63) => self.handshake(now, from, datagram)?,
            // ZRTP, TURN channels, nothing known.
            Some(_) | None => return Err(DropReason::Invalid),
        }
        Ok(None)
    }

    fn check(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), DropReason> {
        let agent = self.beside.as_mut().and_then(|beside| beside.agent.as_mut());
        match agent.ok_or(DropReason::Invalid)?.receive(now, from, datagram) {
            Heard::Check | Heard::Selected(_) => self.follow(now),
            Heard::Ignored => {}
            Heard::Refused | Heard::Limited => return Err(DropReason::Check),
            Heard::Malformed => return Err(DropReason::Invalid),
        }
        Ok(())
    }

    fn handshake(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), DropReason> {
        // Whose media could be believed from there may shake hands from there. No packet has this SSRC yet.
        self.address.could_be(now, from, (0, 0))?;
        let association = self
            .beside
            .as_mut()
            .and_then(|beside| beside.association.as_mut());
        if !association
            .ok_or(DropReason::Invalid)?
            .receive(now, from, datagram)
        {
            return Err(DropReason::Handshake);
        }
        self.settle_handshake(now);
        Ok(())
    }

    /// When checks or handshake have something to do.
    pub(super) fn beside_deadline(&self) -> Option<Instant> {
        let beside = self.beside.as_ref()?;
        let agent = beside.agent.as_ref().and_then(Agent::poll_timeout);
        let association = beside.association.as_ref().and_then(Association::poll_timeout);
        [agent, association].into_iter().flatten().min()
    }

    /// Time has passed.
    pub(super) fn beside_timeout(&mut self, now: Instant) {
        let Some(beside) = &mut self.beside else { return };
        let lost = beside.agent.as_mut().and_then(|agent| agent.handle_timeout(now));
        if let Some(association) = &mut beside.association {
            association.handle_timeout(now);
        }
        if let Some(quiet) = lost {
            beside.news.push_back(PathChange::NoConsent(quiet));
            self.follow(now);
        }
        self.settle_handshake(now);
    }

    /// Packets go where the checks say, and the handshake with them.
    fn follow(&mut self, now: Instant) {
        let Some(beside) = &mut self.beside else { return };
        match beside.judge() {
            Some(agent) => self.address.assure(agent.destination(), agent.addresses()),
            None => self.address.unassure(),
        }
        if let Some(association) = &mut beside.association
            && let Some(to) = self.address.rtp_destination()
        {
            association.reach(now, to);
        }
        self.settle_handshake(now);
    }

    /// Takes what the handshake has come to.
    fn settle_handshake(&mut self, now: Instant) {
        let Some(beside) = &mut self.beside else { return };
        let Some(association) = &mut beside.association else {
            return;
        };
        while let Some(event) = association.poll_event() {
            let news = match event {
                dtls::Event::Keys { keying, from } => {
                    if let Some(secure) = &mut self.secure {
                        secure.install(keying);
                    }
                    // Who has shown the certificate is the peer: its address is as good as that of a packet of media.
                    let _ = self.address.accept(now, from, None);
                    PathChange::Secured
                }
                dtls::Event::Failed(failure) => PathChange::NotSecured(failure),
                dtls::Event::Closed => PathChange::Goodbye,
            };
            beside.news.push_back(news);
        }
    }
}

impl Session {
    /// The next answer to a check, or part of a handshake.
    pub(super) fn say_beside(&mut self, packet: &mut Packet<'_>) -> Option<Transmit> {
        for side in Side::BOTH {
            let (here, _) = self.halves(side);
            let Some(beside) = &mut here.beside else { continue };
            let checked = beside
                .agent
                .as_mut()
                .and_then(|agent| agent.poll_transmit(packet.buffer_mut()));
            let said = checked.or_else(|| {
                let association = beside.association.as_mut()?;
                association.poll_transmit(packet.buffer_mut())
            });
            if let Some((length, to)) = said {
                packet.set_len(length);
                let channel = Channel::Rtp;
                return Some(Transmit { side, channel, to });
            }
        }
        None
    }

    /// The next thing that came of it.
    pub(super) fn beside_notice(&mut self) -> Option<Notice> {
        Side::BOTH.into_iter().find_map(|side| {
            let (here, _) = self.halves(side);
            let change = here.beside.as_mut()?.news.pop_front()?;
            Some(Notice::Path { side, change })
        })
    }
}
