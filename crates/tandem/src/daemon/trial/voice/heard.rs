//! What one side of a test call hears.

use rtp_proto::Digit;
use rtp_proto::emodel::{self, Connection};

/// The two tones: whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon::trial) enum Tone {
    /// The caller's.
    Caller,
    /// The called side's.
    Called,
}

/// Their frequencies.
const HERTZ: [f64; 2] = [1004.0, 1604.0];

/// Samples per second of what is listened to.
const RATE: f64 = 8_000.0;

/// The length of a packet, in milliseconds.
const PACKET_MS: f64 = 20.0;

/// Keys that are remembered.
const MOST_DIGITS: usize = 64;

/// What was heard.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon::trial) struct Heard {
    /// Packets of audio.
    pub(in crate::daemon::trial) packets: u64,
    /// Packets of other payload types.
    pub(in crate::daemon::trial) others: u64,
    /// Packets of telephone events.
    events: u64,
    /// The keys that were heard, in their order.
    pub(in crate::daemon::trial) digits: String,
    /// When the last of them was pressed, by its timestamp.
    pressed: Option<u32>,
    /// Packets sent.
    pub(in crate::daemon::trial) sent: u64,
    first: Option<u16>,
    highest: u16,
    wraps: u32,
    /// Interarrival jitter (RFC 3550 §A.8), in seconds.
    pub(in crate::daemon::trial) jitter: f64,
    transit: Option<f64>,
    power: f64,
    samples: u64,
    /// How much of the power is the caller's tone, and the called side's.
    tones: [f64; 2],
}

impl Heard {
    /// Packets that never came.
    pub(in crate::daemon::trial) fn lost(&self) -> u64 {
        let Some(first) = self.first else { return 0 };
        let highest = u64::from(self.wraps) * 65_536 + u64::from(self.highest);
        (highest + 1)
            .saturating_sub(u64::from(first))
            .saturating_sub(self.packets + self.events)
    }

    /// Mean level in dBov; `None`: nothing that could be decoded.
    pub(in crate::daemon::trial) fn level(&self) -> Option<f64> {
        let mean = self.power / (self.samples.max(1) as f64);
        (self.samples > 0).then(|| 10.0 * (mean / (32_768.0 * 32_768.0)).max(1e-13).log10())
    }

    /// How much of what was heard is this tone, from 0 to 1; `None`: nothing that could be decoded.
    pub(in crate::daemon::trial) fn share(&self, tone: Tone) -> Option<f64> {
        let [caller, called] = self.tones;
        let power = match tone {
            Tone::Caller => caller,
            Tone::Called => called,
        };
        (self.samples > 0).then(|| power / self.power.max(1.0))
    }

    /// Mean opinion score of what came (ITU-T G.107); `None`: nothing did, or nothing is known of its codec.
    pub(in crate::daemon::trial) fn mos(&self, codec: &str) -> Option<f64> {
        let name = codec.split('/').next().unwrap_or_default();
        let codec = emodel::Codec::named(name).filter(|_| self.packets > 0)?;
        let lost = self.lost() as f64;
        let all = (self.packets + self.events) as f64 + lost;
        let connection = Connection {
            codec: codec.impairment(),
            ppl: 100.0 * lost / all,
            ..Connection::default()
        };
        // A receiver that adapts: a packet's length, and four times the jitter for those that come late.
        let buffer = (PACKET_MS).max(4.0 * self.jitter * 1000.0);
        Some(emodel::mos(
            connection
                .with_delay(PACKET_MS + codec.look_ahead_ms() + buffer)
                .rating()
                .r,
        ))
    }

    /// A packet of a telephone event (RFC 4733): all of one key have the same timestamp.
    pub(super) fn event(&mut self, sequence: u16, timestamp: u32, payload: &[u8]) {
        self.events += 1;
        self.place(sequence);
        let digit = payload.first().and_then(|event| Digit::of_event(*event));
        if let Some(digit) = digit.filter(|_| self.pressed != Some(timestamp))
            && self.digits.len() < MOST_DIGITS
        {
            self.pressed = Some(timestamp);
            self.digits.push(digit.character());
        }
    }

    /// What was said, at 8 kHz.
    pub(super) fn samples(&mut self, samples: &[i16]) {
        let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        self.power += power;
        self.samples += samples.len() as u64;
        for (sum, hertz) in self.tones.iter_mut().zip(HERTZ) {
            *sum += tone_power(samples, hertz).min(power);
        }
    }

    pub(super) fn packet(&mut self, sequence: u16, timestamp: u32, clock: f64, at: f64) {
        self.place(sequence);
        self.packets += 1;
        let transit = at - f64::from(timestamp) / clock;
        if let Some(before) = self.transit {
            // A stamp that wrapped, or a new stream, is no jitter.
            let moved = (transit - before).abs();
            if moved < 1.0 {
                self.jitter += (moved - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    fn place(&mut self, sequence: u16) {
        match self.first {
            None => {
                self.first = Some(sequence);
                self.highest = sequence;
            }
            Some(_) => {
                let ahead = sequence.wrapping_sub(self.highest);
                if ahead != 0 && ahead < 0x8000 {
                    self.wraps += u32::from(sequence < self.highest);
                    self.highest = sequence;
                }
            }
        }
    }
}

/// The power of one frequency in this, as a sum over the samples (Goertzel).
fn tone_power(samples: &[i16], hertz: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hertz / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + turn * last - before;
        before = last;
        last = now;
    }
    let square = last * last + before * before - turn * last * before;
    2.0 * square / (samples.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, amplitude: f64, from: usize) -> Vec<i16> {
        (from..from + 160)
            .map(|n| (amplitude * (std::f64::consts::TAU * hertz * n as f64 / RATE).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_tone_is_told_from_the_other_and_from_silence() {
        let mut heard = Heard::default();
        assert_eq!(heard.share(Tone::Caller), None);
        for n in 0..50 {
            heard.samples(&sine(1004.0, 8000.0, n * 160));
        }
        assert!(heard.share(Tone::Caller).unwrap() > 0.9);
        assert!(heard.share(Tone::Called).unwrap() < 0.1);
        let mut silent = Heard::default();
        silent.samples(&[0; 160]);
        assert!(silent.share(Tone::Caller).unwrap() < 0.01);
    }

    #[test]
    fn a_key_is_heard_once_and_its_packets_are_not_lost() {
        let mut heard = Heard::default();
        heard.packet(1, 0, RATE, 0.0);
        for (sequence, timestamp, event) in
            [(2, 160, 5), (3, 160, 5), (4, 160, 5), (5, 960, 5), (6, 1760, 11)]
        {
            heard.event(sequence, timestamp, &[event, 10, 0, 160]);
        }
        heard.packet(7, 2560, RATE, 0.12);
        assert_eq!(heard.digits, "55#");
        assert_eq!(heard.lost(), 0);
        heard.packet(9, 2880, RATE, 0.16);
        assert_eq!(heard.lost(), 1);
    }

    #[test]
    fn loss_costs_score() {
        let mut good = Heard::default();
        let mut bad = Heard::default();
        for n in 0..100_u16 {
            let at = f64::from(n) * 0.02;
            good.packet(n, u32::from(n) * 160, RATE, at);
            if n % 10 != 5 {
                bad.packet(n, u32::from(n) * 160, RATE, at);
            }
        }
        let (good, bad) = (good.mos("PCMU/8000").unwrap(), bad.mos("PCMU/8000").unwrap());
        assert!(good > 4.3 && bad < 3.6, "{good} {bad}");
        assert_eq!(Heard::default().mos("PCMU/8000"), None);
    }
}
