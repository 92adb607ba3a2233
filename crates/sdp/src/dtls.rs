//! DTLS-SRTP as SDP has it: who begins (RFC 4145), and by which certificates a peer is known (RFC 8122).

use std::fmt::Write as _;

use smallvec::SmallVec;

use crate::media::{Attribute, Media};
use crate::parse::Sdp;
use crate::span::first_word;

/// Fingerprints of one stream that are read.
const MAX_FINGERPRINTS: usize = 16;
/// The longest hash known: SHA-512.
const MAX_HASH: usize = 64;

/// `a=setup` (RFC 4145 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupRole {
    /// It begins.
    Active,
    /// It waits.
    Passive,
    /// Either: the answerer decides.
    ActPass,
    /// Neither for now.
    HoldConn,
}

impl SetupRole {
    const ALL: [SetupRole; 4] = [
        SetupRole::Active,
        SetupRole::Passive,
        SetupRole::ActPass,
        SetupRole::HoldConn,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SetupRole::Active => "active",
            SetupRole::Passive => "passive",
            SetupRole::ActPass => "actpass",
            SetupRole::HoldConn => "holdconn",
        }
    }
}

/// `a=fingerprint`: a hash function's name as written, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintLine<'a> {
    /// `sha-256` and the like; in any case.
    pub hash: &'a str,
    /// The bytes.
    pub value: SmallVec<[u8; 32]>,
}

/// Who begins, as the peer says it: the stream's line, else the session's; `None` where neither makes sense.
#[must_use]
pub fn setup(sdp: &Sdp, m: &Media) -> Option<SetupRole> {
    let role = |attribute: Attribute<'_>| {
        let value = attribute.value.filter(|_| attribute.is("setup"))?;
        SetupRole::ALL
            .into_iter()
            .find(|role| value.eq_ignore_ascii_case(role.as_str().as_bytes()))
    };
    m.attributes()
        .find_map(role)
        .or_else(|| sdp.attributes().find_map(role))
}

/// The certificates that the peer is known by on this stream: the stream's own lines, else the session's (RFC 8122 §5).
#[must_use]
pub fn fingerprints<'a>(sdp: &'a Sdp, m: &'a Media) -> Vec<FingerprintLine<'a>> {
    let own: Vec<_> = m
        .attributes()
        .filter_map(fingerprint)
        .take(MAX_FINGERPRINTS)
        .collect();
    if own.is_empty() {
        sdp.attributes()
            .filter_map(fingerprint)
            .take(MAX_FINGERPRINTS)
            .collect()
    } else {
        own
    }
}

fn fingerprint(attribute: Attribute<'_>) -> Option<FingerprintLine<'_>> {
    let value = attribute.value.filter(|_| attribute.is("fingerprint"))?;
    let (hash, digits) = first_word(value);
    let hash = std::str::from_utf8(hash).ok()?;
    let mut bytes = SmallVec::new();
    for pair in digits.split(|b| *b == b':') {
        let [high, low] = pair else { return None };
        let nibble = |digit: &u8| char::from(*digit).to_digit(16);
        bytes.push(u8::try_from(nibble(high)? * 16 + nibble(low)?).ok()?);
        if bytes.len() > MAX_HASH {
            return None;
        }
    }
    Some(FingerprintLine { hash, value: bytes })
}

/// The lines that name our certificate, and say who begins.
#[must_use]
pub fn dtls_lines(hash: &str, value: &[u8], setup: SetupRole) -> Vec<String> {
    let mut fingerprint = format!("a=fingerprint:{hash}");
    for (index, byte) in value.iter().enumerate() {
        // A String takes every write.
        let _ = write!(fingerprint, "{}{byte:02X}", if index == 0 { ' ' } else { ':' });
    }
    vec![fingerprint, format!("a=setup:{}", setup.as_str())]
}

/// `a=mid` of a stream (RFC 5888): its name within the session.
#[must_use]
pub fn mid(m: &Media) -> Option<&str> {
    let value = m.attributes().find(|a| a.is("mid"))?.value?;
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then_some(text)
}

/// Whether the session's streams share one transport (RFC 9143), and `name` is one of them.
#[must_use]
pub fn is_bundled(sdp: &Sdp, name: &str) -> bool {
    let mut groups = sdp.attributes().filter(|a| a.is("group")).filter_map(|a| a.value);
    groups.any(|value| {
        let (semantics, names) = first_word(value);
        let mut names = crate::span::words(names);
        semantics.eq_ignore_ascii_case(b"BUNDLE") && names.any(|other| other == name.as_bytes())
    })
}
