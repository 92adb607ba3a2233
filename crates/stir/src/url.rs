//! Where a certificate may be fetched from (RFC 8224 §7.3): HTTPS, a host, a port, a path, and nothing else.

/// The longest URL that is looked at, in bytes.
const LONGEST: usize = 1024;

/// A URL that a certificate may be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateUrl {
    text: String,
    host: (usize, usize),
    port: u16,
    path: usize,
}

/// Why a URL is none that certificates are fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than 1024 bytes.
    #[error("the certificate's URL is too long")]
    TooLong,
    /// Another scheme than `https`.
    #[error("the certificate's URL is not https")]
    NotHttps,
    /// Credentials, a fragment, an odd octet, no host, or a port that is none.
    #[error("the certificate's URL is not a plain https URL")]
    Malformed,
}

impl CertificateUrl {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// It is none that may be fetched from.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        const SCHEME: &str = "https://";
        let scheme = text.get(..SCHEME.len()).ok_or(UrlError::NotHttps)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(UrlError::NotHttps);
        }
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&b);
        if !text.bytes().all(plain) {
            return Err(UrlError::Malformed);
        }
        let rest = text.get(SCHEME.len()..).unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::Malformed);
        }
        // The colons of an IPv6 address are inside of its brackets.
        let bracket = authority.rfind(']').map_or(0, |at| at + 1);
        let behind = authority.get(bracket..).unwrap_or_default();
        let (host, port) = match behind.find(':') {
            Some(at) => {
                let port = behind.get(at + 1..).unwrap_or_default();
                let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let port = digits.then(|| port.parse().ok()).flatten();
                let port = port.filter(|port| *port != 0).ok_or(UrlError::Malformed)?;
                (bracket + at, port)
            }
            None => (authority.len(), 443),
        };
        let name = authority.get(..host).unwrap_or_default();
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_host = match inner {
            Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let letter = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
                !name.is_empty() && name.bytes().all(letter)
            }
        };
        if !is_host {
            return Err(UrlError::Malformed);
        }
        Ok(Self {
            host: (SCHEME.len(), SCHEME.len() + host),
            port,
            path: SCHEME.len() + end,
            text: text.to_owned(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(self.host.0..self.host.1).unwrap_or_default()
    }

    /// The port, 443 where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they stand in a request; `/` where there is none.
    #[must_use]
    pub fn path(&self) -> String {
        match self.text.get(self.path..).unwrap_or_default() {
            path if path.starts_with('/') => path.to_owned(),
            query => format!("/{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts() {
        for (text, host, port, path) in [
            (
                "https://cert.example.org/p.cer",
                "cert.example.org",
                443,
                "/p.cer",
            ),
            (
                "HTTPS://Cert.example.org:8443/a?b=c",
                "Cert.example.org",
                8443,
                "/a?b=c",
            ),
            ("https://192.0.2.1", "192.0.2.1", 443, "/"),
            ("https://[2001:db8::1]:8443/x", "[2001:db8::1]", 8443, "/x"),
            ("https://h?q", "h", 443, "/?q"),
        ] {
            let url = CertificateUrl::parse(text).unwrap();
            assert_eq!(
                (url.host(), url.port(), url.path().as_str()),
                (host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = format!("https://h/{}", "x".repeat(1020));
        for (text, error) in [
            ("http://h/x", UrlError::NotHttps),
            ("file:///etc/passwd", UrlError::NotHttps),
            ("https:/h", UrlError::NotHttps),
            ("", UrlError::NotHttps),
            ("https://", UrlError::Malformed),
            ("https:///x", UrlError::Malformed),
            ("https://u:p@h/x", UrlError::Malformed),
            ("https://h:0/x", UrlError::Malformed),
            ("https://h:70000/x", UrlError::Malformed),
            ("https://h:/x", UrlError::Malformed),
            ("https://h/x#y", UrlError::Malformed),
            ("https://h/x y", UrlError::Malformed),
            ("https://h/\r\nX: y", UrlError::Malformed),
            ("https://[::1/x", UrlError::Malformed),
            ("https://é/x", UrlError::Malformed),
            (long.as_str(), UrlError::TooLong),
        ] {
            assert_eq!(CertificateUrl::parse(text), Err(error), "{text}");
        }
    }
}
