//! The examples of the standards, with their keys where they have some.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stir::{Claims, Dossier, Facts, Failure, Header, Identity, Party, Passport, Ppt, Verdict};

fn tn(number: &str) -> Party {
    Party::Tn(number.to_owned())
}

/// The point in a SubjectPublicKeyInfo of P-256: its last 65 octets.
fn point(base64: &str) -> Vec<u8> {
    let info = STANDARD.decode(base64).unwrap();
    info[info.len() - 65..].to_vec()
}

/// RFC 8225 Appendix A.
const RFC8225: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.\
eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19.\
VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw";

/// Its signature is of neither of the keys that stand beside it; what is signed is looked at where it is made.
#[test]
fn rfc_8225_appendix_a() {
    let passport = Passport::parse(RFC8225).unwrap();
    assert_eq!(
        passport.header,
        Header::es256(Ppt::Base, "https://cert.example.org/passport.cer")
    );
    let dest = vec![Party::Uri("sip:alice@example.com".into())];
    let claims = Claims::base(tn("12155551212"), dest, 1_471_375_418);
    assert_eq!(passport.claims, claims);
}

/// RFC 8946 Appendix A.
const RFC8946_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmzGM1VsO+3IqbMF54rQMaYKQftO4hUYm9wv5wutLgEd9FsiTy3+4+Wa2O7pffOXPC0QzO+yD8hGEXGP/2mZo6w==";

/// RFC 8946 §3.
const DIV: &str = "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZXIifQ.\
eyJkZXN0Ijp7InRuIjpbIjEyMTU1NTUxMjE0Il19LCJkaXYiOnsidG4iOiIxMjE1NTU1NTEyMTMifSwiaWF0IjoxNDQzMjA4MzQ1LCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.\
xBHWipDEEJ8a6TsdX6xUXAnblsFiGUiAxwLiv0HLC9IICj6eG9jQd6WzeSSjHRBwxmChHhVIiMTSqIlk3yCNkg";

/// RFC 8946 §5.
const DIV_O: &str = "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdi1vIiwidHlwIjoicGFzc3BvcnQiLCJ4NXUiOiJodHRwczovL3d3dy5leGFtcGxlLmNvbS9jZXJ0LmNlciJ9.\
eyJkZXN0Ijp7InRuIjoiMTIxNTU1NTEyMTQifSwiZGl2Ijp7InRuIjoiMTIxNTU1NTUxMjEzIn0sImlhdCI6MTQ0MzIwODM0NSwib3B0IjoiZXlKaGJHY2lPaUpGVXpJMU5pSXNJblI1Y0NJNkluQmhjM053YjNKMElpd2llRFYxSWpvaWFIUjBjSE02THk5M2QzY3VaWGhoYlhCc1pTNWpiMjB2WTJWeWRDNWpaWElpZlEuZXlKa1pYTjBJanA3SW5SdUlqcGJJakV5TVRVMU5UVXhNakV6SWwxOUxDSnBZWFFpT2pFME5ETXlNRGd6TkRVc0ltOXlhV2NpT25zaWRHNGlPaUl4TWpFMU5UVTFNVEl4TWlKOWZRLjFiRXpremNOYkt2Z3o0UW9NeDBfREoyVDhxRk1EQzFzUHFIUFhsMVd2YmF1elJKUnZZbFpxUTBxZ0dUbFM4dEpfd1hqVmUwN1ozd3ZEcmRBcEhoaFl3Iiwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19.\
CHeA9wRnthl7paMe6rP0TARpmFCXjmi_vF_HRz2O_oulB_R-G9xZNiLVvmvHv4gk6LILaDV2y2VtHTLIEgmHig";

/// The standard misprints one digit of the number in `div` (12 digits); the tokens are what they are.
#[test]
fn rfc_8946_div() {
    let passport = Passport::parse(DIV).unwrap();
    assert_eq!(
        passport.header,
        Header::es256(Ppt::Div, "https://www.example.com/cert.cer")
    );
    assert_eq!(passport.claims.div, Some(tn("121555551213")));
    assert_eq!(passport.claims.dest, [tn("12155551214")]);
    assert!(passport.is_signed_by(&point(RFC8946_KEY)));
    // The compact form: the same octets are signed, computed from what the request says.
    let signature = DIV.rsplit_once('.').unwrap().1;
    let compact = Passport::compact(&format!("..{signature}"), passport.header, passport.claims).unwrap();
    assert!(compact.is_signed_by(&point(RFC8946_KEY)));
    let other = signature.replace('x', "y");
    let spoilt = Passport::compact(&format!("..{other}"), compact.header, compact.claims).unwrap();
    assert!(!spoilt.is_signed_by(&point(RFC8946_KEY)));
}

#[test]
fn rfc_8946_div_o() {
    let outer = Passport::parse(DIV_O).unwrap();
    assert_eq!(outer.header.ppt, Ppt::DivO);
    // A single text where the grammar has an array.
    assert_eq!(outer.claims.dest, [tn("12155551214")]);
    assert!(outer.is_signed_by(&point(RFC8946_KEY)));
    let inner = Passport::parse(outer.claims.opt.as_deref().unwrap()).unwrap();
    assert_eq!(inner.claims.dest, [tn("12155551213")]);
    assert!(inner.is_signed_by(&point(RFC8946_KEY)));
    // Its misprint is a gap in the chain.
    let facts = Facts {
        orig: vec![tn("12155551212")],
        dest: vec![tn("12155551214")],
        date: None,
        now: 1_443_208_345,
        freshness: 60,
    };
    let value = Identity::write(DIV_O, "https://www.example.com/cert.cer", Some("div-o"));
    let dossier = Dossier::read([value.as_bytes()].into_iter(), &facts);
    assert!(dossier.urls(&facts).is_empty());
    let verdict = dossier.judge(&facts, |_| unreachable!("no certificate is asked for"));
    let Verdict::Failed(Failure::Invalid, why) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(why.contains("gap"), "{why}");
}

/// RFC 8224 §4.1.1: `iat` as a text, which its own rules do not have.
#[test]
fn rfc_8224_identity() {
    let value = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.\
eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.\
rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w;info=<https://biloxi.example.org/biloxi.cert>";
    let identity = Identity::parse(value.as_bytes()).unwrap();
    assert_eq!(
        identity.info.as_deref(),
        Some("https://biloxi.example.org/biloxi.cert")
    );
    let passport = Passport::parse(&identity.token).unwrap();
    assert_eq!(
        (passport.claims.iat, passport.claims.orig),
        (1_443_208_345, tn("12155551212"))
    );
}
