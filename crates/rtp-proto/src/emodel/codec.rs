//! What codecs do to speech, and how well they stand packet loss (ITU-T G.113 Appendix I).

use std::fmt;

/// Equipment impairment factor and packet-loss robustness factor of a codec.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Ie: what the codec costs without loss.
    pub ie: f64,
    /// Bpl: how well it stands loss; more is better.
    pub bpl: f64,
}

impl Impairment {
    /// Ie,eff: the same under `ppl` per cent of loss with this burst ratio (G.107 7-30).
    #[must_use]
    pub fn effective(&self, ppl: f64, burst_r: f64) -> f64 {
        self.ie + (95.0 - self.ie) * ppl / (ppl / burst_r + self.bpl)
    }
}

/// A speech codec whose impairment factors are known.
///
/// | codec | Ie | Bpl | source |
/// |---|---|---|---|
/// | G.711 | 0 | 25.1 | G.113 Appendix I, with concealment (G.711 Appendix I); 4.3 without, which no telephone of today is |
/// | G.722 | 0 | 10.0 | provisional. On the narrowband scale it costs nothing; robustness as of the weakest concealment in the table |
/// | G.723.1 | 15 | 16.1 | G.113 Appendix I, 6.3 kbit/s with VAD |
/// | G.726 | 7 | 4.3 | G.113 Appendix I, 32 kbit/s; robustness as of G.711 without concealment |
/// | G.728 | 7 | 4.3 | G.113 Appendix I, 16 kbit/s; robustness likewise |
/// | G.729 | 11 | 19.0 | G.113 Appendix I, G.729A with VAD |
/// | GSM | 20 | 10.0 | G.113 Appendix I, full rate; robustness as of GSM-EFR |
/// | GSM-EFR, AMR | 5 | 10.0 | G.113 Appendix I; AMR at 12.2 kbit/s is the same codec |
/// | iLBC | 10 | 25.1 | provisional, not the ITU's: quality of G.729 and, frames being independent (RFC 3951), robustness of G.711 with concealment |
/// | Opus | 2 | 16.0 | provisional, not the ITU's: narrowband at 11 kbit/s, random loss, as published by M. Alahmadi, P. Počta and H. Melvin, "An Adaptive Bitrate Switching Algorithm for Speech Applications in Context of WebRTC", ACM TOMM 17(4), 2021 (2.03, 15.95) |
/// | L16 | 0 | 25.1 | as G.711 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// PCMU, PCMA.
    G711,
    /// G.722.
    G722,
    /// G.723.1.
    G723,
    /// G.726.
    G726,
    /// G.728.
    G728,
    /// G.729 with its annexes A and B.
    G729,
    /// GSM full rate.
    Gsm,
    /// GSM enhanced full rate, AMR.
    GsmEfr,
    /// iLBC.
    Ilbc,
    /// Opus.
    Opus,
    /// Linear samples.
    L16,
}

impl Codec {
    /// The codec of this name in SDP; `None`: nothing is known of it, or it is no speech.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        const NAMES: &[(&str, Codec)] = &[
            ("PCMU", Codec::G711),
            ("PCMA", Codec::G711),
            ("G722", Codec::G722),
            ("G723", Codec::G723),
            ("G726-32", Codec::G726),
            ("G728", Codec::G728),
            ("G729", Codec::G729),
            ("G729A", Codec::G729),
            ("GSM", Codec::Gsm),
            ("GSM-EFR", Codec::GsmEfr),
            ("AMR", Codec::GsmEfr),
            ("iLBC", Codec::Ilbc),
            ("opus", Codec::Opus),
            ("L16", Codec::L16),
        ];
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, codec)| *codec)
    }

    /// The codec of a static payload type (RFC 3551 §6, table 4).
    #[must_use]
    pub fn of_payload_type(payload_type: u8) -> Option<Self> {
        Some(match payload_type {
            0 | 8 => Self::G711,
            3 => Self::Gsm,
            4 => Self::G723,
            9 => Self::G722,
            10 | 11 => Self::L16,
            15 => Self::G728,
            18 => Self::G729,
            _ => return None,
        })
    }

    /// Its factors.
    #[must_use]
    pub fn impairment(self) -> Impairment {
        let (ie, bpl) = match self {
            Self::G711 | Self::L16 => (0.0, 25.1),
            Self::G722 => (0.0, 10.0),
            Self::G723 => (15.0, 16.1),
            Self::G726 | Self::G728 => (7.0, 4.3),
            Self::G729 => (11.0, 19.0),
            Self::Gsm => (20.0, 10.0),
            Self::GsmEfr => (5.0, 10.0),
            Self::Ilbc => (10.0, 25.1),
            Self::Opus => (2.0, 16.0),
        };
        Impairment { ie, bpl }
    }

    /// How far it looks ahead, in milliseconds (G.114 table I.4; RFC 6716 §2 for Opus).
    #[must_use]
    pub fn look_ahead_ms(self) -> f64 {
        match self {
            Self::G711 | Self::L16 | Self::G726 | Self::G728 | Self::Gsm | Self::GsmEfr => 0.0,
            Self::G722 => 1.5,
            Self::G723 => 7.5,
            Self::G729 | Self::Ilbc => 5.0,
            Self::Opus => 6.5,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G711 => "G.711",
            Self::G722 => "G.722",
            Self::G723 => "G.723.1",
            Self::G726 => "G.726",
            Self::G728 => "G.728",
            Self::G729 => "G.729",
            Self::Gsm => "GSM",
            Self::GsmEfr => "GSM-EFR",
            Self::Ilbc => "iLBC",
            Self::Opus => "Opus",
            Self::L16 => "L16",
        })
    }
}
