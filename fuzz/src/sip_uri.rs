//! URIs and name-addrs on their own.

use sip_msg::{NameAddr, Params, Uri, Values, Via, unquote};

/// Reads `input` as each kind of value.
///
/// # Panics
/// When a view breaks a promise.
pub fn check(input: &[u8]) {
    match Uri::parse(input) {
        Ok(Uri::Sip(uri)) => {
            assert!(uri.equivalent(&uri), "a URI is equivalent to itself");
            assert!(!uri.host.is_empty(), "a host is there");
            let _ = (uri.user_unescaped(), uri.ip(), uri.transport());
        }
        Ok(Uri::Tel(tel)) => assert!(!tel.digits().is_empty(), "a number is there"),
        Ok(Uri::Other { scheme, rest }) => assert!(!scheme.is_empty() && !rest.is_empty(), "both are there"),
        Err(_) => {}
    }
    if let Ok(address) = NameAddr::parse(input) {
        assert!(
            address
                .uri
                .iter()
                .all(|b| !matches!(b, b'\r' | b'\n' | b' ') || address.uri.contains(&b'"')),
            "no blank"
        );
        let _ = (address.tag(), address.display_unescaped());
    }
    let _ = (
        Via::parse(input).map(|v| (v.rport(), v.received_ip())),
        Params::parse(input).map(|p| p.iter().count()),
    );
    let total: usize = Values::of(input).map(<[u8]>::len).sum();
    assert!(total <= input.len(), "values are parts of the line");
    assert!(unquote(input).len() <= input.len(), "unquoting adds nothing");
}
