//! The queue itself: bounded, in order, without duplicates.

use std::collections::VecDeque;

/// Packets that may wait. At the longest wait there are 20 of 10 ms; the rest is for a burst.
const MOST: usize = 64;
/// A sequence number further ahead of the highest than this is another stream's, once the next packet says the same (RFC 3550 §A.1).
const MAX_DROPOUT: i32 = 3_000;
/// So is one further behind than this; up to here it's late.
const MAX_MISORDER: i32 = 100;
/// So is a timestamp that goes back by more than this, in seconds.
const MAX_JUMP_BACK_S: i64 = 5;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Audio for this one of the inputs.
    Audio(usize),
    /// Comfort noise (RFC 3389).
    Noise,
    /// A telephone event: takes a sequence number, and silence its place.
    Event,
}

/// A packet that waits.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Extended sequence number.
    pub(crate) sequence: i64,
    /// Extended timestamp.
    pub(crate) timestamp: i64,
    pub(crate) what: What,
    pub(crate) payload: Vec<u8>,
}

/// What became of a packet that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It waits. Its extended timestamp.
    In(i64),
    /// It begins another stream; what waited is gone. Its extended timestamp.
    Anew(i64),
    /// It is there already, or was.
    Duplicate,
    /// Its place has been played.
    Late(i64),
    /// It's too far from the others to be believed at once.
    Doubtful,
}

/// Numbers of the stream that is being received.
#[derive(Clone, Copy, Debug)]
struct Track {
    ssrc: u32,
    /// Highest extended sequence number, and the extended timestamp of that packet.
    sequence: i64,
    timestamp: i64,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: VecDeque<Slot>,
    /// Payload buffers for reuse.
    spare: Vec<Vec<u8>>,
    track: Option<Track>,
    /// The sequence number that would confirm a jump.
    doubt: Option<u16>,
    /// The highest extended sequence number that was taken out.
    played: Option<i64>,
    pub(crate) overflows: u64,
    clock: i64,
}

impl Queue {
    /// For payloads of about `payload` bytes, and a clock in Hz.
    pub(crate) fn new(payload: usize, clock: u32) -> Self {
        Self {
            waiting: VecDeque::with_capacity(MOST),
            spare: (0..MOST / 4).map(|_| Vec::with_capacity(payload)).collect(),
            track: None,
            doubt: None,
            played: None,
            overflows: 0,
            clock: i64::from(clock),
        }
    }

    pub(crate) fn head(&self) -> Option<&Slot> {
        self.waiting.front()
    }

    /// Takes the first; its payload goes back with [`recycle`](Self::recycle).
    pub(crate) fn pop(&mut self) -> Option<Slot> {
        let slot = self.waiting.pop_front()?;
        self.played = Some(slot.sequence);
        Some(slot)
    }

    pub(crate) fn recycle(&mut self, mut payload: Vec<u8>) {
        payload.clear();
        self.spare.push(payload);
    }

    /// The extended sequence number that was taken out last.
    pub(crate) fn played(&self) -> Option<i64> {
        self.played
    }

    /// Forgets the stream; whatever comes next begins one. `clock`: its clock in Hz.
    pub(crate) fn restart(&mut self, clock: u32) {
        while let Some(slot) = self.waiting.pop_front() {
            self.recycle(slot.payload);
        }
        (self.track, self.played, self.doubt) = (None, None, None);
        self.clock = i64::from(clock);
    }

    /// A packet arrived.
    pub(crate) fn put(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        what: What,
        payload: &[u8],
    ) -> Placed {
        let Some(track) = self.track.filter(|track| track.ssrc == ssrc) else {
            return self.anew(ssrc, sequence, timestamp, what, payload);
        };
        let ahead = i32::from(sequence.wrapping_sub(track.sequence as u16).cast_signed());
        let since = i64::from(timestamp.wrapping_sub(track.timestamp as u32).cast_signed());
        let backwards = since < -MAX_JUMP_BACK_S * self.clock;
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&ahead) || backwards {
            if self.doubt == Some(sequence) {
                return self.anew(ssrc, sequence, timestamp, what, payload);
            }
            self.doubt = Some(sequence.wrapping_add(1));
            return Placed::Doubtful;
        }
        self.doubt = None;
        let (sequence, timestamp) = (track.sequence + i64::from(ahead), track.timestamp + since);
        if ahead > 0 {
            self.track = Some(Track {
                ssrc,
                sequence,
                timestamp,
            });
        }
        if self.played.is_some_and(|played| sequence == played) {
            return Placed::Duplicate;
        }
        if self.played.is_some_and(|played| sequence < played) {
            return Placed::Late(timestamp);
        }
        let behind = self
            .waiting
            .iter()
            .rev()
            .take_while(|slot| slot.sequence > sequence)
            .count();
        let place = self.waiting.len() - behind;
        let before = place.checked_sub(1).and_then(|before| self.waiting.get(before));
        if before.is_some_and(|slot| slot.sequence == sequence) {
            return Placed::Duplicate;
        }
        self.insert(place, sequence, timestamp, what, payload);
        Placed::In(timestamp)
    }

    fn anew(&mut self, ssrc: u32, sequence: u16, timestamp: u32, what: What, payload: &[u8]) -> Placed {
        self.restart(u32::try_from(self.clock).unwrap_or(8_000));
        let (sequence, timestamp) = (i64::from(sequence), i64::from(timestamp));
        self.track = Some(Track {
            ssrc,
            sequence,
            timestamp,
        });
        self.insert(0, sequence, timestamp, what, payload);
        Placed::Anew(timestamp)
    }

    fn insert(&mut self, place: usize, sequence: i64, timestamp: i64, what: What, payload: &[u8]) {
        let mut place = place;
        if self.waiting.len() >= MOST {
            self.overflows += 1;
            // The oldest goes, be it this one.
            let Some(lower) = place.checked_sub(1) else {
                return;
            };
            if let Some(oldest) = self.pop() {
                self.recycle(oldest.payload);
            }
            place = lower;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(payload);
        let slot = Slot {
            sequence,
            timestamp,
            what,
            payload: buffer,
        };
        self.waiting.insert(place, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(160, 8_000)
    }

    fn put(queue: &mut Queue, sequence: u16) -> Placed {
        queue.put(
            1,
            sequence,
            u32::from(sequence).wrapping_mul(160),
            What::Audio(0),
            &sequence.to_be_bytes(),
        )
    }

    fn drain(queue: &mut Queue) -> Vec<u16> {
        std::iter::from_fn(|| {
            let slot = queue.pop()?;
            let sequence = u16::from_be_bytes(slot.payload[..].try_into().unwrap());
            queue.recycle(slot.payload);
            Some(sequence)
        })
        .collect()
    }

    #[test]
    fn order_is_restored_and_duplicates_are_known() {
        let mut queue = queue();
        assert!(matches!(put(&mut queue, 10), Placed::Anew(1_600)));
        for sequence in [13, 11, 15, 12] {
            assert!(matches!(put(&mut queue, sequence), Placed::In(_)), "{sequence}");
        }
        assert_eq!(put(&mut queue, 12), Placed::Duplicate);
        assert_eq!(drain(&mut queue), [10, 11, 12, 13, 15]);
        assert_eq!(put(&mut queue, 15), Placed::Duplicate, "was played");
        assert_eq!(put(&mut queue, 14), Placed::Late(14 * 160));
        assert!(matches!(put(&mut queue, 16), Placed::In(_)));
    }

    #[test]
    fn numbers_wrap() {
        let mut queue = queue();
        for n in 0..200_000_u32 {
            let sequence = 65_000_u32.wrapping_add(n);
            let timestamp = 0xffff_0000_u32.wrapping_add(n.wrapping_mul(160_000));
            let placed = queue.put(1, sequence as u16, timestamp, What::Audio(0), &[]);
            assert!(
                !matches!(placed, Placed::Late(_) | Placed::Duplicate | Placed::Doubtful),
                "{n}"
            );
            let slot = queue.pop().unwrap();
            assert_eq!(slot.sequence, 65_000 + i64::from(n));
            assert_eq!(slot.timestamp, 0xffff_0000 + i64::from(n) * 160_000);
            queue.recycle(slot.payload);
        }
    }

    #[test]
    fn a_jump_is_believed_the_second_time() {
        let mut queue = queue();
        put(&mut queue, 10);
        assert_eq!(put(&mut queue, 40_000), Placed::Doubtful);
        assert!(matches!(put(&mut queue, 11), Placed::In(_)), "it was a stray");
        assert_eq!(put(&mut queue, 40_000), Placed::Doubtful);
        assert!(matches!(put(&mut queue, 40_001), Placed::Anew(_)));
        assert!(
            matches!(queue.put(2, 5, 77, What::Audio(0), &[]), Placed::Anew(77)),
            "another source"
        );
    }

    #[test]
    fn a_stream_that_begins_again_a_little_lower_is_believed_and_a_straggler_is_not() {
        for back in [101, 250, 3_000] {
            let mut queue = queue();
            put(&mut queue, 10_000);
            queue.pop();
            assert_eq!(put(&mut queue, 10_000 - back), Placed::Doubtful, "{back}");
            assert!(matches!(put(&mut queue, 10_001), Placed::In(_)), "it was a stray");
            assert_eq!(put(&mut queue, 10_000 - back), Placed::Doubtful, "{back}");
            assert!(
                matches!(put(&mut queue, 10_001 - back), Placed::Anew(_)),
                "{back}: a restart"
            );
        }
        let mut queue = queue();
        put(&mut queue, 10_000);
        queue.pop();
        for late in 9_900..10_000 {
            assert!(matches!(put(&mut queue, late), Placed::Late(_)), "{late}");
        }
    }

    #[test]
    fn a_timestamp_that_goes_back_is_a_jump_and_one_that_goes_on_is_silence() {
        let mut queue = queue();
        queue.put(1, 10, 1_000_000, What::Audio(0), &[]);
        assert_eq!(
            queue.put(1, 11, 9_000_000, What::Audio(0), &[]),
            Placed::In(9_000_000)
        );
        assert_eq!(queue.put(1, 12, 100, What::Audio(0), &[]), Placed::Doubtful);
        assert_eq!(queue.put(1, 13, 260, What::Audio(0), &[]), Placed::Anew(260));
    }

    #[test]
    fn it_is_bounded_and_makes_room_at_the_old_end() {
        let mut queue = queue();
        for sequence in 0..200 {
            put(&mut queue, sequence);
        }
        assert_eq!((queue.waiting.len(), queue.overflows), (MOST, 136));
        assert_eq!(drain(&mut queue)[0], 136);
    }
}
