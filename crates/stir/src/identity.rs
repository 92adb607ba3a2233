//! The Identity header (RFC 8224 §4).

use sip_msg::{Params, unquote};

/// The longest value that is looked at, in bytes.
pub const MAX_IDENTITY: usize = 8192;

/// One value of an Identity header, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token, whole or only its signature.
    pub token: String,
    /// Where the certificate is.
    pub info: Option<String>,
    /// The algorithm; ES256 where none is written.
    pub alg: Option<String>,
    /// The token's type.
    pub ppt: Option<String>,
}

impl Identity {
    /// Takes a value apart. `None`: it is longer than [`MAX_IDENTITY`] or no Identity header's.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > MAX_IDENTITY {
            return None;
        }
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let (token, params) = value.split_at_checked(end)?;
        // A long token may have been folded.
        let token: Vec<u8> = token
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.+/=".contains(b);
        let token = String::from_utf8(token).ok()?;
        if token.is_empty() || !token.as_bytes().iter().all(plain) {
            return None;
        }
        let (mut info, mut rest) = (None, Vec::with_capacity(params.len()));
        // `info` is in angle brackets, inside of which a semicolon is just that.
        for param in split(params) {
            let param = param.trim_ascii();
            let (name, value) = match param.iter().position(|b| *b == b'=') {
                Some(at) => param.split_at_checked(at)?,
                None => (param, &[][..]),
            };
            if name.trim_ascii().eq_ignore_ascii_case(b"info") {
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let url = value
                    .strip_prefix(b"<")
                    .and_then(|rest| rest.strip_suffix(b">"))?;
                info = Some(std::str::from_utf8(url).ok()?.to_owned());
            } else if !param.is_empty() {
                rest.push(b';');
                rest.extend_from_slice(param);
            }
        }
        let params = Params::parse(&rest).ok()?;
        let text = |name: &str| {
            let value = unquote(params.get(name).flatten()?);
            String::from_utf8(value.into_owned()).ok()
        };
        Some(Self {
            info,
            alg: text("alg"),
            ppt: text("ppt"),
            token,
        })
    }

    /// The value of a header with this token in its full form.
    #[must_use]
    pub fn write(token: &str, info: &str, ppt: Option<&str>) -> String {
        match ppt {
            Some(ppt) => format!("{token};info=<{info}>;alg=ES256;ppt={ppt}"),
            None => format!("{token};info=<{info}>;alg=ES256"),
        }
    }

    /// Whether only the signature is here (RFC 8225 §7).
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.token.starts_with("..")
    }
}

/// The parameters between semicolons that are in no angle brackets and no quotes.
fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut angle, mut quote) = (false, false);
    params.split(move |b| {
        match b {
            b'"' if !angle => quote = !quote,
            b'<' if !quote => angle = true,
            b'>' if !quote => angle = false,
            b';' => return !angle && !quote,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_all_kinds() {
        let identity = |token: &str, info: Option<&str>, alg: Option<&str>, ppt: Option<&str>| {
            Some(Identity {
                token: token.into(),
                info: info.map(str::to_owned),
                alg: alg.map(str::to_owned),
                ppt: ppt.map(str::to_owned),
            })
        };
        let url = Some("https://biloxi.example.org/biloxi.cert");
        for (value, parsed) in [
            (
                "a.b.c;info=<https://biloxi.example.org/biloxi.cert>",
                identity("a.b.c", url, None, None),
            ),
            (
                "a.b.c ; info=<https://biloxi.example.org/biloxi.cert> ; alg=ES256;ppt=\"shaken\"",
                identity("a.b.c", url, Some("ES256"), Some("shaken")),
            ),
            (
                "..c;ppt=shaken;INFO=<https://biloxi.example.org/biloxi.cert>;x=y",
                identity("..c", url, None, Some("shaken")),
            ),
            (
                "a.\r\n b.c;info=<https://h/a;b=c>",
                identity("a.b.c", Some("https://h/a;b=c"), None, None),
            ),
            ("a.b.c", identity("a.b.c", None, None, None)),
            ("", None),
            (";info=<https://h>", None),
            ("a\u{e9};info=<https://h>", None),
            ("a.b.c;info=https://h", None),
            ("a.b.c;info=<https://h", None),
        ] {
            assert_eq!(Identity::parse(value.as_bytes()), parsed, "{value}");
        }
        assert_eq!(Identity::parse(&vec![b'a'; MAX_IDENTITY + 1]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for ppt in [None, Some("shaken")] {
            let written = Identity::write("a.b.c", "https://h/x", ppt);
            let read = Identity::parse(written.as_bytes()).unwrap();
            assert_eq!(
                (read.token.as_str(), read.info.as_deref()),
                ("a.b.c", Some("https://h/x"))
            );
            assert_eq!((read.alg.as_deref(), read.ppt.as_deref()), (Some("ES256"), ppt));
        }
    }
}
