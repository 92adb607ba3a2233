//! What the Contact headers of a REGISTER ask for.

use sip_msg::{HeaderId, Message, NameAddr, Uri, unquote};

/// The longest that is kept of one contact or path, octets.
const LONGEST: usize = 1024;
/// Most Path values that are kept.
const MAX_PATH: usize = 8;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// To be told what there is.
    Fetch,
    /// That nothing remains.
    RemoveAll,
    /// These changes.
    Update(Vec<Update<'a>>),
}

/// One contact of a REGISTER.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Update<'a> {
    pub(super) uri: &'a [u8],
    /// Seconds; `None`: whatever is usual. 0: it is to be removed.
    pub(super) expires: Option<u32>,
    pub(super) q: u16,
    pub(super) instance: Option<(Vec<u8>, u32)>,
    /// All parameters but `expires`, as they were written.
    pub(super) params: Vec<u8>,
}

/// Reads the Contact headers.
///
/// # Errors
/// 400: they cannot be read, or ask for what cannot be (RFC 3261 §10.3 step 6).
pub(super) fn wanted(message: &Message) -> Result<Wanted<'_>, u16> {
    let mut updates = Vec::new();
    let mut star = false;
    let usual = message.header(HeaderId::Expires).map(|_| {
        // What is no number is an hour (RFC 3261 §10.2.1.1).
        message.number(HeaderId::Expires).unwrap_or(3600)
    });
    for value in message.values(HeaderId::Contact) {
        if value == b"*" {
            star = true;
            continue;
        }
        updates.push(update(value, usual).ok_or(400_u16)?);
    }
    match (star, updates.is_empty()) {
        (true, true) if usual == Some(0) => Ok(Wanted::RemoveAll),
        (true, _) => Err(400),
        (false, true) => Ok(Wanted::Fetch),
        (false, false) => Ok(Wanted::Update(updates)),
    }
}

fn update(value: &[u8], usual: Option<u32>) -> Option<Update<'_>> {
    let contact = NameAddr::parse(value).ok()?;
    if contact.uri.len() > LONGEST || contact.params.raw().len() > LONGEST {
        return None;
    }
    match Uri::parse(contact.uri).ok()? {
        Uri::Sip(_) => {}
        Uri::Tel(_) | Uri::Other { .. } => return None,
    }
    let mut update = Update {
        uri: contact.uri,
        expires: usual,
        q: 1000,
        instance: None,
        params: Vec::new(),
    };
    let (mut instance, mut reg_id) = (None, 0);
    for (name, value) in contact.params {
        if name.eq_ignore_ascii_case(b"expires") {
            update.expires = Some(value.and_then(number).unwrap_or(3600));
            continue;
        }
        if name.eq_ignore_ascii_case(b"q") {
            update.q = value.and_then(thousandths)?;
        } else if name.eq_ignore_ascii_case(b"+sip.instance") {
            instance = value.map(|value| unquote(value).into_owned());
        } else if name.eq_ignore_ascii_case(b"reg-id") {
            reg_id = value.and_then(number).unwrap_or(0);
        }
        update.params.push(b';');
        update.params.extend_from_slice(name);
        if let Some(value) = value {
            update.params.push(b'=');
            update.params.extend_from_slice(value);
        }
    }
    update.instance = instance.map(|instance| (instance, reg_id));
    Some(update)
}

/// The values of Path, if they are not too many or too long.
pub(super) fn path(message: &Message) -> Option<Box<[Box<[u8]>]>> {
    let values: Vec<Box<[u8]>> = message.values(HeaderId::Path).map(Box::from).collect();
    let readable = |value: &[u8]| value.len() <= LONGEST && NameAddr::parse(value).is_ok();
    (values.len() <= MAX_PATH && values.iter().all(|value| readable(value))).then(|| values.into())
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().unwrap_or(u32::MAX))
}

/// A qvalue (RFC 3261 §25.1) in thousandths.
fn thousandths(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(fraction) || fraction.len() > 3 {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0" | "", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sip_msg::Limits;

    use super::*;

    /// A REGISTER with these lines; what the parser refuses is answered below us.
    fn register(lines: &str) -> Result<Message, u16> {
        let text = format!(
            "REGISTER sip:here SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\n\
             To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        sip_msg::parse(Bytes::from(text), &Limits::default())
            .map_err(|error| error.answer().map_or(0, |(_, status)| status))
    }

    #[test]
    fn what_a_register_wants() {
        for (lines, expected) in [
            ("", Ok("fetch")),
            ("Expires: 0\r\n", Ok("fetch")),
            ("Contact: *\r\nExpires: 0\r\n", Ok("remove all")),
            ("Contact: *\r\n", Err(400)),
            ("Contact: *\r\nExpires: 60\r\n", Err(400)),
            ("Contact: *, <sip:a@10.0.0.1>\r\nExpires: 0\r\n", Err(400)),
            ("Contact: <sip:a@10.0.0.1>\r\n", Ok("usual 1000")),
            ("Contact: <sip:a@10.0.0.1>\r\nExpires: 60\r\n", Ok("60 1000")),
            (
                "Contact: <sip:a@10.0.0.1>;expires=30\r\nExpires: 60\r\n",
                Ok("30 1000"),
            ),
            ("Contact: <sip:a@10.0.0.1>;expires=soon\r\n", Ok("3600 1000")),
            ("Contact: <sip:a@10.0.0.1>\r\nExpires: soon\r\n", Ok("3600 1000")),
            (
                "Contact: <sip:a@10.0.0.1>;expires=99999999999\r\n",
                Ok("4294967295 1000"),
            ),
            ("Contact: <sip:a@10.0.0.1>;q=0.25\r\n", Ok("usual 250")),
            ("Contact: <sip:a@10.0.0.1>;q=1.0\r\n", Ok("usual 1000")),
            ("Contact: <sip:a@10.0.0.1>;q=0\r\n", Ok("usual 0")),
            ("Contact: <sip:a@10.0.0.1>;q=2\r\n", Err(400)),
            ("Contact: <sip:a@10.0.0.1>;q=0.0001\r\n", Err(400)),
            ("Contact: <mailto:a@h>\r\n", Err(400)),
            ("Contact: rubbish\r\n", Err(400)),
            (
                "Contact: <sip:a@10.0.0.1>;q=0.5, <sip:a@10.0.0.2>;expires=0\r\n",
                Ok("usual 500, 0 1000"),
            ),
        ] {
            let message = register(lines);
            let said = message.as_ref().map_err(|status| *status).and_then(wanted);
            let said = said.map(|wanted| match wanted {
                Wanted::Fetch => "fetch".to_owned(),
                Wanted::RemoveAll => "remove all".to_owned(),
                Wanted::Update(updates) => {
                    let one = |u: &Update<'_>| {
                        let expires = u.expires.map_or("usual".to_owned(), |e| e.to_string());
                        format!("{expires} {}", u.q)
                    };
                    updates.iter().map(one).collect::<Vec<_>>().join(", ")
                }
            });
            assert_eq!(said.as_deref().map_err(|e| *e), expected, "{lines}");
        }
    }

    #[test]
    fn parameters_stay_as_they_were_but_for_the_expiry() {
        let message = register(
            "Contact: \"A\" <sip:a@10.0.0.1;transport=tcp;gr=urn:x>;expires=60;+sip.instance=\"<urn:uuid:1>\";reg-id=1;audio\r\n",
        )
        .expect("a REGISTER");
        let Ok(Wanted::Update(updates)) = wanted(&message) else {
            panic!("an update")
        };
        let [update] = updates.as_slice() else {
            panic!("one")
        };
        assert_eq!(update.uri, b"sip:a@10.0.0.1;transport=tcp;gr=urn:x");
        assert_eq!(update.params, b";+sip.instance=\"<urn:uuid:1>\";reg-id=1;audio");
        assert_eq!(update.instance, Some((b"<urn:uuid:1>".to_vec(), 1)));
    }
}
