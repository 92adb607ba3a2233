//! What we send.

use super::Refusal;
use super::cipher::{Form, Layout, Place, Session};
use super::keys::{Keys, Mki, RTCP_LIFETIME, RTP_LIFETIME};
use super::suite::Suite;
use super::table::Table;
use super::window::{MAX_INDEX, Window, index};
use super::wire::{RTCP_HEADER, rtcp_ssrc, rtp_header};

/// SSRCs under one key. Above it packets are refused: to forget one would be to use its key stream twice if it came back.
const MAX_SOURCES: usize = 256;

/// The sending half of a leg: encrypts, authenticates, and never uses an index twice.
///
/// Sequence numbers are taken as they come. A packet whose index was used already is refused, also when it is an honest copy:
/// under the same key stream a different payload would give both away (RFC 3711 §9.1).
#[derive(Debug)]
pub struct Sender {
    keys: Keys,
    mki: Option<Mki>,
    session: Option<Session>,
    rtp: Table<Window>,
    rtcp: Table<u64>,
    sent: Sent,
}

#[derive(Debug, Default)]
struct Sent {
    rtp: u64,
    rtcp: u64,
}

impl Sender {
    /// Of several keys the first is used.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        let first = keys.iter().next();
        Self {
            mki: first.and_then(|key| key.mki().cloned()),
            session: first.and_then(|key| Session::new(keys.suite(), key)),
            keys,
            rtp: Table::new(),
            rtcp: Table::new(),
            sent: Sent::default(),
        }
    }

    /// The suite in use.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.keys.suite()
    }

    /// The keys in use.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Takes new keys: every rollover counter and SRTCP index begins at 0 again (RFC 4568 §7.1.4). The key in use once more, if
    /// with another lifetime or identifier: the counters go on, as no index may be used twice under it (RFC 3711 §9.1).
    pub fn rekey(&mut self, keys: Keys) {
        if keys == self.keys {
            return;
        }
        if keys.begin_like(&self.keys) {
            self.mki = keys.iter().next().and_then(|key| key.mki().cloned());
            self.keys = keys;
        } else {
            *self = Self::new(keys);
        }
    }

    /// Whether the key should be replaced soon: seven eighths of its life are over, or no further SSRC fits under it.
    #[must_use]
    pub fn wants_rekey(&self) -> bool {
        let late = |sent: u64, most: u64| sent >= most - most / 8;
        let (rtp, rtcp) = self.lifetimes();
        late(self.sent.rtp, rtp)
            || late(self.sent.rtcp, rtcp)
            || self.rtp.len() >= MAX_SOURCES
            || self.rtcp.len() >= MAX_SOURCES
    }

    /// The source whose packet was sent last.
    #[must_use]
    pub fn latest_source(&self) -> Option<u32> {
        self.rtp.latest()
    }

    /// The sequence number behind the highest that was sent of this source.
    #[must_use]
    pub fn next_sequence(&self, ssrc: u32) -> Option<u16> {
        let highest = self.rtp.find(ssrc)?.highest();
        #[allow(clippy::cast_possible_truncation, reason = "the low 16 bits are wanted")]
        Some((highest as u16).wrapping_add(1))
    }

    /// By how much RTP packets grow, in bytes.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        self.keys.suite().rtp_tag_len() + self.keys.mki_len()
    }

    /// By how much RTCP packets grow, in bytes: the index too.
    #[must_use]
    pub fn rtcp_overhead(&self) -> usize {
        self.keys.suite().rtcp_tag_len() + 4 + self.keys.mki_len()
    }

    fn lifetimes(&self) -> (u64, u64) {
        let first = self.keys.iter().next();
        let lifetime = first.map_or(RTP_LIFETIME, super::MasterKey::lifetime);
        (lifetime, lifetime.min(RTCP_LIFETIME))
    }

    /// Protects the RTP packet in the first `len` bytes of `buffer` and gives its new length.
    ///
    /// # Errors
    /// Any [`Refusal`] but [`Refusal::UnknownKey`] and [`Refusal::Unauthentic`]; then neither buffer nor state has changed.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refusal> {
        let header = buffer.get(..len).and_then(rtp_header).ok_or(Refusal::Malformed)?;
        if self.sent.rtp >= self.lifetimes().0 {
            return Err(Refusal::Expired);
        }
        let index = match self.rtp.find(header.ssrc) {
            Some(window) => {
                let index = window.estimate(header.sequence).ok_or(
                    // Past the last index there is; before the first.
                    if window.highest() > MAX_INDEX / 2 {
                        Refusal::Expired
                    } else {
                        Refusal::TooOld
                    },
                )?;
                window.check(index)?;
                index
            }
            None if self.rtp.len() >= MAX_SOURCES => return Err(Refusal::TooManySources),
            None => index(0, header.sequence),
        };
        let place = Place {
            clear: header.length,
            ssrc: header.ssrc,
            index,
        };
        let length = self.seal(buffer, len, Form::Rtp, &place)?;
        self.sent.rtp += 1;
        match self.rtp.recent(header.ssrc) {
            Some(window) => window.note(index),
            None => self.rtp.insert(header.ssrc, Window::begin(index), MAX_SOURCES),
        }
        Ok(length)
    }

    /// Protects the RTCP packet (a whole compound) in the first `len` bytes of `buffer` and gives its new length.
    ///
    /// # Errors
    /// As [`Self::protect_rtp`].
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Refusal> {
        let ssrc = buffer.get(..len).and_then(rtcp_ssrc).ok_or(Refusal::Malformed)?;
        if self.sent.rtcp >= self.lifetimes().1 {
            return Err(Refusal::Expired);
        }
        let index = match self.rtcp.find(ssrc) {
            Some(next) if *next >= RTCP_LIFETIME => return Err(Refusal::Expired),
            Some(next) => *next,
            None if self.rtcp.len() >= MAX_SOURCES => return Err(Refusal::TooManySources),
            None => 0,
        };
        let place = Place {
            clear: RTCP_HEADER,
            ssrc,
            index,
        };
        let length = self.seal(buffer, len, Form::Rtcp, &place)?;
        self.sent.rtcp += 1;
        match self.rtcp.recent(ssrc) {
            Some(next) => *next += 1,
            None => self.rtcp.insert(ssrc, 1, MAX_SOURCES),
        }
        Ok(length)
    }

    fn seal(&self, buffer: &mut [u8], len: usize, form: Form, place: &Place) -> Result<usize, Refusal> {
        let session = self.session.as_ref().ok_or(Refusal::UnknownKey)?;
        let mki = self.mki.as_ref().map(Mki::as_bytes).unwrap_or_default();
        let layout = Layout::around(self.keys.suite(), form, mki.len(), len);
        session.seal(buffer, place, &layout, mki)?;
        Ok(layout.total)
    }

    /// Sets how many packets have been sent, for tests of lifetimes.
    #[cfg(test)]
    pub(super) fn pretend_sent(&mut self, rtp: u64, rtcp: u64) {
        self.sent = Sent { rtp, rtcp };
    }

    /// Sets an SRTCP index and the highest RTP index of a known SSRC, for tests of their ends.
    #[cfg(test)]
    pub(super) fn pretend_index(&mut self, ssrc: u32, rtp: u64, rtcp: u64) {
        self.rtp.insert(ssrc, Window::begin(rtp), MAX_SOURCES);
        self.rtcp.insert(ssrc, rtcp, MAX_SOURCES);
    }

    /// A sender that begins at session keys, for test vectors.
    #[cfg(test)]
    pub(super) fn with_session(keys: Keys, session: Session) -> Self {
        Self {
            session: Some(session),
            ..Self::new(keys)
        }
    }
}
