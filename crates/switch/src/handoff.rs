//! What one call has for another: a call that was asked to transfer a party, the errand that looks for whom to, and whoever comes to
//! take a party's place.
//!
//! Calls are reached one at a time, so what one says to another is put down here and carried out behind it
//! ([`switch::handover`](crate::switch)).

use route::TrunkIx;
use rtp_proto::control::Side;
use sip_msg::Message;

use crate::call::{Call, Leg, Picked, Tale, Won};
use crate::core::Asked;
use crate::ident::CallKey;

/// Something for another call.
pub(crate) enum Handoff {
    /// A new errand.
    Begin(Box<Call>),
    /// An errand's target rings, or the like.
    Progress { of: CallKey, status: u16 },
    /// It has answered.
    Answered { of: CallKey, won: Box<Won> },
    /// A contact that rings with others has answered, or of several carriers one is the first.
    Picked { of: CallKey, picked: Box<Picked> },
    /// An errand, or such a contact, has come to nothing.
    Failed {
        of: CallKey,
        errand: CallKey,
        /// Status and Q.850 cause.
        said: (u16, Option<u8>),
        tale: Box<Tale>,
    },
    /// Its call does not wait for it any more.
    Cancel { branch: CallKey, why: Dropped },
    /// The far end of another call of the transferor's is to be put in the transferor's place.
    Fetch {
        of: CallKey,
        by: Side,
        replaces: Box<Replaces>,
        /// What asks for it.
        refer: Box<Message>,
    },
    /// An INVITE of this trunk's, to `called`, comes to take a party's place (RFC 3891).
    Replace {
        asked: Box<Asked>,
        trunk: TrunkIx,
        called: String,
        replaces: Box<Replaces>,
    },
}

/// Why nobody waits any more for what was asked at once with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The call is over, or goes on elsewhere.
    GivenUp,
    /// Another has answered.
    Answered,
    /// Another was faster.
    Overtaken,
}

/// The dialog that a Replaces header names (RFC 3891 §6.1), as whoever gets it knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaces {
    pub(crate) call_id: Vec<u8>,
    /// Ours.
    pub(crate) local: Vec<u8>,
    /// The peer's.
    pub(crate) remote: Vec<u8>,
    /// Only while it is not answered.
    pub(crate) early_only: bool,
}

impl Replaces {
    /// Reads the header's value, escapes taken out already.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|c| *c == b';').map(<[u8]>::trim_ascii);
        // It may have to be written: what would be more than a value is none.
        let is_text = |value: &[u8]| !value.iter().any(|c| c.is_ascii_control());
        let call_id = parts
            .next()
            .filter(|id| !id.is_empty() && is_text(value))?
            .to_vec();
        let (mut local, mut remote, mut early_only) = (None, None, false);
        for part in parts {
            let at = part.iter().position(|c| *c == b'=').unwrap_or(part.len());
            let (name, value) = part.split_at_checked(at)?;
            let (name, value) = (name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii());
            if name.eq_ignore_ascii_case(b"to-tag") {
                local = Some(value.to_vec());
            } else if name.eq_ignore_ascii_case(b"from-tag") {
                remote = Some(value.to_vec());
            } else if name.eq_ignore_ascii_case(b"early-only") {
                early_only = true;
            }
        }
        Some(Self {
            call_id,
            local: local?,
            remote: remote?,
            early_only,
        })
    }

    /// The same dialog as whoever has the tags the wrong way round would name it: in a Refer-To some write them as they see them.
    pub(crate) fn turned(&self) -> Self {
        Self {
            local: self.remote.clone(),
            remote: self.local.clone(),
            ..self.clone()
        }
    }

    /// Whether a request within that dialog would be this leg's.
    pub(crate) fn names(&self, leg: &Leg) -> bool {
        leg.dialog.as_ref().is_some_and(|dialog| {
            dialog.call_id() == self.call_id
                && dialog.local_tag() == self.local
                && dialog.remote_tag() == self.remote
        })
    }
}

/// The headers in a URI (RFC 3261 §19.1.1), escapes taken out: names and values.
pub(crate) fn uri_headers(headers: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    headers.split(|c| *c == b'&').filter_map(|header| {
        let at = header.iter().position(|c| *c == b'=')?;
        let (name, value) = header.split_at_checked(at)?;
        Some((unescape(name), unescape(value.get(1..)?)))
    })
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let hex = (*first == b'%')
            .then(|| more.first_chunk::<2>())
            .flatten()
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    out
}

/// Whether a NOTIFY is about a transfer (RFC 3515 §2.4.4).
pub(crate) fn is_of_refer(notify: &Message) -> bool {
    let event = notify.header(sip_msg::HeaderId::Event).unwrap_or_default();
    let package = event.split(|c| *c == b';').next().unwrap_or_default();
    package.trim_ascii().eq_ignore_ascii_case(b"refer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_is_read_with_its_escapes() {
        let meant = Replaces {
            call_id: b"12@host".to_vec(),
            local: b"ours".to_vec(),
            remote: b"theirs".to_vec(),
            early_only: false,
        };
        let uri = b"Subject=x&Replaces=12%40host%3Bfrom-tag%3Dtheirs%3bto-tag%3Dours";
        let found = uri_headers(uri).find(|(name, _)| name.eq_ignore_ascii_case(b"replaces"));
        assert_eq!(Replaces::parse(&found.unwrap().1), Some(meant.clone()));
        assert_eq!(
            Replaces::parse(b"12@host; to-tag = ours ;from-tag=theirs;early-only"),
            Some(Replaces {
                early_only: true,
                ..meant
            })
        );
        for text in [
            "",
            "12@host",
            "12@host;to-tag=1",
            ";to-tag=1;from-tag=2",
            "12@host;to-tag=1;from-tag=2\r\nX: y",
        ] {
            assert_eq!(Replaces::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unescape(b"a%4"), b"a%4");
        assert_eq!(unescape(b"%zz%41"), b"%zzA");
    }
}
