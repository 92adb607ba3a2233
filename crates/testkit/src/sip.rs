//! SIP messages as text. Peers in tests are made of this and not of the parser under test.

use std::fmt::Write as _;

/// A message: its first line, its header lines in order, its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// Request or status line.
    pub start: String,
    /// Name and value of each header line. Content-Length is not among them.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

impl Sip {
    /// A message with nothing but its first line.
    #[must_use]
    pub fn new(start: impl Into<String>) -> Self {
        Self {
            start: start.into(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Reads what our switch may send: one line per header, a Content-Length that is right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no empty line")?;
        let mut lines = head.split("\r\n");
        let mut sip = Self::new(lines.next().unwrap_or_default());
        let mut length = None;
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("no header line: {line:?}"))?;
            let (name, value) = (name.trim(), value.trim());
            if line.contains(['\r', '\n']) || name.is_empty() {
                return Err(format!("no header line: {line:?}"));
            }
            if name.eq_ignore_ascii_case("Content-Length") {
                if length
                    .replace(
                        value
                            .parse::<usize>()
                            .map_err(|_| format!("Content-Length {value}"))?,
                    )
                    .is_some()
                {
                    return Err("two Content-Length lines".into());
                }
            } else {
                sip.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        if length != Some(body.len()) {
            return Err(format!("Content-Length {length:?}, body of {} bytes", body.len()));
        }
        body.clone_into(&mut sip.body);
        Ok(sip)
    }

    /// The bytes.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        text
    }

    /// The same with one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// The same with one header's first line changed.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        match self
            .headers
            .iter_mut()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = value.into(),
            None => self.headers.push((name.to_owned(), value.into())),
        }
        self
    }

    /// The same with a session description.
    #[must_use]
    pub fn with_sdp(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.set("Content-Type", "application/sdp")
    }

    /// The value of the first line of this header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of the first line of this header, which has to be there.
    ///
    /// # Panics
    /// It is not.
    #[must_use]
    pub fn need(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("no {name} in\n{}", self.write()))
    }

    /// The values of all lines of this header.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether it asks something.
    #[must_use]
    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0 ")
    }

    /// The method, of a response its request's.
    #[must_use]
    pub fn method(&self) -> &str {
        if self.is_request() {
            self.start.split(' ').next().unwrap_or_default()
        } else {
            self.cseq().1
        }
    }

    /// The status; 0 of a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or(0)
    }

    /// The Request-URI; empty of a response.
    #[must_use]
    pub fn uri(&self) -> &str {
        if self.is_request() {
            self.start.split(' ').nth(1).unwrap_or_default()
        } else {
            ""
        }
    }

    /// CSeq: number and method.
    #[must_use]
    pub fn cseq(&self) -> (u32, &str) {
        let (number, method) = self
            .get("CSeq")
            .and_then(|value| value.split_once(' '))
            .unwrap_or(("0", ""));
        (number.parse().unwrap_or(0), method.trim())
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or_default()
    }

    /// The branch of the first Via.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.get("Via")
            .and_then(|via| param(via, "branch"))
            .unwrap_or_default()
    }

    /// The tag in From.
    #[must_use]
    pub fn from_tag(&self) -> Option<&str> {
        self.get("From").and_then(|value| param(value, "tag"))
    }

    /// The tag in To.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        self.get("To").and_then(|value| param(value, "tag"))
    }

    /// The URI in Contact.
    #[must_use]
    pub fn contact(&self) -> Option<&str> {
        self.get("Contact").map(uri_in)
    }

    /// The body, if it is a session description.
    #[must_use]
    pub fn sdp(&self) -> Option<&str> {
        let is_sdp = self
            .get("Content-Type")
            .is_some_and(|t| t.eq_ignore_ascii_case("application/sdp"));
        (is_sdp && !self.body.is_empty()).then_some(self.body.as_str())
    }

    /// What identifies its transaction: branch and method (an ACK and a CANCEL keep their own).
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.branch(), self.method())
    }

    /// The method of a request; status and method of a response: `INVITE`, `200 BYE`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.is_request() {
            self.method().to_owned()
        } else {
            format!("{} {}", self.status(), self.method())
        }
    }
}

/// The value of a parameter behind the URI.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let params = value.rsplit_once('>').map_or(value, |(_, params)| params);
    params.split(';').skip(1).find_map(|part| {
        let (other, value) = part.split_once('=').unwrap_or((part, ""));
        other.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The URI in a name-addr.
pub(crate) fn uri_in(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}
