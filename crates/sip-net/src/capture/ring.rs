//! The last megabytes of messages. Whoever captures copies a message to the end of a segment and looks at nothing else; whoever
//! reads has the full segments by reference and a copy of the one that is being filled.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use sip_msg::Limits;

use super::Stamp;

/// Bytes of a segment; no SIP message is longer.
const SEGMENT: usize = 256 << 10;
/// Messages for which a segment has room at first.
const ENTRIES: usize = 512;

/// The messages captured last.
#[derive(Debug)]
pub struct Ring {
    full: VecDeque<Arc<Segment>>,
    filling: Segment,
    /// Segments that are empty.
    spare: Vec<Segment>,
    most: usize,
}

#[derive(Debug, Clone, Default)]
struct Segment {
    entries: Vec<(Stamp, Range<u32>)>,
    bytes: Vec<u8>,
}

impl Segment {
    /// An empty one. Its memory is written to, so that the system does not have to find it page by page while calls wait.
    fn touched() -> Self {
        let mut bytes = vec![b' '; SEGMENT];
        bytes.clear();
        Self {
            entries: Vec::with_capacity(ENTRIES),
            bytes,
        }
    }

    fn push(&mut self, stamp: Stamp, message: &[u8]) {
        let end = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let start = end(&self.bytes);
        self.bytes.extend_from_slice(message);
        self.entries.push((stamp, start..end(&self.bytes)));
    }

    fn shots(&self) -> impl Iterator<Item = (&Stamp, &[u8])> {
        self.entries.iter().map(|(stamp, range)| {
            let range = range.start as usize..range.end as usize;
            (stamp, self.bytes.get(range).unwrap_or_default())
        })
    }
}

impl Ring {
    /// A ring of about so many bytes, which it takes at once and keeps; two segments (512 kB) at least.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        let most = (memory / SEGMENT).max(2) - 1;
        Self {
            full: VecDeque::new(),
            filling: Segment::touched(),
            spare: (0..most).map(|_| Segment::touched()).collect(),
            most,
        }
    }

    /// Keeps a message. What is longer than a segment is no SIP message and is not kept.
    pub fn push(&mut self, stamp: Stamp, message: &[u8]) {
        if message.len() > SEGMENT {
            return;
        }
        if self.filling.bytes.len() + message.len() > SEGMENT {
            self.turn();
        }
        self.filling.push(stamp, message);
    }

    /// Begins a segment: with the memory of the oldest one, if nobody reads that.
    fn turn(&mut self) {
        let oldest = if self.full.len() >= self.most {
            self.full.pop_front()
        } else {
            None
        };
        let next = match oldest.and_then(Arc::into_inner) {
            Some(mut segment) => {
                segment.entries.clear();
                segment.bytes.clear();
                segment
            }
            None => self.spare.pop().unwrap_or_else(Segment::touched),
        };
        self.full
            .push_back(Arc::new(std::mem::replace(&mut self.filling, next)));
    }

    /// What there is now, for another thread to look through.
    #[must_use]
    pub fn view(&self) -> View {
        let mut segments: Vec<_> = self.full.iter().cloned().collect();
        segments.push(Arc::new(self.filling.clone()));
        View { segments }
    }
}

/// What a [`Ring`] had at one moment.
#[derive(Debug, Clone)]
pub struct View {
    segments: Vec<Arc<Segment>>,
}

/// A captured message; secrets in it are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// When, and between whom.
    pub stamp: Stamp,
    /// The message.
    pub bytes: Vec<u8>,
}

impl View {
    /// The messages with one of these Call-IDs, in the order in which they went.
    #[must_use]
    pub fn of(&self, call_ids: &[&[u8]]) -> Vec<Shot> {
        let finders: Vec<_> = call_ids
            .iter()
            .filter(|id| !id.is_empty())
            .map(|id| (memmem::Finder::new(id), *id))
            .collect();
        // The bytes may stand anywhere; only then it is worth finding out where.
        let is_of = |bytes: &[u8]| {
            finders
                .iter()
                .any(|(finder, id)| finder.find(bytes).is_some() && has_call_id(bytes, id))
        };
        self.segments
            .iter()
            .flat_map(|segment| segment.shots())
            .filter(|(_, bytes)| is_of(bytes))
            .map(|(stamp, bytes)| {
                let mut bytes = bytes.to_vec();
                sip_msg::mask(&mut bytes);
                Shot { stamp: *stamp, bytes }
            })
            .collect()
    }
}

fn has_call_id(bytes: &[u8], id: &[u8]) -> bool {
    let message = bytes::Bytes::copy_from_slice(bytes);
    sip_msg::parse(message, &Limits::default()).is_ok_and(|message| message.call_id() == id)
}

#[cfg(test)]
mod tests {
    use super::super::Carrier;
    use super::*;

    fn stamp(at_us: u64) -> Stamp {
        Stamp {
            at_us,
            outgoing: at_us % 2 == 1,
            carrier: Carrier::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            remote: ([127, 0, 0, 2], 5060).into(),
        }
    }

    fn options(call_id: &str, filler: usize) -> Vec<u8> {
        format!(
            "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:us>\r\n\
             i: {call_id}\r\nCSeq: 1 OPTIONS\r\nX-Filler: {}\r\nContent-Length: 0\r\n\r\n",
            "x".repeat(filler)
        )
        .into_bytes()
    }

    #[test]
    fn messages_are_found_by_their_call_id_and_by_nothing_else() {
        let mut ring = Ring::new(1 << 20);
        ring.push(stamp(1), &options("one", 0));
        ring.push(stamp(2), &options("two;one", 0));
        ring.push(stamp(3), b"one: no message");
        ring.push(stamp(4), &options("one", 0));
        let view = ring.view();
        ring.push(stamp(5), &options("one", 0));
        let times = |view: &View, ids: &[&[u8]]| -> Vec<u64> {
            view.of(ids).iter().map(|shot| shot.stamp.at_us).collect()
        };
        assert_eq!(times(&view, &[b"one"]), [1, 4]);
        assert_eq!(times(&view, &[b"two;one", b"one"]), [1, 2, 4]);
        assert!(times(&view, &[b""]).is_empty() && times(&view, &[]).is_empty());
        assert_eq!(times(&ring.view(), &[b"one"]), [1, 4, 5]);
    }

    #[test]
    fn the_ring_keeps_its_size_and_forgets_the_oldest() {
        let mut ring = Ring::new(1 << 20);
        let held = ring.view();
        for at in 0..5000 {
            ring.push(stamp(at), &options("one", 1000));
            assert!(ring.full.len() < 4);
        }
        let shots = ring.view().of(&[b"one"]);
        let first = shots.first().unwrap().stamp.at_us;
        assert!((600..=1100).contains(&shots.len()), "{}", shots.len());
        assert_eq!(first, 5000 - shots.len() as u64);
        assert!(held.of(&[b"one"]).is_empty());
        ring.push(stamp(1), &vec![b'x'; SEGMENT + 1]);
        assert_eq!(ring.view().of(&[b"one"]).len(), shots.len());
    }
}
