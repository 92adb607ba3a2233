//! By whom a call was diverted: Diversion (RFC 5806) and History-Info (RFC 7044), and the one made of the other (RFC 7544).

use config::{DiversionMode, NumberIn, Trunk, UriStyle};
use route::Unanswered;
use sip_msg::{HeaderId, Message, NameAddr, SipUri, Uri, Value, Writer};
use smallvec::SmallVec;

use super::write::Towards;
use super::{Whereto, anonymous, is_anonymous, number_of, number_uri};
use crate::headers::display_of;
use crate::snapshot::Snapshot;

/// Diversions of a call that are told of; more than that is a loop.
const MOST: usize = 8;

/// Somebody who has sent a call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diverted {
    /// His number; empty: he is not to be known.
    pub(super) number: String,
    display: Option<String>,
    reason: Reason,
    private: bool,
}

/// Why a call was sent on, with its words in both headers (RFC 5806 §4, RFC 4458 §5, RFC 7544 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Unknown,
    UserBusy,
    NoAnswer,
    Unavailable,
    Unconditional,
    Deflection,
    TimeOfDay,
    DoNotDisturb,
    FollowMe,
    OutOfService,
    Away,
}

const REASONS: [(Reason, &str, u16); 11] = [
    (Reason::Unknown, "unknown", 404),
    (Reason::UserBusy, "user-busy", 486),
    (Reason::NoAnswer, "no-answer", 408),
    (Reason::Unavailable, "unavailable", 503),
    (Reason::Unconditional, "unconditional", 302),
    (Reason::Deflection, "deflection", 480),
    (Reason::TimeOfDay, "time-of-day", 404),
    (Reason::DoNotDisturb, "do-not-disturb", 404),
    (Reason::FollowMe, "follow-me", 404),
    (Reason::OutOfService, "out-of-service", 404),
    (Reason::Away, "away", 404),
];

impl Reason {
    fn row(self) -> (&'static str, u16) {
        let row = REASONS.iter().find(|(reason, _, _)| *reason == self);
        row.map_or(("unknown", 404), |(_, word, cause)| (word, *cause))
    }

    fn of_word(word: &[u8]) -> Self {
        let word = word.trim_ascii().strip_prefix(b"\"").unwrap_or(word);
        let word = word.strip_suffix(b"\"").unwrap_or(word);
        let row = REASONS
            .iter()
            .find(|(_, known, _)| word.eq_ignore_ascii_case(known.as_bytes()));
        row.map_or(Self::Unknown, |(reason, _, _)| *reason)
    }

    fn of_cause(cause: &[u8]) -> Self {
        let cause = std::str::from_utf8(cause).ok().and_then(|text| text.parse().ok());
        match cause {
            // Both are deflection, one while it rings.
            Some(487_u16) => Self::Deflection,
            Some(cause) => REASONS
                .iter()
                .find(|(_, _, known)| *known == cause)
                .map_or(Self::Unknown, |(reason, _, _)| *reason),
            None => Self::Unknown,
        }
    }
}

impl Diverted {
    /// Calls to this number have gone on to its backups.
    pub(crate) fn by_rule(number: &str, why: Unanswered) -> Self {
        Self {
            number: number.to_owned(),
            display: None,
            reason: match why {
                Unanswered::Busy => Reason::UserBusy,
                Unanswered::NoAnswer => Reason::NoAnswer,
                Unanswered::Failure | Unanswered::Unregistered => Reason::Unavailable,
            },
            private: false,
        }
    }

    /// Whoever has this number has redirected a call to it: for the reason that its answer gives (RFC 5806 §3), else of its own will,
    /// while it rang or from the beginning.
    pub(crate) fn by_redirection(
        number: &str,
        answer: &Message,
        (snapshot, from): (&Snapshot, &Trunk),
        rang: bool,
    ) -> Self {
        let own = if rang {
            Reason::Deflection
        } else {
            Reason::Unconditional
        };
        let said = read_diversion(snapshot, answer, from).into_iter().next();
        Self {
            number: number.to_owned(),
            display: None,
            reason: said.as_ref().map_or(own, |said| said.reason),
            private: said.is_some_and(|said| said.private),
        }
    }

    /// Its number; empty: it is not to be known.
    pub(crate) fn number(&self) -> &str {
        &self.number
    }
}

/// Who has sent the call on, the last one first. Diversion goes before History-Info, of which it says the same in fewer words.
pub(super) fn read(snapshot: &Snapshot, message: &Message, from: &Trunk) -> SmallVec<[Diverted; 2]> {
    let said = read_diversion(snapshot, message, from);
    if said.is_empty() {
        read_history(snapshot, message, from)
    } else {
        said
    }
}

fn read_diversion(snapshot: &Snapshot, message: &Message, from: &Trunk) -> SmallVec<[Diverted; 2]> {
    let diverted = |value| {
        let said = NameAddr::parse(value).ok()?;
        let hidden = is_anonymous(said.uri);
        let privacy = said.params.get("privacy").flatten();
        Some(Diverted {
            number: if hidden {
                String::new()
            } else {
                number_of(snapshot, from, said.uri)
            },
            display: display_of(&said).filter(|_| !hidden),
            reason: Reason::of_word(said.params.get("reason").flatten().unwrap_or_default()),
            private: hidden || privacy.is_some_and(|level| !level.eq_ignore_ascii_case(b"off")),
        })
    };
    message
        .values(HeaderId::Diversion)
        .filter_map(diverted)
        .take(MOST)
        .collect()
}

/// One entry of History-Info.
struct Entry<'m> {
    address: NameAddr<'m>,
    uri: Option<SipUri<'m>>,
    index: &'m [u8],
}

/// The entries with a `cause` are those that a diversion led to (RFC 4458): it was the one before who diverted.
fn read_history(snapshot: &Snapshot, message: &Message, from: &Trunk) -> SmallVec<[Diverted; 2]> {
    let entry = |value| {
        let address = NameAddr::parse(value).ok()?;
        let index = address.params.get("index").flatten()?;
        let uri = Uri::parse(address.uri).ok()?.sip();
        Some(Entry { address, uri, index })
    };
    let entries: SmallVec<[Entry<'_>; 4]> = message
        .values(HeaderId::HistoryInfo)
        .filter_map(entry)
        .take(2 * MOST)
        .collect();
    let mut diverted = SmallVec::new();
    for (at, entry) in entries.iter().enumerate().rev() {
        let Some(cause) = entry.uri.and_then(|uri| uri.params.get("cause").flatten()) else {
            continue;
        };
        let named = entry.address.params.get("mp").flatten();
        let by_index = |index: &[u8]| entries.iter().find(|other| other.index == index);
        let parent = entry.index.iter().rposition(|byte| *byte == b'.');
        let parent = parent.and_then(|end| entry.index.get(..end));
        let before = || at.checked_sub(1).and_then(|before| entries.get(before));
        let Some(who) = named.or(parent).and_then(by_index).or_else(before) else {
            continue;
        };
        let hidden = is_anonymous(who.address.uri);
        let headers = who.uri.and_then(|uri| uri.headers).unwrap_or_default();
        let asked = headers
            .windows(8)
            .any(|part| part.eq_ignore_ascii_case(b"Privacy="));
        diverted.push(Diverted {
            number: if hidden {
                String::new()
            } else {
                number_of(snapshot, from, who.address.uri)
            },
            display: display_of(&who.address).filter(|_| !hidden),
            reason: Reason::of_cause(cause),
            private: hidden || asked,
        });
        if diverted.len() == MOST {
            break;
        }
    }
    diverted
}

/// Writes who has sent the call on, as the trunk is told it. `hidden`: nobody is to know.
pub(super) fn write(
    towards: &Towards<'_>,
    writer: &mut Writer,
    message: &Message,
    from: &Trunk,
    whereto: Whereto<'_>,
    hidden: bool,
) {
    let mode = towards.trunk.identity.diversion;
    let (mut as_diversion, mut as_history) = match mode {
        DiversionMode::Strip => return,
        DiversionMode::Pass => {
            let snapshot = towards.snapshot;
            (
                read_diversion(snapshot, message, from),
                read_history(snapshot, message, from),
            )
        }
        DiversionMode::Diversion => (read(towards.snapshot, message, from), SmallVec::new()),
        DiversionMode::HistoryInfo => (SmallVec::new(), read(towards.snapshot, message, from)),
    };
    if !whereto.diverted.is_empty() {
        // Here it was diverted after all that.
        let in_history = !as_history.is_empty() || mode == DiversionMode::HistoryInfo;
        if in_history {
            lead(&mut as_history, whereto.diverted);
        }
        if !in_history || !as_diversion.is_empty() {
            lead(&mut as_diversion, whereto.diverted);
        }
    }
    for who in &as_diversion {
        writer.parts(HeaderId::Diversion, |value| {
            if is_shown(towards, who, hidden) {
                value.text(who.display.as_deref().unwrap_or_default());
                towards.party(value, NumberIn::Diversion, &who.number);
            } else {
                anonymous(value);
            }
            value.text(";reason=").text(who.reason.row().0);
            let private = who.private || hidden;
            value.text(if private { ";privacy=full" } else { ";privacy=off" });
        });
    }
    write_history(towards, writer, &as_history, whereto.called, hidden);
}

/// Puts those who have sent a call on here, which stand with the first one first, before those who have done so elsewhere.
fn lead(said: &mut SmallVec<[Diverted; 2]>, here: &[Diverted]) {
    said.insert_many(0, here.iter().rev().cloned());
    said.truncate(MOST);
}

/// Whether the trunk may know who has sent the call on.
fn is_shown(towards: &Towards<'_>, who: &Diverted, hidden: bool) -> bool {
    !who.number.is_empty() && !((who.private || hidden) && towards.keeps_secrets())
}

/// History-Info is told from the first to the last, each entry below the one before, and the last one is where the call goes now
/// (RFC 7044 §8.3). One with a cause says why the one before has sent the call on.
fn write_history(
    towards: &Towards<'_>,
    writer: &mut Writer,
    diverted: &[Diverted],
    called: &str,
    hidden: bool,
) {
    let mut index = "1".to_owned();
    let mut cause = None;
    for who in diverted.iter().rev() {
        let shown = is_shown(towards, who, hidden);
        writer.parts(HeaderId::HistoryInfo, |value| {
            if shown {
                value.text(who.display.as_deref().unwrap_or_default()).text("<");
                history_uri(towards, value, NumberIn::Diversion, &who.number);
            } else {
                value.text("<sip:anonymous@anonymous.invalid");
            }
            history_end(value, cause, who.private || hidden, &index);
        });
        cause = Some((index.clone(), who.reason.row().1));
        index.push_str(".1");
    }
    if cause.is_some() {
        writer.parts(HeaderId::HistoryInfo, |value| {
            value.text("<");
            history_uri(towards, value, NumberIn::RequestUri, called);
            history_end(value, cause, false, &index);
        });
    }
}

/// A cause is a parameter of a SIP URI, so that there are no others here.
fn history_uri(towards: &Towards<'_>, value: &mut Value<'_>, place: NumberIn, number: &str) {
    let (written, style) = towards.trunk.write_number(place, number);
    let style = if style == UriStyle::Tel {
        UriStyle::Phone
    } else {
        style
    };
    number_uri(value, &written, style, &|value| towards.host(value));
}

fn history_end(value: &mut Value<'_>, cause: Option<(String, u16)>, private: bool, index: &str) {
    if let Some((_, cause)) = &cause {
        value.text(";cause=").number((*cause).into());
    }
    if private {
        value.text("?Privacy=history");
    }
    value.text(">;index=").text(index);
    if let Some((before, _)) = &cause {
        value.text(";mp=").text(before);
    }
}
