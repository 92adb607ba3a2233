//! What a peer sends.

use super::Refusal;
use super::cipher::{Form, Layout, Place, Session};
use super::keys::{Keys, Mki, RTCP_LIFETIME};
use super::table::Table;
use super::window::{Window, index};
use super::wire::{ENCRYPTED, RTCP_HEADER, RtpHeader, rtcp_ssrc, rtp_header};
use smallvec::SmallVec;

/// SSRCs that are remembered. Only authentic packets get a source in; the one that was quiet longest goes.
const MAX_SOURCES: usize = 64;

/// The receiving half of a leg: authenticates, decrypts, and refuses replays.
///
/// A new SSRC begins with a rollover counter of 0. Its first packet is tried with 1 as well, since the ones before the wrap may
/// have come before the keys or not at all.
#[derive(Debug)]
pub struct Receiver {
    keys: Keys,
    sessions: SmallVec<[Box<Held>; 1]>,
    rtp: Table<Source>,
    rtcp: Table<Window>,
}

/// A master key at work.
#[derive(Debug)]
struct Held {
    mki: Option<Mki>,
    lifetime: u64,
    session: Session,
    rtp: u64,
    rtcp: u64,
}

/// One SSRC.
#[derive(Debug)]
struct Source {
    window: Window,
    /// The keys are newer than all that came from it: whether its rollover counter goes on or began again isn't known.
    rekeyed: bool,
}

impl Receiver {
    /// For all of the keys; packets say by their MKI which is theirs.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        let held = |key: &super::MasterKey| {
            let session = Session::new(keys.suite(), key)?;
            Some(Box::new(Held {
                mki: key.mki().cloned(),
                lifetime: key.lifetime(),
                session,
                rtp: 0,
                rtcp: 0,
            }))
        };
        Self {
            sessions: keys.iter().filter_map(held).collect(),
            keys,
            rtp: Table::new(),
            rtcp: Table::new(),
        }
    }

    /// Takes the peer's new keys; what still comes under the old ones is not authentic any more. The peer may go on with its
    /// rollover counters (RFC 3711 §3.3.1) or begin at 0 (RFC 4568 §7.1.4): both are tried until a packet of the SSRC has
    /// told. The keys in use once more: nothing changes.
    pub fn rekey(&mut self, keys: Keys) {
        if keys == self.keys {
            return;
        }
        let renewed = !keys.overlaps(&self.keys);
        let old = std::mem::replace(self, Self::new(keys));
        self.rtp = old.rtp;
        if renewed {
            // Nothing that was sent before can be replayed under other keys.
            self.rtp.states().for_each(|source| source.rekeyed = true);
        } else {
            self.rtcp = old.rtcp;
        }
    }

    /// Unprotects the SRTP packet that fills `packet` and gives its length.
    ///
    /// # Errors
    /// Any [`Refusal`] but [`Refusal::NoRoom`] and [`Refusal::TooManySources`]; then no state has changed, but the packet may
    /// have been destroyed.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let header = rtp_header(packet).ok_or(Refusal::Malformed)?;
        let (layout, at) = self.layout(packet, Form::Rtp, header.length)?;
        let held = self.sessions.get(at).ok_or(Refusal::UnknownKey)?;
        if held.rtp >= held.lifetime {
            return Err(Refusal::Expired);
        }
        let candidates = candidates(self.rtp.find(header.ssrc), &header)?;
        let index = open_one(&held.session, packet, &header, &layout, &candidates)?;
        self.note(at, header.ssrc, index);
        Ok(layout.body)
    }

    fn note(&mut self, key: usize, ssrc: u32, index: u64) {
        if let Some(held) = self.sessions.get_mut(key) {
            held.rtp += 1;
        }
        match self.rtp.recent(ssrc) {
            Some(source) if source.rekeyed => {
                *source = Source {
                    window: Window::begin(index),
                    rekeyed: false,
                };
            }
            Some(source) => source.window.note(index),
            None => {
                let window = Window::begin(index);
                let source = Source {
                    window,
                    rekeyed: false,
                };
                self.rtp.insert(ssrc, source, MAX_SOURCES);
            }
        }
    }

    /// Unprotects the SRTCP packet that fills `packet` and gives its length.
    ///
    /// # Errors
    /// As [`Self::unprotect_rtp`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refusal> {
        let ssrc = rtcp_ssrc(packet).ok_or(Refusal::Malformed)?;
        let (layout, at) = self.layout(packet, Form::Rtcp, RTCP_HEADER)?;
        let held = self.sessions.get_mut(at).ok_or(Refusal::UnknownKey)?;
        if held.rtcp >= held.lifetime.min(RTCP_LIFETIME) {
            return Err(Refusal::Expired);
        }
        let word = packet
            .get(layout.word..)
            .and_then(|rest| rest.first_chunk())
            .map(|word| u32::from_be_bytes(*word))
            .ok_or(Refusal::Malformed)?;
        if word & ENCRYPTED == 0 {
            return Err(Refusal::Unauthentic);
        }
        let index = u64::from(word & !ENCRYPTED);
        if let Some(window) = self.rtcp.find(ssrc) {
            window.check(index)?;
        }
        let place = Place {
            clear: RTCP_HEADER,
            ssrc,
            index,
        };
        held.session.open(packet, &place, &layout, false)?;
        held.rtcp += 1;
        match self.rtcp.recent(ssrc) {
            Some(window) => window.note(index),
            None => self.rtcp.insert(ssrc, Window::begin(index), MAX_SOURCES),
        }
        Ok(layout.body)
    }

    /// Where the parts of the packet are, and which key it is under.
    fn layout(&self, packet: &[u8], form: Form, clear: usize) -> Result<(Layout, usize), Refusal> {
        let mki = self.keys.mki_len();
        let layout =
            Layout::within(self.keys.suite(), form, mki, clear, packet.len()).ok_or(Refusal::Malformed)?;
        if mki == 0 {
            return Ok((layout, 0));
        }
        let named = packet.get(layout.mki..layout.mki + mki);
        let at = self
            .sessions
            .iter()
            .position(|held| held.mki.as_ref().map(Mki::as_bytes) == named);
        Ok((layout, at.ok_or(Refusal::UnknownKey)?))
    }

    /// Sets the indices seen of an SSRC, for tests of their ends.
    #[cfg(test)]
    pub(super) fn pretend_index(&mut self, ssrc: u32, rtp: u64, rtcp: u64) {
        self.note(0, ssrc, rtp);
        self.rtcp.insert(ssrc, Window::begin(rtcp), MAX_SOURCES);
    }

    /// How many SSRCs are remembered.
    #[cfg(test)]
    pub(super) fn sources(&self) -> (usize, usize) {
        (self.rtp.len(), self.rtcp.len())
    }

    /// A receiver that begins at session keys, for test vectors.
    #[cfg(test)]
    pub(super) fn with_session(keys: Keys, session: Session) -> Self {
        let mut receiver = Self::new(keys);
        receiver.sessions[0].session = session;
        receiver
    }
}

/// The indices that a packet may have, most likely first.
type Candidates = SmallVec<[u64; 3]>;

fn candidates(source: Option<&Source>, header: &RtpHeader) -> Result<Candidates, Refusal> {
    let sequence = header.sequence;
    let mut candidates = Candidates::new();
    if let Some(source) = source {
        // Before the first index there can be, the number is a jump ahead.
        let index = source
            .window
            .estimate(sequence)
            .unwrap_or_else(|| index(source.window.highest() >> 16, sequence));
        if !source.rekeyed {
            source.window.check(index)?;
        }
        candidates.push(index);
    }
    if source.is_none_or(|source| source.rekeyed) {
        // Half the numbers behind a wrap: more than can be lost unnoticed.
        let rollovers = if sequence < 0x8000 { 2 } else { 1 };
        for roc in 0..rollovers {
            let index = index(roc, sequence);
            if !candidates.contains(&index) {
                candidates.push(index);
            }
        }
    }
    Ok(candidates)
}

fn open_one(
    session: &Session,
    packet: &mut [u8],
    header: &RtpHeader,
    layout: &Layout,
    candidates: &[u64],
) -> Result<u64, Refusal> {
    // One that is too long to be tried, longer than any of a network, has its likeliest index only.
    let can_try = session.can_try(header.length, layout);
    let mut rest = candidates.iter().copied().peekable();
    while let Some(index) = rest.next() {
        let place = Place {
            clear: header.length,
            ssrc: header.ssrc,
            index,
        };
        let trial = can_try && rest.peek().is_some();
        if session.open(packet, &place, layout, trial).is_ok() {
            return Ok(index);
        }
        if !trial {
            break;
        }
    }
    Err(Refusal::Unauthentic)
}
