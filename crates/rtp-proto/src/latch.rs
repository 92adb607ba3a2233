//! Where a peer is: the signalled address until packets show another, and which sources are believed (RFC 7362, RFC 4961).
//!
//! | source of a valid packet | becomes the peer's address |
//! |---|---|
//! | the signalled address | while no source is confirmed, in the window, and when a lesser source is silent |
//! | the signalling's IP address | while no source is confirmed; in the window when the present source is silent or lesser |
//! | any, with `symmetric` | in the window, once an SDP is known, when the present source is silent; unless that SDP's address is private and the signalling's is not (which hints at a NAT), only after [`STRANGER_HOLD`] without anybody better |
//! | same SSRC, sequence +1..=+100, present source silent for [`QUIET`], same IP address (or `rebind_any_address`) | at any time |
//!
//! An offer/answer opens the window for [`WINDOW`]. Everything else is dropped.

use crate::control::{DropReason, Latch, Remote};
use crate::rtp::Header;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long after an offer/answer another source may be learned.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
/// A source that sent nothing for this long may be succeeded by another.
pub(crate) const QUIET: Duration = Duration::from_millis(500);
/// How long a stranger is kept waiting where the signalled address looks right.
pub(crate) const STRANGER_HOLD: Duration = Duration::from_secs(2);
/// How long packets from the address before an offer/answer are not taken for the peer's new address.
const FORMER_HOLD: Duration = Duration::from_secs(1);
/// An RTCP source may be succeeded after this (reports come every 5 s or so, RFC 3550 §6.2).
const RTCP_QUIET: Duration = Duration::from_secs(15);
/// Packets without a pause before an address counts as firm: connecting a socket for less is not worth it.
const FIRM_AFTER: u32 = 25;
/// How far the sequence may have moved on while a peer changed its address.
const REBIND_AHEAD: u16 = 100;

/// How much a source has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stranger,
    Signalling,
    Signalled,
}

/// The address state of one leg.
#[derive(Debug)]
pub(crate) struct Address {
    rule: Latch,
    signalled: Option<Remote>,
    mux: bool,
    /// The peer's SDP says `0.0.0.0`, port 0 or an address that the access list refuses: nothing is sent (RFC 3264 §8.4).
    barred: bool,
    current: Option<SocketAddr>,
    rank: Rank,
    /// A packet has come from `current` since the last offer/answer that changed it.
    confirmed: bool,
    /// The source before the last offer/answer: still heard until the new one speaks, never sent to (RFC 3264 §8.3.1).
    former: Option<Box<SocketAddr>>,
    window_ends: Instant,
    /// The last packet from `current`.
    heard: Option<Heard>,
    /// Packets from `current` without a pause.
    in_a_row: u32,
    firm: bool,
    waiting: Option<Box<(SocketAddr, Instant)>>,
    rtcp: Option<SocketAddr>,
    rtcp_heard: Option<Instant>,
    /// Somebody else vouches for the peer's addresses, and no latching is done.
    assured: Option<Box<Assured>>,
    /// Counts changes of where the peer is and of whether that is firm.
    changes: u32,
}

/// What connectivity checks say of the peer (RFC 8445).
#[derive(Debug, PartialEq, Eq)]
struct Assured {
    to: Option<SocketAddr>,
    known: SmallVec<[SocketAddr; 4]>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Instant,
    /// SSRC and sequence; none for UDPTL.
    mark: Option<(u32, u16)>,
}

/// A packet was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// From the address already known.
    Known,
    /// From an address just learned.
    Learned,
    /// From the former address, which is not learned.
    Former,
}

impl Address {
    pub(crate) fn new(now: Instant, rule: Latch, remote: Option<Remote>, mux: bool) -> Self {
        let mut address = Self {
            rule,
            signalled: remote,
            mux,
            barred: false,
            current: None,
            rank: Rank::Signalled,
            confirmed: false,
            former: None,
            window_ends: now + WINDOW,
            heard: None,
            in_a_row: 0,
            firm: false,
            waiting: None,
            rtcp: None,
            rtcp_heard: None,
            assured: None,
            changes: 0,
        };
        address.start_over();
        address
    }

    /// A new offer/answer for this leg. The same addresses again open the window and keep what was learned, so that a session
    /// refresh does not deafen a peer behind a NAT.
    pub(crate) fn update(&mut self, now: Instant, rule: Latch, remote: Option<Remote>, mux: bool) {
        let same = remote == self.signalled && rule == self.rule && mux == self.mux;
        let same_peer = rule.signalling == self.rule.signalling;
        (self.rule, self.signalled, self.mux) = (rule, remote, mux);
        self.window_ends = now + WINDOW;
        self.waiting = None;
        self.loosen();
        if !same {
            // Another peer altogether (the next carrier after a failure): the one before has nothing more to say.
            self.former = match self.current {
                Some(current) if same_peer && self.confirmed => Some(Box::new(current)),
                Some(_) | None => self.former.take().filter(|_| same_peer),
            };
            self.start_over();
        }
    }

    /// The other leg had an offer/answer: who has not been heard yet may speak now.
    pub(crate) fn other_updated(&mut self, now: Instant) {
        if !self.confirmed {
            self.window_ends = now + WINDOW;
            self.waiting = None;
        }
    }

    fn start_over(&mut self) {
        self.barred = self.signalled.is_some_and(|remote| !self.may_send_to(remote.rtp));
        self.current = self
            .signalled
            .map(|remote| remote.rtp)
            .filter(|to| self.may_send_to(*to));
        (self.rank, self.confirmed, self.heard) = (Rank::Signalled, false, None);
        (self.rtcp, self.rtcp_heard) = (None, None);
    }

    /// The peer is at `known` and wants to be sent to at `to`, as somebody knows who asked for a password.
    pub(crate) fn assure(&mut self, to: Option<SocketAddr>, known: impl Iterator<Item = SocketAddr>) {
        let assured = Some(Box::new(Assured {
            to,
            known: known.collect(),
        }));
        if self.assured != assured {
            self.assured = assured;
            self.loosen();
        }
    }

    /// Nobody vouches for the peer's addresses any more.
    pub(crate) fn unassure(&mut self) {
        if self.assured.take().is_some() {
            self.loosen();
        }
    }

    /// The verdict of who vouches for the peer's addresses, if anybody does.
    fn vouched(&self, from: SocketAddr) -> Option<Result<(), DropReason>> {
        let assured = self.assured.as_ref()?;
        let known = assured.known.iter().any(|known| same(*known, from));
        Some(if known { Ok(()) } else { Err(self.refusal(from)) })
    }

    /// Where RTP for this peer goes.
    pub(crate) fn rtp_destination(&self) -> Option<SocketAddr> {
        if let Some(assured) = &self.assured {
            return assured.to.filter(|to| self.may_send_to(*to));
        }
        if self.barred { None } else { self.current }
    }

    /// Where RTCP for this peer goes: where its RTCP came from; as signalled while its RTP is where it was signalled; else the
    /// port above its RTP.
    pub(crate) fn rtcp_destination(&self) -> Option<SocketAddr> {
        let current = self.rtp_destination()?;
        if self.mux {
            return Some(current);
        }
        if self.rtcp.is_some() {
            return self.rtcp;
        }
        let to = match self.signalled {
            Some(remote) if same(remote.rtp, current) => remote.rtcp,
            Some(_) | None => SocketAddr::new(current.ip(), current.port().checked_add(1)?),
        };
        Some(to).filter(|to| self.may_send_to(*to))
    }

    /// The address that a socket may be connected to: nobody else can be believed for as long as it speaks.
    pub(crate) fn firm(&self) -> Option<SocketAddr> {
        if self.firm { self.current } else { None }
    }

    /// A number that is another whenever the destination or [`firm`](Self::firm) may be.
    pub(crate) fn changes(&self) -> u32 {
        self.changes
    }

    /// The current address was heard by somebody else.
    pub(crate) fn heard_elsewhere(&mut self, at: Instant, mark: Option<(u32, u16)>) {
        if self.heard.is_none_or(|heard| at > heard.at) {
            self.heard = Some(Heard { at, mark });
        }
    }

    /// Whether `from` is the peer.
    pub(crate) fn is_current(&self, from: SocketAddr) -> bool {
        self.current.is_some_and(|current| same(current, from))
    }

    /// Whether another source may be believed now: never while a firm one speaks.
    pub(crate) fn may_be_succeeded(&self, now: Instant) -> bool {
        !self.firm || !self.is_live(now)
    }

    /// When the firm address will have been silent for too long.
    pub(crate) fn quiet_at(&self) -> Option<Instant> {
        self.heard.filter(|_| self.firm).map(|heard| heard.at + QUIET)
    }

    /// The firm address fell silent, or an offer/answer came: other sources are to be heard again.
    pub(crate) fn loosen(&mut self) {
        (self.firm, self.in_a_row) = (false, 0);
        self.changes = self.changes.wrapping_add(1);
    }

    /// A valid RTP packet, or a UDPTL datagram (no header).
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        from: SocketAddr,
        header: Option<&Header>,
    ) -> Result<Accepted, DropReason> {
        if let Some(verdict) = self.vouched(from) {
            return verdict.map(|()| Accepted::Known);
        }
        let mark = header.map(|h| (h.ssrc, h.sequence));
        if self.current.is_some_and(|current| same(current, from)) {
            self.hear(now, mark);
            return Ok(Accepted::Known);
        }
        if !self.may_send_to(from) {
            return Err(self.refusal(from));
        }
        let rank = self.rank_of(from);
        let former = !self.confirmed && self.former.as_deref().is_some_and(|former| same(*former, from));
        if former && rank != Some(Rank::Signalled) && self.has_left(now, from) {
            return Ok(Accepted::Former);
        }
        if !self.may_become(now, from, rank) && !self.is_rebinding(now, from, mark) {
            return if former {
                Ok(Accepted::Former)
            } else {
                Err(DropReason::Source)
            };
        }
        self.current = Some(from);
        self.rank = rank.unwrap_or(Rank::Stranger);
        (self.rtcp, self.rtcp_heard) = (None, None);
        self.loosen();
        self.hear(now, mark);
        Ok(Accepted::Learned)
    }

    /// Whether [`accept`](Self::accept) could take a packet with this SSRC and sequence number, if it proved to be the peer's.
    pub(crate) fn could_be(
        &self,
        now: Instant,
        from: SocketAddr,
        mark: (u32, u16),
    ) -> Result<(), DropReason> {
        if let Some(verdict) = self.vouched(from) {
            return verdict;
        }
        if self.current.is_some_and(|current| same(current, from)) {
            return Ok(());
        }
        if !self.may_send_to(from) {
            return Err(self.refusal(from));
        }
        let open = now < self.window_ends;
        let ranked = match self.rank_of(from) {
            None => false,
            Some(Rank::Signalled) => !self.confirmed || open || self.is_outranked(now),
            Some(Rank::Signalling) => !self.confirmed || open,
            Some(Rank::Stranger) => open && !self.is_live(now),
        };
        let former = !self.confirmed && self.former.as_deref().is_some_and(|former| same(*former, from));
        if ranked || former || self.is_rebinding(now, from, Some(mark)) {
            Ok(())
        } else {
            Err(DropReason::Source)
        }
    }

    /// A valid RTCP packet. It is believed where RTP is, and never moves RTP.
    pub(crate) fn accept_rtcp(&mut self, now: Instant, from: SocketAddr) -> Result<(), DropReason> {
        self.could_be_rtcp(now, from)?;
        if !self.mux {
            self.rtcp = Some(from);
            self.rtcp_heard = Some(now);
        }
        Ok(())
    }

    /// Whether [`accept_rtcp`](Self::accept_rtcp) takes a packet from there.
    pub(crate) fn could_be_rtcp(&self, now: Instant, from: SocketAddr) -> Result<(), DropReason> {
        if let Some(verdict) = self.vouched(from) {
            return verdict;
        }
        if self.mux {
            let ours = self.current.is_some_and(|current| same(current, from));
            return if ours || self.early(from) {
                Ok(())
            } else {
                Err(self.refusal(from))
            };
        }
        if !self.rtcp_destination().is_some_and(|known| same(known, from)) {
            let near = self.confirmed && self.current.is_some_and(|current| current.ip() == from.ip());
            let free = self
                .rtcp_heard
                .is_none_or(|at| now.saturating_duration_since(at) >= RTCP_QUIET);
            if !(free && self.allowed(from.ip()) && (near || self.early(from))) {
                return Err(self.refusal(from));
            }
        }
        Ok(())
    }

    fn hear(&mut self, now: Instant, mark: Option<(u32, u16)>) {
        let paused = !self.is_live(now);
        self.heard = Some(Heard { at: now, mark });
        if !self.confirmed {
            (self.confirmed, self.former, self.waiting) = (true, None, None);
        }
        self.in_a_row = if paused {
            1
        } else {
            self.in_a_row.saturating_add(1)
        };
        if !self.firm && self.in_a_row >= FIRM_AFTER {
            self.firm = self.rank == Rank::Signalled || now >= self.window_ends;
            self.changes = self.changes.wrapping_add(u32::from(self.firm));
        }
    }

    /// `current` has been heard, and not long ago.
    fn is_live(&self, now: Instant) -> bool {
        self.confirmed
            && self
                .heard
                .is_some_and(|heard| now.saturating_duration_since(heard.at) < QUIET)
    }

    /// `current` is not where the SDP says, and silent.
    fn is_outranked(&self, now: Instant) -> bool {
        self.rank < Rank::Signalled && !self.is_live(now)
    }

    /// Whether [`accept`](Self::accept) could take a packet of this SSRC if `current` had fallen silent.
    pub(crate) fn could_succeed(&self, now: Instant, from: SocketAddr, ssrc: Option<u32>) -> bool {
        if let Some(verdict) = self.vouched(from) {
            return verdict.is_ok();
        }
        let ranked = match self.rank_of(from) {
            Some(Rank::Signalled) => true,
            Some(Rank::Signalling | Rank::Stranger) => !self.confirmed || now < self.window_ends,
            None => !self.confirmed,
        };
        let near =
            self.rule.rebind_any_address || self.current.is_some_and(|current| current.ip() == from.ip());
        let known = self.heard.and_then(|heard| heard.mark).map(|(ssrc, _)| ssrc);
        self.may_send_to(from) && (ranked || (near && ssrc.is_some() && ssrc == known))
    }

    fn rank_of(&self, from: SocketAddr) -> Option<Rank> {
        if self.signalled.is_some_and(|remote| same(remote.rtp, from)) {
            Some(Rank::Signalled)
        } else if !self.rule.signalling.is_unspecified() && self.rule.signalling == from.ip() {
            Some(Rank::Signalling)
        } else {
            self.rule.symmetric.then_some(Rank::Stranger)
        }
    }

    fn may_become(&mut self, now: Instant, from: SocketAddr, rank: Option<Rank>) -> bool {
        let Some(rank) = rank else { return false };
        let open = now < self.window_ends;
        let yields = !self.is_live(now) || rank > self.rank;
        match rank {
            Rank::Signalled => !self.confirmed || open || self.is_outranked(now),
            Rank::Signalling => !self.confirmed || (open && yields),
            Rank::Stranger => open && !self.is_live(now) && self.has_waited(now, from),
        }
    }

    /// The peer said that it moves away from `from`, to an address that looks reachable: packets still under way from there
    /// must not pull the stream back. After a while without anything from the new address it is judged like any other.
    fn has_left(&self, now: Instant, from: SocketAddr) -> bool {
        let reachable = self.signalled.is_some_and(|remote| {
            let ip = remote.rtp.ip();
            ip == self.rule.signalling || ip == from.ip()
        });
        reachable && now + WINDOW < self.window_ends + FORMER_HOLD
    }

    /// A stranger's turn: an SDP is known, and either it hints at a NAT or nobody better has spoken for a while.
    fn has_waited(&mut self, now: Instant, from: SocketAddr) -> bool {
        let Some(remote) = self.signalled else {
            return false;
        };
        if self.is_private(remote) {
            return true;
        }
        match self.waiting.as_deref() {
            Some((who, since)) if same(*who, from) => now.saturating_duration_since(*since) >= STRANGER_HOLD,
            Some(_) | None => {
                self.waiting = Some(Box::new((from, now)));
                false
            }
        }
    }

    /// The signalled address means nothing where we are: the peer is behind a NAT.
    fn is_private(&self, remote: Remote) -> bool {
        is_unroutable(remote.rtp.ip()) && !is_unroutable(self.rule.signalling)
    }

    /// Whether the peer is likely to be where its RTP goes: a private address waits for a packet that shows the way.
    pub(crate) fn is_reachable(&self) -> bool {
        let strict = self.rule.signalling.is_unspecified();
        let private = self.signalled.is_some_and(|remote| self.is_private(remote));
        !private || strict || self.confirmed || self.assured.is_some()
    }

    /// The same stream from another address, after the old one fell silent: a NAT gave the peer another binding.
    fn is_rebinding(&self, now: Instant, from: SocketAddr, mark: Option<(u32, u16)>) -> bool {
        let strict = self.rule.signalling.is_unspecified() && !self.rule.symmetric;
        let (Some(heard), Some(current), Some((ssrc, sequence)), false) =
            (self.heard, self.current, mark, strict)
        else {
            return false;
        };
        let follows = heard.mark.is_some_and(|(last_ssrc, last)| {
            ssrc == last_ssrc && (1..=REBIND_AHEAD).contains(&sequence.wrapping_sub(last))
        });
        let near = current.ip() == from.ip() || self.rule.rebind_any_address;
        self.confirmed && !self.is_live(now) && follows && near
    }

    /// RTCP before any RTP: from the signalling's address, or where the peer was before.
    fn early(&self, from: SocketAddr) -> bool {
        !self.confirmed
            && self.allowed(from.ip())
            && (self.rule.signalling == from.ip()
                || self
                    .former
                    .as_ref()
                    .is_some_and(|former| former.ip() == from.ip()))
    }

    fn refusal(&self, from: SocketAddr) -> DropReason {
        if self.allowed(from.ip()) {
            DropReason::Source
        } else {
            DropReason::Acl
        }
    }

    /// Whether the access list lets this address in.
    pub(crate) fn allowed(&self, ip: IpAddr) -> bool {
        self.rule.acl.is_empty() || self.rule.acl.iter().any(|net| net.contains(ip))
    }

    fn may_send_to(&self, to: SocketAddr) -> bool {
        let ip = to.ip();
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        to.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast && self.allowed(ip)
    }
}

/// Addresses that mean nothing outside their own network: private (RFC 1918, RFC 4193), shared (RFC 6598), link-local.
pub fn is_unroutable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Equal as addresses: flow label and scope aside.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip() == b.ip()
}
