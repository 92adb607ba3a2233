//! What is watched on a leg beside its packets: how it sounds, what its peer says of what it hears, whether anything is heard
//! from it at all.

use super::{Half, Notice, Session};
use crate::answer::{AfterAnswer, Supervisor};
use crate::control::{Heard, Leg, LegStats, Rtcp, Side, StreamKind};
use crate::emodel::Codec;
use crate::quality::{Hearsay, Meter, Sight};
use crate::rtcp::{Block, Item, Reporter};
use std::time::{Duration, Instant};

/// How often a session is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Who sent something within this time speaks.
const SPEAKS: Duration = Duration::from_secs(2);
/// A stream with pauses as long as this between packets suppresses silence: that it pauses means less.
const RESTS_MS: u32 = 1000;
/// So much longer may it.
const RESTS: u32 = 5;
/// What sounds worse than this from its beginning is told of: below 3.10 nearly all users are dissatisfied (ITU-T G.107 table B.1).
const BAD: f32 = 3.0;
/// What is quieter is silence without any noise, in dB of full scale: A-law's least is -72.2, comfort noise about -65.
const AUDIBLE: f32 = -72.0;

/// Times in which nothing was heard.
#[derive(Debug, Default)]
struct Mute {
    /// When the present one began.
    since: Option<Instant>,
    /// How long they were in all, as of the last look, and those that are over.
    all: Duration,
    before: Duration,
}

impl Mute {
    fn look(&mut self, now: Instant) {
        if let Some(since) = self.since {
            self.all = self.before + now.saturating_duration_since(since);
        }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.all.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A peer's reports, as they stand and as they are rated.
#[derive(Debug, Default)]
struct Told {
    heard: Heard,
    hearsay: Hearsay,
}

/// What is watched on one leg.
#[derive(Debug)]
pub(super) struct Monitor {
    /// What RTCP the peer gets.
    pub(super) policy: Rtcp,
    codec: Option<Codec>,
    meter: Meter,
    /// What the peer says of what it hears.
    told: Option<Box<Told>>,
    /// Reports of our own to the peer.
    pub(super) reporter: Option<Box<Reporter>>,
    /// When the next of them is due.
    pub(super) report_at: Option<Instant>,
    /// It was to be soon, as what the peer heard then was ours.
    pub(super) hasty: bool,
    /// The last report to the peer was ours.
    pub(super) reports: bool,
    /// The mark of the peer's last sender report, and when that came.
    pub(super) sender_report: Option<Box<(u32, Instant)>>,
    /// Since when something may be expected of the peer.
    since: Instant,
    /// Since when all that comes is silence, as far as somebody decodes it.
    silent: Option<Instant>,
    /// Nothing was, or is, heard from the peer although its counterpart speaks.
    mute: Option<Box<Mute>>,
    /// Listens to the peer, after an answer.
    pub(super) supervisor: Option<Box<Supervisor>>,
    /// What came of it.
    pub(super) after_answer: Option<Box<AfterAnswer>>,
}

impl Monitor {
    pub(super) fn new(now: Instant, leg: &Leg) -> Self {
        Self {
            policy: leg.rtcp,
            codec: leg.codec,
            meter: Meter::default(),
            told: None,
            reporter: None,
            report_at: None,
            hasty: false,
            reports: false,
            sender_report: None,
            since: now,
            silent: None,
            mute: None,
            supervisor: None,
            after_answer: None,
        }
    }

    /// A new offer/answer; `another`: with another party at the other end.
    pub(super) fn update(&mut self, now: Instant, leg: &Leg, another: bool) {
        if another {
            (self.sender_report, self.silent, self.reports) = (None, None, false);
            self.told = None;
            // What was heard so far was nobody's answer, or half of one.
            self.supervisor = None;
        }
        if !leg.expects {
            self.stop_listening(now);
        }
        if self.policy != leg.rtcp {
            (self.policy, self.report_at) = (leg.rtcp, None);
        }
        (self.codec, self.since) = (leg.codec, now);
    }

    /// The peer is listened to no longer.
    pub(super) fn stop_listening(&mut self, now: Instant) {
        if let Some(mut supervisor) = self.supervisor.take() {
            self.after_answer = supervisor.end(now).map(Box::new);
        }
    }

    /// Ends a silence that was told of; whether there was one.
    fn heard_again(&mut self, now: Instant) -> bool {
        let Some(mute) = &mut self.mute else {
            return false;
        };
        mute.look(now);
        mute.before = mute.all;
        mute.since.take().is_some()
    }

    /// Whether nothing is heard although the counterpart speaks.
    fn is_mute(&self) -> bool {
        self.mute.as_ref().is_some_and(|mute| mute.since.is_some())
    }
}

impl Session {
    /// Looks at both legs, each second.
    pub(super) fn watch(&mut self, now: Instant) {
        self.supervise_timeout(now);
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        for side in Side::BOTH {
            let (here, there) = self.halves(side);
            let level = there.level_heard();
            here.heed(now, level);
        }
        for side in Side::BOTH {
            let patience = self.patience.one_way;
            let (here, there) = self.halves(side);
            here.arm_reports(now);
            let rated = here.rate(now);
            let mute = here.listen(now, there, patience);
            let sounds = rated.and_then(|_| here.monitor.meter.beginning());
            if let Some(mos) = rated {
                self.notices.push_back(Notice::Rated { side, mos });
            }
            if let Some(mos) = sounds.filter(|mos| *mos < BAD) {
                self.notices.push_back(Notice::SoundsBad { side, mos });
            }
            if let Some(quiet) = mute {
                self.notices.push_back(Notice::OneWay { side, quiet });
            }
        }
    }
}

impl Half {
    /// The codec that is spoken on this leg, as far as quality goes.
    fn speech(&self) -> Option<Codec> {
        if self.kind != StreamKind::Rtp {
            return None;
        }
        let by_number = self.stats.payload_type.and_then(Codec::of_payload_type);
        by_number.or(self.monitor.codec)
    }

    /// Packets that were sent to us, going by what came and what is missing.
    fn expected(&self) -> u64 {
        self.stats.packets.saturating_sub(self.stats.duplicates) + self.reception.lost()
    }

    fn sight(&self) -> Sight {
        let (run, last) = (self.reception.run(), self.reception.last());
        // All packets of an event have one timestamp (RFC 4733 §2.5.1.2): nothing is learned of time from those.
        let events = self.listened();
        let newest = run
            .zip(last.filter(|last| events & (1 << (last.payload_type & 127)) == 0))
            .map(|(run, last)| (run.highest, last.timestamp, last.clock));
        Sight {
            expected: self.expected(),
            lost: self.reception.lost(),
            events: self.reception.loss_events(),
            newest,
            rtt_us: self.stats.rtt_us,
            jitter_us: self.reception.jitter_us(),
        }
    }

    /// The score of a window that ends now.
    fn rate(&mut self, now: Instant) -> Option<f32> {
        if self.monitor.meter.due().is_some_and(|due| now < due) {
            return None;
        }
        let (codec, sight) = (self.speech(), self.sight());
        self.monitor.meter.look(now, codec, &sight)
    }

    /// How loud the peer was since the last look, in dB of full scale; `None`: nothing of it was decoded.
    fn heed(&mut self, now: Instant, level: Option<f32>) {
        let newest = self.reception.newest();
        let came = newest.is_some_and(|(_, at)| now.saturating_duration_since(at) < LOOK);
        match level {
            Some(level) if level < AUDIBLE => {
                let since = now.checked_sub(LOOK).unwrap_or(now);
                self.monitor.silent.get_or_insert(since);
            }
            Some(_) => self.monitor.silent = None,
            // What comes is not decoded, or not any more.
            None if came => self.monitor.silent = None,
            None => {}
        }
    }

    /// When the peer was heard last: a packet, or one with a sound in it where that is known.
    fn last_heard(&self) -> Option<Instant> {
        self.monitor
            .silent
            .or_else(|| self.reception.newest().map(|(_, at)| at))
    }

    /// Whether the peer should be told of as silent (for how long) or as heard again (`None`), now that it is.
    fn listen(&mut self, now: Instant, there: &Self, patience: Option<Duration>) -> Option<Option<Duration>> {
        let heard = self.last_heard();
        let since = heard.map_or(self.monitor.since, |at| at.max(self.monitor.since));
        let quiet = now.saturating_duration_since(since);
        let spoken = there
            .last_heard()
            .is_some_and(|at| now.saturating_duration_since(at) < SPEAKS);
        let is_due = self.kind == StreamKind::Rtp && self.expects && there.kind == StreamKind::Rtp;
        let Some(patience) = patience.filter(|_| is_due) else {
            return self.monitor.heard_again(now).then_some(None);
        };
        // Who sends silence may have switched its microphone off.
        let rests = self.stats.max_gap_ms >= RESTS_MS || self.monitor.silent.is_some();
        let patience = if rests { patience * RESTS } else { patience };
        let speaks = heard.is_some_and(|at| now.saturating_duration_since(at) < SPEAKS);
        if !self.monitor.is_mute() && spoken && quiet >= patience {
            let mute = self.monitor.mute.get_or_insert_default();
            mute.since = Some(since);
            mute.look(now);
            Some(Some(quiet))
        } else if speaks {
            self.monitor.heard_again(now).then_some(None)
        } else {
            if let Some(mute) = &mut self.monitor.mute {
                mute.look(now);
            }
            None
        }
    }

    /// The clock of what the peer hears: that of our own numbers, which may be of other samples than arrive.
    pub(super) fn heard_clock(&self, there: &Self) -> Option<u32> {
        let ours = self.egress.as_ref().and_then(|egress| egress.clock());
        ours.or_else(|| there.reception.newest_clock())
    }

    /// The SSRC of what the peer hears.
    fn heard_ssrc(&self, there: &Self) -> Option<u32> {
        match &self.egress {
            Some(egress) => Some(egress.ssrc()),
            None => there.reception.run().map(|run| run.ssrc),
        }
    }

    /// What the peer says in RTCP; `passes`: the other peer gets it too.
    pub(super) fn told(&mut self, now: Instant, packet: &[u8], there: &mut Self, passes: bool) {
        let ours = self.heard_ssrc(there);
        let clock = self.heard_clock(there).unwrap_or(8_000);
        crate::rtcp::for_each(packet, |item| match item {
            Item::Sent { mark, sender } => {
                if passes {
                    there.report_sent(now, mark);
                }
                // A sender without a clock says 0 (RFC 3550 §6.4.1), and nobody can quote that.
                if sender && mark != 0 {
                    self.monitor.sender_report = Some(Box::new((mark, now)));
                }
            }
            Item::Quoted { mark, delay } => self.report_quoted(now, mark, delay),
            Item::Block(block) => {
                self.report_quoted(now, block.mark, block.delay);
                if ours == Some(block.ssrc) {
                    self.reported(&block, clock);
                }
            }
            Item::Summary { ssrc, summary } if ours == Some(ssrc) => {
                self.monitor.told.get_or_insert_default().heard.summary = Some(summary);
            }
            Item::Voip { ssrc, metrics } if ours == Some(ssrc) => {
                self.monitor.told.get_or_insert_default().heard.voip = Some(metrics);
            }
            Item::Summary { .. } | Item::Voip { .. } => {}
        });
    }

    fn reported(&mut self, block: &Block, clock: u32) {
        let fraction = f32::from(block.fraction) / 256.0;
        let jitter = u64::from(block.jitter) * 1_000_000 / u64::from(clock.max(1));
        let jitter_us = u32::try_from(jitter).unwrap_or(u32::MAX);
        let sight = Sight {
            rtt_us: self.stats.rtt_us,
            jitter_us,
            ..Sight::default()
        };
        let codec = self.speech();
        let Told { heard, hearsay } = &mut **self.monitor.told.get_or_insert_default();
        if let Some(codec) = codec {
            hearsay.report(codec, f64::from(fraction), &sight);
        }
        heard.reports = heard.reports.saturating_add(1);
        (heard.lost, heard.fraction_lost, heard.jitter_us) = (block.lost, fraction, jitter_us);
        heard.fraction_lost_max = heard.fraction_lost_max.max(fraction);
    }

    /// Everything that is counted on the leg.
    pub(super) fn stats(&self) -> LegStats {
        let monitor = &self.monitor;
        let heard = monitor.told.as_ref().map(|told| {
            Box::new(Heard {
                quality: told.hearsay.quality(),
                ..Heard::clone(&told.heard)
            })
        });
        LegStats {
            lost: self.reception.lost(),
            jitter_us: self.reception.jitter_us(),
            loss: self
                .reception
                .loss_structure(self.expected(), monitor.meter.packet_ms()),
            quality: monitor.meter.quality(self.speech(), &self.sight()),
            mute_ms: monitor.mute.as_ref().map_or(0, |mute| mute.ms()),
            heard,
            after_answer: monitor.after_answer.as_deref().copied(),
            ..self.stats.stats()
        }
    }
}
