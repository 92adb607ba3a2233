//! Digits by INFO: read from one side and said to the other in its stream, or heard there and written to this side.

use std::time::Duration;

use rtp_proto::control::Digit;

/// How long a key is pressed of which nobody says so.
const PRESSED: Duration = Duration::from_millis(160);
/// The longest that is believed.
const LONGEST: Duration = Duration::from_secs(8);

/// The media type that we write.
pub(crate) const RELAY: &[u8] = b"application/dtmf-relay";

/// What the body of an INFO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A digit, pressed for so long.
    Digit(Digit, Duration),
    /// It should be a digit, and is none.
    Garbled,
    /// It is about something else.
    Other,
}

/// Reads an INFO's body: `application/dtmf-relay` (`Signal=5`, `Duration=160`, a line each) or `application/dtmf` (the digit
/// alone). Neither was ever specified well: spaces, case and missing durations are forgiven, and 10 and 11 stand for `*` and `#`.
pub(crate) fn read(content_type: Option<&[u8]>, body: &[u8]) -> Read {
    let media_type = content_type.unwrap_or_default().split(|b| *b == b';').next();
    let media_type = media_type.unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(body).unwrap_or_default();
    if media_type.eq_ignore_ascii_case(RELAY) {
        relay(text)
    } else if media_type.eq_ignore_ascii_case(b"application/dtmf") {
        // Some put the other body under this name.
        match digit(text.trim()) {
            Some(digit) => Read::Digit(digit, PRESSED),
            None => relay(text),
        }
    } else {
        Read::Other
    }
}

fn relay(text: &str) -> Read {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(['=', ':'])?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let Some(digit) = value("Signal").and_then(digit) else {
        return Read::Garbled;
    };
    let duration = value("Duration").and_then(|text| text.parse().ok());
    let duration = duration.filter(|ms| *ms > 0).map(Duration::from_millis);
    Read::Digit(digit, duration.unwrap_or(PRESSED).min(LONGEST))
}

fn digit(text: &str) -> Option<Digit> {
    let text = text.trim_matches('"');
    match text {
        "hf" | "HF" | "flash" => return Some(Digit::FLASH),
        _ => {}
    }
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Digit::try_from(character).ok(),
        // Event codes.
        (Some(_), Some(_)) => text.parse().ok().and_then(Digit::of_event),
        (None, _) => None,
    }
}

/// The body of an INFO for a digit.
pub(crate) fn write(digit: Digit, duration: Duration) -> String {
    let signal = if digit == Digit::FLASH {
        "hf".to_owned()
    } else {
        digit.to_string()
    };
    format!("Signal={signal}\r\nDuration={}\r\n", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(character: char, ms: u64) -> Read {
        Read::Digit(Digit::try_from(character).unwrap(), Duration::from_millis(ms))
    }

    #[test]
    fn both_bodies_are_read_with_their_quirks() {
        let relay: Option<&[u8]> = Some(b"application/dtmf-relay");
        let plain: Option<&[u8]> = Some(b"application/DTMF; charset=utf-8");
        for (content_type, body, expected) in [
            (relay, "Signal=5\r\nDuration=250\r\n", pressed('5', 250)),
            (relay, "Signal= 5\nDuration= 250", pressed('5', 250)),
            (relay, "signal = *\r\nduration = 100\r\n\r\n", pressed('*', 100)),
            (relay, "Signal=10\r\nDuration=100", pressed('*', 100)),
            (relay, "Signal=11\r\nDuration=100", pressed('#', 100)),
            (relay, "Signal=12", pressed('A', 160)),
            (relay, "Signal=d\r\n", pressed('D', 160)),
            (relay, "Signal=\"7\"\r\nDuration=x\r\n", pressed('7', 160)),
            (relay, "Duration=90\r\nSignal=0\r\n", pressed('0', 90)),
            (relay, "Signal=1\r\nDuration=0\r\n", pressed('1', 160)),
            (relay, "Signal=1\r\nDuration=99999999\r\n", pressed('1', 8000)),
            (relay, "Signal=hf\r\n", pressed('!', 160)),
            (relay, "Signal=16\r\n", pressed('!', 160)),
            (relay, "Signal=\r\n", Read::Garbled),
            (relay, "Signal=17\r\n", Read::Garbled),
            (relay, "Signal=55\r\n", Read::Garbled),
            (relay, "", Read::Garbled),
            (plain, "5", pressed('5', 160)),
            (plain, " #\r\n", pressed('#', 160)),
            (plain, "10", pressed('*', 160)),
            (plain, "Signal=3\r\nDuration=60\r\n", pressed('3', 60)),
            (plain, "E", Read::Garbled),
            (plain, "", Read::Garbled),
            (Some(b"application/media_control+xml"), "5", Read::Other),
            (None, "5", Read::Other),
        ] {
            assert_eq!(read(content_type, body.as_bytes()), expected, "{body:?}");
        }
        assert_eq!(read(relay, b"Signal=\xff"), Read::Garbled);
    }

    #[test]
    fn what_is_written_is_read() {
        for character in "0123456789*#ABCD!".chars() {
            let digit = Digit::try_from(character).unwrap();
            let body = write(digit, Duration::from_millis(200));
            assert_eq!(read(Some(RELAY), body.as_bytes()), pressed(character, 200));
        }
    }
}
