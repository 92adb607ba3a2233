//! What of a message must not be shown to whoever reads a trace of it: stars in its place, so that every length stays right.

use memchr::{memchr, memmem};

/// What a secret is replaced by.
const STAR: u8 = b'*';

/// Headers whose parameters prove that somebody knows a password, and the parameters that do (RFC 7616 §3.4, §3.5).
const PROOFS: [(&[u8], &[&[u8]]); 3] = [
    (b"authorization", &[b"response"]),
    (b"proxy-authorization", &[b"response"]),
    (b"authentication-info", &[b"rspauth"]),
];

/// Lines of a body of which nothing but their beginning may be seen: keys and passwords of media (RFC 4568 §9.1, RFC 8839 §5.4,
/// RFC 8866 §5.12).
const BODY: [&[u8]; 3] = [b"a=ice-pwd:", b"a=key-mgmt:", b"k="];

/// Puts stars over passwords' proofs, keys of media and digits, in a whole SIP message.
pub fn mask(message: &mut [u8]) {
    let mut rest = message;
    let mut proof: &[&[u8]] = &[];
    let mut head = true;
    let mut digits = false;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at_mut(end);
        rest = after;
        let text = line.trim_ascii_end().len();
        let line = line.get_mut(..text).unwrap_or_default();
        if !head {
            body_line(line, digits);
        } else if line.is_empty() {
            head = false;
        } else {
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                proof = proofs_of(line);
                digits |= is_dtmf(line);
            }
            proof.iter().for_each(|name| parameter(line, name));
        }
    }
}

fn starts(line: &[u8], with: &[u8]) -> bool {
    line.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// The parameters of this header line that are proofs.
fn proofs_of(line: &[u8]) -> &'static [&'static [u8]] {
    let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
    PROOFS
        .iter()
        .find(|(header, _)| name.eq_ignore_ascii_case(header))
        .map_or(&[], |(_, parameters)| parameters)
}

/// A Content-Type whose whole body is a digit.
fn is_dtmf(line: &[u8]) -> bool {
    let Some(colon) = memchr(b':', line) else {
        return false;
    };
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii();
    let is_type = name.eq_ignore_ascii_case(b"content-type") || name.eq_ignore_ascii_case(b"c");
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    is_type && starts(value, b"application/dtmf") && !starts(value, b"application/dtmf-relay")
}

/// Every value of a parameter in a line, with or without quotes.
fn parameter(line: &mut [u8], name: &[u8]) {
    let mut from = 0;
    while let Some(at) = find_name(line, name, from) {
        let Some(equals) = line.get(at..).and_then(|rest| memchr(b'=', rest)) else {
            return;
        };
        let mut start = at + equals + 1;
        while line.get(start).is_some_and(|b| b.is_ascii_whitespace()) {
            start += 1;
        }
        let quoted = line.get(start) == Some(&b'"');
        start += usize::from(quoted);
        let is_end = |b: &u8| {
            if quoted {
                *b == b'"'
            } else {
                *b == b',' || *b == b';'
            }
        };
        let value = line.get_mut(start..).unwrap_or_default();
        let length = value.iter().position(is_end).unwrap_or(value.len());
        value.iter_mut().take(length).for_each(|b| *b = STAR);
        from = start + length;
    }
}

/// Where a parameter of this name begins, from an offset on.
fn find_name(line: &[u8], name: &[u8], from: usize) -> Option<usize> {
    let rest = line.get(from..)?;
    let found = rest.windows(name.len()).enumerate().find(|(at, window)| {
        let before = at.checked_sub(1).and_then(|at| rest.get(at));
        let alone = before.is_none_or(|b| !b.is_ascii_alphanumeric());
        let behind = rest.get(at + name.len()..).unwrap_or_default().trim_ascii_start();
        alone && window.eq_ignore_ascii_case(name) && behind.first() == Some(&b'=')
    });
    found.map(|(at, _)| from + at)
}

fn body_line(line: &mut [u8], digits: bool) {
    let from = if starts(line, b"a=crypto:") {
        // However the method of its key is written.
        let inline = memmem::find(line, b"inline:").map(|at| at + b"inline:".len());
        inline.or(Some(b"a=crypto:".len()))
    } else if digits {
        Some(0)
    } else {
        let known = BODY.iter().find(|start| starts(line, start));
        known.map(|start| start.len()).or_else(|| digit_in(line))
    };
    if let Some(secret) = from.and_then(|from| line.get_mut(from..)) {
        secret.iter_mut().for_each(|b| *b = STAR);
    }
}

/// Where the digit stands in a line of `application/dtmf-relay`, which is written with `=` or `:`, with blanks or without.
fn digit_in(line: &[u8]) -> Option<usize> {
    let at = line.iter().position(|b| matches!(b, b'=' | b':'))?;
    let name = line.get(..at)?.trim_ascii();
    name.eq_ignore_ascii_case(b"signal").then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        mask(&mut bytes);
        assert_eq!(bytes.len(), text.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn proofs_keys_and_digits_are_hidden_and_nothing_else() {
        for (text, shown) in [
            (
                "REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username=\"a\", response=\"0123\", nonce=\"response=\"\r\n\r\n",
                "REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username=\"a\", response=\"****\", nonce=\"response=\"\r\n\r\n",
            ),
            (
                "x\r\nproxy-authorization : Digest uri=\"sip:h\",\r\n\tRESPONSE = \"ab\" , qop=auth\r\nX: response=\"1\"\r\n\r\n",
                "x\r\nproxy-authorization : Digest uri=\"sip:h\",\r\n\tRESPONSE = \"**\" , qop=auth\r\nX: response=\"1\"\r\n\r\n",
            ),
            (
                "x\r\nAuthentication-Info: rspauth=ff, nc=1\r\n\r\n",
                "x\r\nAuthentication-Info: rspauth=**, nc=1\r\n\r\n",
            ),
            (
                "x\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3cr3t|2^20\r\na=ice-pwd:pw\r\na=ice-ufrag:u\r\nk=clear:k\r\n",
                "x\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***********\r\na=ice-pwd:**\r\na=ice-ufrag:u\r\nk=*******\r\n",
            ),
            (
                "INFO\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=100\r\n",
                "INFO\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=*\r\nDuration=100\r\n",
            ),
            (
                "INFO\r\n\r\nSignal = 5\r\nsignal:5\r\n",
                "INFO\r\n\r\nSignal =**\r\nsignal:*\r\n",
            ),
            (
                "x\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:S3cr3t\r\n",
                "x\r\n\r\na=crypto:***************************************\r\n",
            ),
            (
                "INFO\r\nc: application/dtmf\r\n\r\n5\r\n",
                "INFO\r\nc: application/dtmf\r\n\r\n*\r\n",
            ),
            (
                "INVITE sip:response=1@h SIP/2.0\r\nFrom: <sip:k=1@h>\r\n\r\n",
                "INVITE sip:response=1@h SIP/2.0\r\nFrom: <sip:k=1@h>\r\n\r\n",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn any_bytes_are_taken() {
        for text in [
            "",
            "\n",
            "\r\n\r\n",
            "Authorization: response",
            "Authorization: response=\"",
            " response=1\n",
            "a\n\na=crypto:",
        ] {
            let _ = masked(text);
        }
    }
}
