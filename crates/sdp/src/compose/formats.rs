//! Which formats of an RTP m-line are written, and under which numbers.

use smallvec::SmallVec;

use super::hidden::Hidden;
use crate::codec::Codec;
use crate::media::{Entry, Kind, Media};
use crate::offer::Clocks;
use crate::ptmap::{PtMapping, has};
use crate::span::payload_type;

/// Which formats of a stream are written. Profiles other than RTP keep all of theirs.
#[derive(Clone, Copy, Debug)]
pub enum CodecFilter<'a> {
    /// All valid ones, in the source's order.
    All,
    /// These codec names, in this order.
    Only(&'a [String]),
    /// Those of these names in this order (`None`: all of them in theirs), and behind them formats that the source does not
    /// have, for whoever converts.
    Extended {
        /// Codec names.
        names: Option<&'a [String]>,
        /// What is added, with payload types that the source does not use.
        added: &'a [Codec<'a>],
    },
    /// These payload types, in this order, for an answer of ours that is made of the offer itself: what else the offerer says there of
    /// its own sending, and of what it does with feedback, goes ([`own_fate`](super::rules::own_fate)).
    Own(&'a [u8]),
    /// An answer from B to be given to A: the codecs of the mapping, with A's payload types.
    Answer(&'a PtMapping),
    /// The same, and behind it formats that only A has, with A's payload types, for whoever converts.
    AnswerExtended {
        /// The codecs of both.
        mapping: &'a PtMapping,
        /// What is added.
        added: &'a [Codec<'a>],
    },
}

impl CodecFilter<'_> {
    /// Whether the source is its reader's own.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, CodecFilter::Own(_))
    }
}

/// The formats to write: (number in the source, number written), in m-line order.
#[derive(Debug, Default)]
pub(super) struct Formats<'a> {
    list: SmallVec<[(u8, u8); 16]>,
    /// Source numbers that answer `annexb=no` (RFC 7261 §3.3).
    without_annex_b: u128,
    /// Formats that the source does not have.
    added: SmallVec<[Codec<'a>; 2]>,
}

impl<'a> Formats<'a> {
    /// `None`: nothing is left that carries a conversation.
    pub(super) fn select(media: &Media, filter: CodecFilter<'a>, hidden: &Hidden<'_>) -> Option<Self> {
        let audio = media.kind() == Kind::Audio;
        let mut formats = Formats::default();
        match filter {
            CodecFilter::All => formats.all(media),
            CodecFilter::Only(_) | CodecFilter::Extended { .. } if !audio => formats.all(media),
            CodecFilter::Only(names) => formats.by_names(media, names),
            CodecFilter::Extended { names, added } => {
                match names {
                    Some(names) => formats.by_names(media, names),
                    None => formats.all(media),
                }
                formats.added = SmallVec::from_slice(added);
            }
            CodecFilter::Own(pts) => pts.iter().for_each(|pt| formats.add(media, *pt, *pt)),
            CodecFilter::Answer(mapping) => formats.by_mapping(media, mapping),
            CodecFilter::AnswerExtended { mapping, added } => {
                formats.by_mapping(media, mapping);
                formats.added = SmallVec::from_slice(added);
            }
        }
        let named = |pt: u8| entry(media, pt).and_then(|e| media.codec(e));
        formats
            .list
            .retain(|(pt, _)| named(*pt).is_none_or(|c| !hidden.is_in(c.name.as_bytes())));
        formats.drop_dangling(media);
        let mut clocks = Clocks::default();
        for (pt, _) in &formats.list {
            clocks.add(named(*pt));
        }
        formats.added.iter().for_each(|codec| clocks.add(Some(*codec)));
        formats.list.retain(|(pt, _)| clocks.admit(named(*pt)));
        formats.added.retain(|codec| clocks.admit(Some(*codec)));
        // A body that offers nothing but events is passed on as it is; what we make out of one never is so.
        let alone = matches!(filter, CodecFilter::All) || !audio || clocks.has_primary();
        let any = !formats.list.is_empty() || !formats.added.is_empty();
        (alone && any).then_some(formats)
    }

    fn add(&mut self, media: &Media, from: u8, to: u8) {
        if entry(media, from).is_some() && !self.list.iter().any(|(pt, _)| *pt == from) {
            self.list.push((from, to));
        }
    }

    fn all(&mut self, media: &Media) {
        media.payload_types().for_each(|pt| self.add(media, pt, pt));
    }

    /// Policy order; telephone-event at its place in the policy, or last if the policy doesn't name it.
    fn by_names(&mut self, media: &Media, names: &[String]) {
        for name in names {
            let named = media.codecs().filter(|c| c.is_named(name));
            named.for_each(|c| self.add(media, c.pt, c.pt));
        }
        media
            .codecs()
            .filter(Codec::is_event)
            .for_each(|c| self.add(media, c.pt, c.pt));
    }

    fn by_mapping(&mut self, media: &Media, mapping: &PtMapping) {
        self.without_annex_b = mapping.without_annex_b;
        mapping.pairs().iter().for_each(|p| self.add(media, p.b, p.a));
    }

    /// Redundancy and retransmission formats go when a format that they refer to has gone.
    fn drop_dangling(&mut self, media: &Media) {
        let kept = self.list.clone();
        let stays = |pt: u8| kept.iter().any(|(from, _)| *from == pt);
        self.list.retain(|(pt, _)| {
            let codec = entry(media, *pt).and_then(|e| media.codec(e));
            codec.is_none_or(|c| references(&c).all(stays))
        });
    }

    /// The number that a format of the source is written with; `None`: it isn't.
    pub(super) fn out(&self, from: u8) -> Option<u8> {
        self.list.iter().find(|(pt, _)| *pt == from).map(|(_, out)| *out)
    }

    /// Numbers in the order of the m-line to write.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u8> + '_ {
        let added = self.added.iter().map(|codec| codec.pt);
        self.list.iter().map(|(_, out)| *out).chain(added)
    }

    /// What is written beside those of the source.
    pub(super) fn added(&self) -> &[Codec<'a>] {
        &self.added
    }

    /// Whether the format must be answered with `annexb=no`.
    pub(super) fn forbids_annex_b(&self, from: u8) -> bool {
        has(self.without_annex_b, from)
    }

    /// (source, written) numbers of those that must be answered with `annexb=no`.
    pub(super) fn annex_b_answers(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.list
            .iter()
            .copied()
            .filter(|(from, _)| self.forbids_annex_b(*from))
    }

    /// The fmtp value with the numbers that it refers to renumbered; `None`: it needs no change.
    pub(super) fn renumbered_fmtp(&self, media: &Media, from: u8) -> Option<String> {
        if self.list.iter().all(|(a, b)| a == b) {
            return None;
        }
        let codec = media.codec(entry(media, from)?)?;
        let fmtp = codec.fmtp?;
        let number = |text: &str| {
            let out = payload_type(text.trim().as_bytes()).and_then(|pt| self.out(pt));
            out.map_or_else(|| text.to_owned(), |pt| pt.to_string())
        };
        if codec.name.eq_ignore_ascii_case("red") {
            return Some(fmtp.split('/').map(number).collect::<Vec<_>>().join("/"));
        }
        if codec.name.eq_ignore_ascii_case("rtx") {
            let parameters = fmtp.split(';').map(|p| match p.split_once('=') {
                Some((key, value)) if key.trim().eq_ignore_ascii_case("apt") => {
                    format!("{key}={}", number(value))
                }
                Some(_) | None => p.to_owned(),
            });
            return Some(parameters.collect::<Vec<_>>().join(";"));
        }
        None
    }
}

fn entry(media: &Media, pt: u8) -> Option<&Entry> {
    media.entries().iter().find(|e| e.pt == pt)
}

/// Payload types that a redundancy (RFC 2198 §5) or retransmission (RFC 4588 §8.1) format refers to.
fn references<'a>(codec: &Codec<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let red = codec.fmtp.filter(|_| codec.name.eq_ignore_ascii_case("red"));
    let rtx = codec
        .parameter("apt")
        .filter(|_| codec.name.eq_ignore_ascii_case("rtx"));
    let list = red.or(rtx).unwrap_or_default().split('/');
    list.filter_map(|word| payload_type(word.trim().as_bytes()))
}
