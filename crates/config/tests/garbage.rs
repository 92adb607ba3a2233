//! No text makes loading panic, and what is refused always says why and where.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory};
use proptest::prelude::*;
use std::path::Path;

/// A document that has most keys, to be spoilt.
fn whole() -> String {
    let trunk = "codecs = [\"PCMU\"]\nauth = { username = \"u\", password = { env = \"E\" } }\n\
                 number_format = { style = \"e164\", strip = 1 }\nmax_cps = 5.5\n[trunk.failover]\nadvance = [503, \"timeout\"]\n\
                 trying = \"4s\"\n[[class]]\nname = \"c\"\nobjective = { price = 1.0 }\ntrunks = [\"carrier-a\"]\n\
                 [[number]]\nmatch = \"+44*\"\nto = [\"pbx\"]\n";
    format!("[sip]\nt1 = \"500ms\"\n[media]\nports = \"10000-29999\"\nrtp_timeout = \"off\"\n{GOOD}{trunk}")
}

fn judged(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let size = bytes.len();
    let mut files = Memory::default();
    files.files.insert("t".into(), bytes);
    files.env.insert("E".to_owned(), "secret".to_owned());
    let (config, report) = config::check(Path::new("t"), &mut files);
    prop_assert_eq!(config.is_none(), !report.errors.is_empty());
    for problem in report.errors.iter().chain(&report.warnings) {
        prop_assert!(!problem.wrong.is_empty() && problem.file == "t");
        prop_assert!(problem.line >= 1 && problem.column >= 1 && problem.line as usize <= size + 1);
    }
    if let Some(config) = config {
        prop_assert!(!config.listen.is_empty() && !config.trunks.is_empty());
        prop_assert!(config.diff(&config).is_empty());
        prop_assert!(!config.to_masked_toml().contains("secret"));
    }
    Ok(())
}

/// A short piece of TOML, or of what looks like it.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[[trunk]]\n".to_owned()),
        Just("[media]\n".to_owned()),
        Just("[trunk.failover]\n".to_owned()),
        "[a-z_]{1,12} = ".prop_map(|key| key),
        Just("targets = [{ uri = \"sip:".to_owned()),
        Just("include = [\"".to_owned()),
        Just("match = \"".to_owned()),
        "\"[ -~]{0,12}\"\n".prop_map(|text| text),
        "[0-9]{1,22}\n".prop_map(|number| number),
        "[\\[\\]{}\",=.\n#']{1,4}".prop_map(|marks| marks),
        "\\PC{0,6}".prop_map(|any| any),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        judged(bytes)?;
    }

    #[test]
    fn anything_like_toml_is_judged(pieces in proptest::collection::vec(piece(), 0..30)) {
        judged(pieces.concat().into_bytes())?;
    }

    #[test]
    fn a_spoilt_document_is_judged(at in any::<prop::sample::Index>(), cut in 0..20usize, put in piece()) {
        let mut text = whole().into_bytes();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        text.splice(start..end, put.into_bytes());
        judged(text)?;
    }

    #[test]
    fn a_value_of_another_kind_is_judged(at in any::<prop::sample::Index>(), value in prop_oneof![
        Just("1"), Just("-1"), Just("1.5"), Just("nan"), Just("true"), Just("\"x\""), Just("[]"), Just("{}"),
        Just("[[1]]"), Just("1979-05-27"), Just("[{}]"), Just("99999999999999999999999999"), Just("\"\""), Just("0xff"),
    ]) {
        let text = whole();
        let lines: Vec<&str> = text.lines().collect();
        let chosen = at.index(lines.len());
        let spoilt: Vec<String> = lines.iter().enumerate().map(|(index, line)| match line.split_once(" = ") {
            Some((key, _)) if index == chosen => format!("{key} = {value}"),
            _ => (*line).to_owned(),
        }).collect();
        judged(spoilt.join("\n").into_bytes())?;
    }
}

#[test]
fn the_whole_document_is_accepted() {
    judged(whole().into_bytes()).unwrap();
    let mut files = Memory::with(&[("t", &whole())]);
    files.env.insert("E".to_owned(), "secret".to_owned());
    assert!(config::load(Path::new("t"), &mut files).is_ok());
}

#[test]
fn nesting_without_end_is_refused() {
    for text in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{ a = ".repeat(50_000),
        "a.".repeat(100_000),
    ] {
        assert!(config::parse(&text, "t").is_err());
    }
}
