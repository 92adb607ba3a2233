//! Codecs of an m= line and when two of them are the same.

use crate::span::payload_type;

/// A codec as one side describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec<'a> {
    /// RTP payload type, 0 to 127.
    pub pt: u8,
    /// Encoding name as written, or the static table's (RFC 3551 §6).
    pub name: &'a str,
    /// RTP clock rate in Hz, never 0.
    pub clock: u32,
    /// Channels, at least 1.
    pub channels: u8,
    /// Value of `a=fmtp` after the payload type.
    pub fmtp: Option<&'a str>,
}

impl<'a> Codec<'a> {
    /// RFC 4733 `telephone-event`.
    pub fn is_event(&self) -> bool {
        is_event(self.name)
    }

    /// Whether it accompanies a codec rather than carrying a conversation by itself: telephone events, tones, comfort
    /// noise, redundancy, retransmission, forward error correction.
    pub fn is_auxiliary(&self) -> bool {
        is_auxiliary(self.name)
    }

    /// Whether a word of a policy means this codec: `PCMU`, `opus/48000`, or a payload type (`8`).
    pub fn is_named(&self, word: &str) -> bool {
        if let Some(pt) = payload_type(word.as_bytes()) {
            return self.pt == pt;
        }
        let (name, clock) = match word.split_once('/') {
            Some((name, rest)) => (name, rest.split('/').next()),
            None => (word, None),
        };
        same_name(self.name, name.trim()) && clock.is_none_or(|c| c.trim().parse() == Ok(self.clock))
    }

    /// A parameter of the fmtp value written `name=value;…`, any case; `Some("")` for one without a value.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.fmtp?.split(';').find_map(|p| {
            let (key, value) = p.split_once('=').unwrap_or((p, ""));
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(crate) fn is_event(name: &str) -> bool {
    name.eq_ignore_ascii_case("telephone-event")
}

pub(crate) fn is_auxiliary(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "telephone-event",
        "CN",
        "tone",
        "red",
        "rtx",
        "ulpfec",
        "flexfec-03",
        "parityfec",
    ];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// RFC 3551 §6, tables 4 and 5; 2 was G.721 and is used as G.726 at 32 kbit/s. (name, clock in Hz, channels)
pub(crate) fn static_codec(pt: u8) -> Option<(&'static str, u32, u8)> {
    Some(match pt {
        0 => ("PCMU", 8000, 1),
        2 => ("G726-32", 8000, 1),
        3 => ("GSM", 8000, 1),
        4 => ("G723", 8000, 1),
        5 => ("DVI4", 8000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8000, 1),
        8 => ("PCMA", 8000, 1),
        9 => ("G722", 8000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8000, 1),
        13 => ("CN", 8000, 1),
        14 => ("MPA", 90_000, 1),
        15 => ("G728", 8000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8000, 1),
        25 => ("CelB", 90_000, 1),
        26 => ("JPEG", 90_000, 1),
        28 => ("nv", 90_000, 1),
        31 => ("H261", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        33 => ("MP2T", 90_000, 1),
        34 => ("H263", 90_000, 1),
        _ => return None,
    })
}

/// G.729's annexes are one payload format (RFC 3551 §4.5.6), though some devices write them into the name.
fn canonical(name: &str) -> &str {
    const G729: [&str; 3] = ["G729A", "G729B", "G729AB"];
    if G729.iter().any(|n| n.eq_ignore_ascii_case(name)) {
        "G729"
    } else {
        name
    }
}

pub(crate) fn same_name(a: &str, b: &str) -> bool {
    canonical(a).eq_ignore_ascii_case(canonical(b))
}

pub(crate) fn is_g729(name: &str) -> bool {
    same_name(name, "G729")
}

/// Format parameters that make two formats of one name different, with the value that their absence means.
/// Everything else (G.729 annexb per RFC 7261 §3.3, opus per RFC 7587 §7, iLBC mode per RFC 3952 §5, event ranges per
/// RFC 4733 §2.5.1.1, AMR mode-set …) is a wish about the same format.
const ESSENTIAL: &[(&str, &[(&str, &str)])] = &[
    // RFC 4867 §8.3.1: these must be the same in offer and answer.
    (
        "AMR",
        &[
            ("octet-align", "0"),
            ("crc", "0"),
            ("robust-sorting", "0"),
            ("interleaving", ""),
        ],
    ),
    (
        "AMR-WB",
        &[
            ("octet-align", "0"),
            ("crc", "0"),
            ("robust-sorting", "0"),
            ("interleaving", ""),
        ],
    ),
    // RFC 5577 §4.3.
    ("G7221", &[("bitrate", "")]),
    // RFC 6184 §8.2.2.
    ("H264", &[("packetization-mode", "0")]),
    // RFC 9628 §6.
    ("VP9", &[("profile-id", "0")]),
    // RFC 3640 §4.1.
    ("mpeg4-generic", &[("mode", ""), ("config", "")]),
];

/// Whether two descriptions name the same codec: name (any case), clock, channels, and the format parameters that the
/// codec's own RFC calls a different configuration. The payload type does not matter.
pub fn same_codec(a: &Codec<'_>, b: &Codec<'_>) -> bool {
    if !same_name(a.name, b.name) || a.channels != b.channels {
        return false;
    }
    // RFC 3551 §4.5.2: G.722's clock is 8000 by an old mistake; some devices write 16000.
    if a.clock != b.clock && !a.name.eq_ignore_ascii_case("G722") {
        return false;
    }
    ESSENTIAL
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(a.name))
        .flat_map(|(_, parameters)| parameters.iter())
        .all(|(key, absent)| {
            let value = |c: &Codec<'_>| {
                c.parameter(key)
                    .unwrap_or(absent)
                    .trim_matches('"')
                    .to_ascii_lowercase()
            };
            value(a) == value(b)
        })
        && same_h264_profile(a, b)
}

/// RFC 6184 §8.1: the first byte of profile-level-id; absent means the baseline profile (42).
fn same_h264_profile(a: &Codec<'_>, b: &Codec<'_>) -> bool {
    if !a.name.eq_ignore_ascii_case("H264") {
        return true;
    }
    let profile = |c: &Codec<'_>| {
        c.parameter("profile-level-id")
            .and_then(|v| u8::from_str_radix(v.get(..2)?, 16).ok())
            .unwrap_or(0x42)
    };
    profile(a) == profile(b)
}

/// Whether a telephone-event of `clock` may stand beside primary codecs of these clocks (RFC 4733 §2.1: the event runs
/// on the audio's clock, and nothing here converts one into the other). 8000 Hz beside wideband codecs alone is common
/// and works end to end, so it stays unless an event of a fitting clock is there too.
pub(crate) fn event_fits(clock: u32, codecs: &[u32], events: &[u32]) -> bool {
    codecs.contains(&clock) || (clock == 8000 && !events.iter().any(|e| codecs.contains(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec<'a>(name: &'a str, clock: u32, channels: u8, fmtp: Option<&'a str>) -> Codec<'a> {
        Codec {
            pt: 96,
            name,
            clock,
            channels,
            fmtp,
        }
    }

    #[test]
    fn codecs_are_the_same_by_name_clock_channels_and_essential_parameters() {
        type Row = (
            (&'static str, u32, u8, Option<&'static str>),
            (&'static str, u32, u8, Option<&'static str>),
            bool,
        );
        let rows: &[Row] = &[
            (("PCMU", 8000, 1, None), ("pcmu", 8000, 1, None), true),
            (("PCMU", 8000, 1, None), ("PCMA", 8000, 1, None), false),
            (("L16", 44100, 2, None), ("L16", 44100, 1, None), false),
            (("speex", 8000, 1, None), ("speex", 16000, 1, None), false),
            (("G722", 8000, 1, None), ("G722", 16000, 1, None), true),
            (
                ("G729", 8000, 1, Some("annexb=no")),
                ("G729", 8000, 1, None),
                true,
            ),
            (
                ("G729", 8000, 1, Some("annexb=yes")),
                ("G729", 8000, 1, Some("annexb=no")),
                true,
            ),
            (("G729A", 8000, 1, None), ("G729", 8000, 1, None), true),
            (
                ("telephone-event", 8000, 1, Some("0-16")),
                ("Telephone-Event", 8000, 1, Some("0-15")),
                true,
            ),
            (
                ("telephone-event", 48000, 1, None),
                ("telephone-event", 8000, 1, None),
                false,
            ),
            (
                ("AMR", 8000, 1, Some("octet-align=1")),
                ("AMR", 8000, 1, None),
                false,
            ),
            (
                ("AMR", 8000, 1, Some("octet-align=0; mode-set=7")),
                ("AMR", 8000, 1, None),
                true,
            ),
            (
                ("AMR-WB", 16000, 1, Some("mode-set=0,1; octet-align=1")),
                ("AMR-WB", 16000, 1, Some("Octet-Align=1")),
                true,
            ),
            (
                ("opus", 48000, 2, Some("useinbandfec=1")),
                ("OPUS", 48000, 2, Some("stereo=1")),
                true,
            ),
            (("opus", 48000, 2, None), ("opus", 48000, 1, None), false),
            (
                ("iLBC", 8000, 1, Some("mode=20")),
                ("iLBC", 8000, 1, Some("mode=30")),
                true,
            ),
            (
                ("G7221", 16000, 1, Some("bitrate=24000")),
                ("G7221", 16000, 1, Some("bitrate=32000")),
                false,
            ),
            (
                ("H264", 90000, 1, Some("packetization-mode=1")),
                ("H264", 90000, 1, None),
                false,
            ),
            (
                ("H264", 90000, 1, Some("profile-level-id=42e01f")),
                ("H264", 90000, 1, Some("profile-level-id=420015")),
                true,
            ),
            (
                ("H264", 90000, 1, Some("profile-level-id=64001f")),
                ("H264", 90000, 1, None),
                false,
            ),
        ];
        for ((an, ac, ah, af), (bn, bc, bh, bf), same) in rows {
            let (a, b) = (codec(an, *ac, *ah, *af), codec(bn, *bc, *bh, *bf));
            assert_eq!(same_codec(&a, &b), *same, "{a:?} / {b:?}");
            assert_eq!(same_codec(&b, &a), *same, "{b:?} / {a:?}");
        }
    }

    #[test]
    fn an_event_fits_only_beside_a_codec_of_its_clock() {
        assert!(event_fits(8000, &[8000], &[8000]));
        assert!(!event_fits(48_000, &[8000], &[48_000]));
        assert!(event_fits(48_000, &[48_000, 8000], &[48_000, 8000]));
        assert!(
            event_fits(8000, &[48_000], &[8000]),
            "the only event of a wideband offer is left alone"
        );
        assert!(!event_fits(8000, &[48_000], &[8000, 48_000]));
        assert!(!event_fits(16_000, &[], &[16_000]));
    }
}
