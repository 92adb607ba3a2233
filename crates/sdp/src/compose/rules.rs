//! Which lines of a body reach the other leg.
//!
//! | line | fate |
//! |---|---|
//! | `v=` `o=` `s=` | ours (`s=-`) |
//! | `i=` `u=` `e=` `p=` `r=` `z=` `k=` | dropped: they describe people and keys of the other side, or mean nothing in an offer |
//! | `c=` | dropped everywhere; ours once, at session level |
//! | `b=` | kept where it is `type:digits` |
//! | `t=` | kept where it is two numbers, else `t=0 0` |
//! | `m=` | rewritten: type and profile as they were, our port, the filtered formats |
//! | `a=` | by name, below ([`ATTRIBUTES`]); a name that isn't there is kept, in its place |
//! | any other letter | dropped |
//!
//! An answer that is made of the offer itself keeps less of it: [`own_fate`], no `b=`, and nothing of the session part.
//!
//! Above all of it: a kept line that contains one of the strings to hide, or an address or domain name from the body's
//! own o=, c= and a=rtcp lines (the first 16 of them), is dropped. Only literal occurrences (any case) are found.

use crate::fields::parse_ptime;
use crate::media::Attribute;
use crate::span::{first_word, number, words};

/// What happens to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stays as it is, in its place.
    Keep,
    /// Goes.
    Drop,
    /// Replaced by what we say ourselves.
    Ours,
    /// Stays with its payload type (renumbered if that is), goes with it.
    WithFormat,
    /// Stays if its value makes sense; see [`fate`].
    IfValid,
}

/// Attributes that don't simply stay: name, fate, why.
pub const ATTRIBUTES: &[(&str, Fate, &str)] = &[
    (
        "sendrecv",
        Fate::Ours,
        "written once per m-line, hold by address made explicit",
    ),
    ("sendonly", Fate::Ours, "as sendrecv"),
    ("recvonly", Fate::Ours, "as sendrecv"),
    ("inactive", Fate::Ours, "as sendrecv"),
    (
        "rtcp",
        Fate::Ours,
        "names a port and an address of the other leg (RFC 3605)",
    ),
    ("rtcp-mux", Fate::Ours, "negotiated per leg (RFC 5761 §5.1.1)"),
    ("rtpmap", Fate::WithFormat, "RFC 8866 §6.6"),
    ("fmtp", Fate::WithFormat, "RFC 8866 §6.15"),
    ("rtcp-fb", Fate::WithFormat, "RFC 4585 §4.2"),
    ("ptime", Fate::IfValid, "1 to 1000 ms"),
    ("maxptime", Fate::IfValid, "1 to 1000 ms"),
    (
        "group",
        Fate::IfValid,
        "not BUNDLE: each m-line has its own port here (RFC 9143)",
    ),
    (
        "ssrc",
        Fate::IfValid,
        "not cname: it is often user@host (RFC 5576 §6.1)",
    ),
    ("bundle-only", Fate::Drop, "goes with BUNDLE"),
    ("rtcp-mux-only", Fate::Drop, "negotiated per leg (RFC 8858)"),
    ("candidate", Fate::Drop, "addresses of the other leg (RFC 8839)"),
    ("remote-candidates", Fate::Drop, "as candidate"),
    ("end-of-candidates", Fate::Drop, "as candidate"),
    ("ice-ufrag", Fate::Drop, "as candidate"),
    ("ice-pwd", Fate::Drop, "as candidate"),
    ("ice-options", Fate::Drop, "as candidate"),
    ("ice-lite", Fate::Drop, "as candidate"),
    ("ice-mismatch", Fate::Drop, "as candidate"),
    ("ice-pacing", Fate::Drop, "as candidate"),
    ("crypto", Fate::Drop, "keys are per leg (RFC 4568)"),
    ("key-mgmt", Fate::Drop, "keys are per leg (RFC 4567)"),
    ("fingerprint", Fate::Drop, "keys are per leg (RFC 8122)"),
    ("setup", Fate::Drop, "who connects is per leg (RFC 4145)"),
    ("connection", Fate::Drop, "as setup"),
    ("tls-id", Fate::Drop, "as setup (RFC 8842)"),
    ("dtls-id", Fate::Drop, "as tls-id, draft name"),
    ("identity", Fate::Drop, "signs the fingerprint (RFC 8827)"),
    ("csup", Fate::Drop, "capability negotiation is per leg (RFC 5939)"),
    ("creq", Fate::Drop, "as csup"),
    ("acap", Fate::Drop, "as csup"),
    ("tcap", Fate::Drop, "as csup"),
    ("pcfg", Fate::Drop, "as csup"),
    ("acfg", Fate::Drop, "as csup"),
    (
        "alt",
        Fate::Drop,
        "alternative addresses (draft-wing-mmusic-ice, old ICE)",
    ),
    ("altc", Fate::Drop, "alternative addresses (RFC 6947)"),
    ("ant", Fate::Drop, "alternative addresses (RFC 4091)"),
    (
        "source-filter",
        Fate::Drop,
        "addresses of the other leg (RFC 4570)",
    ),
    (
        "oldmediaip",
        Fate::Drop,
        "address that a proxy's NAT helper replaced",
    ),
    ("oldoip", Fate::Drop, "as oldmediaip"),
    ("oldcip", Fate::Drop, "as oldmediaip"),
    ("oldmediaport", Fate::Drop, "as oldmediaip"),
    ("tool", Fate::Drop, "product of the other side (RFC 8866 §6.3)"),
];

/// The fate of an attribute; [`Fate::IfValid`] has become [`Fate::Keep`] or [`Fate::Drop`] by its value.
pub fn fate(attribute: &Attribute<'_>) -> Fate {
    let rule = ATTRIBUTES.iter().find(|(name, ..)| attribute.is(name));
    match rule.map_or(Fate::Keep, |(_, fate, _)| *fate) {
        Fate::IfValid if valid(attribute) => Fate::Keep,
        Fate::IfValid => Fate::Drop,
        decided @ (Fate::Keep | Fate::Drop | Fate::Ours | Fate::WithFormat) => decided,
    }
}

/// The fate of an attribute of a stream in an answer of ours that is made of the offer itself ([`CodecFilter::Own`]): only what says
/// which formats are spoken, in what packets, and which stream it is. The offerer's sources (RFC 5576), streams (RFC 8830), header
/// extensions (RFC 8285) and feedback (RFC 4585) are not ours, and what nobody here knows is nothing that we could agree to.
///
/// [`CodecFilter::Own`]: super::CodecFilter::Own
pub fn own_fate(attribute: &Attribute<'_>) -> Fate {
    match fate(attribute) {
        Fate::Keep if ["ptime", "maxptime", "mid"].iter().any(|name| attribute.is(name)) => Fate::Keep,
        Fate::Keep => Fate::Drop,
        Fate::WithFormat if attribute.is("rtcp-fb") => Fate::Drop,
        decided @ (Fate::Drop | Fate::Ours | Fate::WithFormat | Fate::IfValid) => decided,
    }
}

fn valid(attribute: &Attribute<'_>) -> bool {
    let value = attribute.value.unwrap_or_default();
    if attribute.is("group") {
        !first_word(value).0.eq_ignore_ascii_case(b"BUNDLE")
    } else if attribute.is("ssrc") {
        let (ssrc, of) = first_word(value);
        number::<u32>(ssrc).is_some() && !of.get(..5).is_some_and(|w| w.eq_ignore_ascii_case(b"cname"))
    } else {
        parse_ptime(value).is_some()
    }
}

/// `b=type:digits` (RFC 8866 §5.8).
pub(super) fn valid_bandwidth(line: &[u8]) -> bool {
    let value = line.strip_prefix(b"b=").unwrap_or_default().trim_ascii();
    let (kind, amount) = crate::span::split(value, b':');
    let token = !kind.is_empty()
        && kind
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    token && amount.is_some_and(|a| number::<u64>(a).is_some())
}

/// `t=start stop` (RFC 8866 §5.9).
pub(super) fn valid_time(line: &[u8]) -> bool {
    let mut fields = words(line.strip_prefix(b"t=").unwrap_or_default());
    let numbers = [fields.next(), fields.next()].map(|f| f.and_then(number::<u64>).is_some());
    numbers == [true, true] && fields.next().is_none()
}
