//! Keys of a telephone, as events (RFC 4733).

use std::collections::VecDeque;

/// How long a key is down, in packets of the tone's; with 20 ms each a tenth of a second.
const DOWN: u8 = 5;
/// The last word on a key is said three times (§2.5.1.4).
const ENDS: u8 = 3;
/// Packets between two keys.
const PAUSE: u8 = 5;
/// -10 dBm0 (§2.3.4).
const VOLUME: u8 = 10;

/// Keys that wait, and the one that is down.
#[derive(Debug, Clone, Default)]
pub(super) struct Keypad {
    waiting: VecDeque<u8>,
    down: Option<Down>,
    pause: u8,
}

#[derive(Debug, Clone)]
struct Down {
    event: u8,
    since: u32,
    duration: u32,
    said: u8,
}

/// A packet of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The first of this event.
    pub(super) first: bool,
    /// When it began.
    pub(super) timestamp: u32,
    pub(super) payload: [u8; 4],
}

impl Keypad {
    pub(super) fn press(&mut self, event: u8) {
        self.waiting.push_back(event);
    }

    /// What goes in the place of the tone's next packet, which has this timestamp and is so long; `None`: the tone.
    pub(super) fn next(&mut self, timestamp: u32, step: u32) -> Option<Key> {
        if self.down.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return None;
            }
            let event = self.waiting.pop_front()?;
            self.down = Some(Down {
                event,
                since: timestamp,
                duration: 0,
                said: 0,
            });
        }
        let down = self.down.as_mut()?;
        let ends = down.said >= DOWN - 1;
        if down.said < DOWN {
            down.duration += step;
        }
        down.said += 1;
        let duration = u16::try_from(down.duration).unwrap_or(u16::MAX).to_be_bytes();
        let key = Key {
            first: down.said == 1,
            timestamp: down.since,
            payload: [down.event, u8::from(ends) << 7 | VOLUME, duration[0], duration[1]],
        };
        if down.said >= DOWN - 1 + ENDS {
            self.down = None;
            self.pause = PAUSE;
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_down_for_a_while_ends_three_times_and_rests() {
        let mut keypad = Keypad::default();
        keypad.press(5);
        keypad.press(9);
        let packets: Vec<Option<Key>> = (0..20).map(|n| keypad.next(1000 + n * 160, 160)).collect();
        let events: Vec<Option<u8>> = packets
            .iter()
            .map(|key| key.as_ref().map(|key| key.payload[0]))
            .collect();
        let expected: Vec<Option<u8>> =
            [vec![Some(5); 7], vec![None; 5], vec![Some(9); 7], vec![None]].concat();
        assert_eq!(events, expected);
        let first: Vec<&Key> = packets.iter().flatten().take(7).collect();
        assert!(first.iter().all(|key| key.timestamp == 1000));
        let ends: Vec<bool> = first.iter().map(|key| key.payload[1] & 0x80 != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        let durations: Vec<u16> = first
            .iter()
            .map(|key| u16::from_be_bytes([key.payload[2], key.payload[3]]))
            .collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert!(first[0].first && !first[1].first);
    }
}
