//! Whom a certificate is for (RFC 5922 §7.1), and how long.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The most names of one certificate that are looked at.
const MOST: usize = 64;

/// The names in a certificate's subjectAltName, in lower case. The common name is none (RFC 9525 §2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// DNS names, wildcards too.
    pub(crate) dns: Vec<Box<str>>,
    /// Hosts of SIP URIs without a user part: those name a person, not a domain.
    pub(crate) sip: Vec<Box<str>>,
}

impl Names {
    /// What can't be read has no names.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut names = Self::default();
        let Ok(certificate) = Certificate::from_der(certificate) else {
            return names;
        };
        let Ok(Some((_, found))) = certificate.tbs_certificate().get_extension::<SubjectAltName>() else {
            return names;
        };
        for name in found.0.iter().take(MOST) {
            match name {
                GeneralName::DnsName(dns) => names.dns.push(lower(dns.as_str())),
                GeneralName::UniformResourceIdentifier(uri) => names.sip.extend(sip_host(uri.as_str())),
                GeneralName::OtherName(_)
                | GeneralName::Rfc822Name(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EdiPartyName(_)
                | GeneralName::IpAddress(_)
                | GeneralName::RegisteredId(_) => {}
            }
        }
        names
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<Box<str>> {
        self.sip.into_iter().chain(self.dns).collect()
    }

    /// Whether one of the DNS names is this one, or its wildcard.
    pub(crate) fn has_dns(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.dns.iter().any(|own| match own.strip_prefix('*') {
            Some(tail) => name
                .find('.')
                .is_some_and(|dot| dot > 0 && name.get(dot..) == Some(tail)),
            None => **own == *name,
        })
    }

    /// Whether a SIP URI is for this host.
    pub(crate) fn has_sip(&self, name: &str) -> bool {
        self.sip.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// From when to when a certificate is good.
pub(crate) fn validity(certificate: &CertificateDer<'_>) -> Option<(SystemTime, SystemTime)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((
        validity.not_before.to_system_time(),
        validity.not_after.to_system_time(),
    ))
}

fn lower(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into_boxed_str()
}

/// The host of `sip:host` (RFC 5922 §7.1: the URI's domain, if it has no user).
fn sip_host(uri: &str) -> Option<Box<str>> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") || rest.contains('@') {
        return None;
    }
    let host = rest.split([';', '?', ':']).next().unwrap_or_default();
    (!host.is_empty()).then(|| lower(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_uri_names_a_domain() {
        for (uri, host) in [
            ("sip:Example.com", Some("example.com")),
            ("SIP:example.com:5061;transport=tls", Some("example.com")),
            ("sip:alice@example.com", None),
            ("https://example.com", None),
            ("sip:", None),
        ] {
            assert_eq!(sip_host(uri).as_deref(), host, "{uri}");
        }
    }

    #[test]
    fn a_wildcard_is_one_label() {
        let names = Names {
            dns: vec!["*.example.com".into(), "sip.example.net".into()],
            sip: Vec::new(),
        };
        assert!(names.has_dns("a.EXAMPLE.com") && names.has_dns("sip.example.net"));
        for other in ["example.com", "a.b.example.com", ".example.com", "xexample.com"] {
            assert!(!names.has_dns(other), "{other}");
        }
    }
}
