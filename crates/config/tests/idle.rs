//! What is written though nothing comes of it is warned of; what works is not.
#![allow(clippy::panic, reason = "helpers of tests fail by panicking")]

mod common;

use common::{GOOD, Memory};
use config::check;
use std::path::Path;

/// The warnings of the good document with these keys in its carrier, and with more behind it. Places are left out.
fn warnings(keys: &str, more: &str) -> Vec<String> {
    let carrier = format!("name = \"carrier-a\"\n{keys}");
    let text = format!("{}\n{more}", GOOD.replacen("name = \"carrier-a\"", &carrier, 1));
    let (config, report) = check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", &text)]));
    assert!(config.is_some() && report.errors.is_empty(), "{report}");
    let problems = report.warnings.iter();
    problems
        .map(|problem| {
            assert!(problem.line > 1 && problem.column > 0, "{problem}");
            let expected = problem.expected.iter().map(|text| format!("; expected {text}"));
            format!(
                "{}: {}{}",
                problem.key,
                problem.wrong,
                expected.collect::<String>()
            )
        })
        .collect()
}

/// A tone that goes on, a recording that is played once.
const SOUNDS: &str = r#"
[[sound]]
name = "ring"
tone = "ringback"
country = "uk"

[[sound]]
name = "sorry"
file = "sorry.wav"
times = 1
"#;

#[test]
fn keys_that_do_nothing_are_warned_of() {
    for (keys, warning) in [
        (
            "transcode = \"offer\"",
            "trunk.carrier-a.transcode: offers what `codecs` names, and it names nothing; \
             expected codecs = [\"PCMU\", \"opus\"], for example",
        ),
        (
            "srtp_keying = \"dtls\"",
            "trunk.carrier-a.srtp_keying: does nothing while `srtp` is \"off\"; \
             expected srtp = \"optional\" or \"required\" beside it",
        ),
        (
            "srtp = \"off\"\nsrtp_suites = [\"AEAD_AES_128_GCM\"]",
            "trunk.carrier-a.srtp_suites: does nothing while `srtp` is \"off\"; \
             expected srtp = \"optional\" or \"required\" beside it",
        ),
        (
            "dtmf = \"info\"\ncodecs = [\"PCMU\", \"telephone-event\"]",
            "trunk.carrier-a.codecs[1]: is never offered to it: `dtmf` is \"info\" or \"inband\"",
        ),
    ] {
        assert_eq!(warnings(keys, ""), [warning]);
    }
    for keys in [
        "transcode = \"offer\"\ncodecs = [\"opus\"]",
        "transcode = \"off\"",
        "srtp = \"optional\"\nsrtp_keying = \"dtls\"\nsrtp_suites = [\"AEAD_AES_128_GCM\"]",
        "dtmf = \"info\"\ncodecs = [\"PCMU\"]",
        "dtmf = \"rfc4733\"\ncodecs = [\"PCMU\", \"telephone-event\"]",
    ] {
        assert_eq!(warnings(keys, ""), [""; 0], "{keys}");
    }
}

#[test]
fn sounds_that_are_not_heard_are_warned_of() {
    let played = "ringback = \"ring\"\nannouncements = [{ on = [404], sound = \"sorry\" }]";
    assert_eq!(warnings(played, SOUNDS), [""; 0]);
    for (keys, more, warning) in [
        (
            "ringback = \"ring\"",
            "",
            "sound.sorry: no trunk plays this sound",
        ),
        (
            "ringback = \"ring\"\nhold_music = \"sorry\"",
            "",
            "trunk.carrier-a.hold_music: \"sorry\" has `times = 1`: then there is silence; \
             expected a sound with times = 0",
        ),
        (
            "hold_music = \"ring\"\nringback = \"sorry\"",
            "",
            "trunk.carrier-a.ringback: \"sorry\" has `times = 1`: then there is silence; \
             expected a sound with times = 0",
        ),
        (
            played,
            "country = \"de\"",
            "sound.sorry.country: is for tones; a recording sounds the same everywhere",
        ),
        (
            "ringback = \"ring\"\nannouncements = [{ on = [], sound = \"sorry\" }]",
            "",
            "trunk.carrier-a.announcements[0].on: no status: it is never played",
        ),
        (
            "ringback = \"ring\"\nannouncements = [{ on = [404, 407], sound = \"sorry\" }]",
            "",
            "trunk.carrier-a.announcements[0].on[1]: no caller hears 407, which is said about our own request; \
             expected 503, which the caller hears instead",
        ),
        (
            "announcements = [{ on = [404], sound = \"sorry\" }, { on = [486, 404], sound = \"ring\" }]",
            "",
            "trunk.carrier-a.announcements[1].on[1]: 404 has a sound already: the first entry counts",
        ),
    ] {
        assert_eq!(warnings(keys, &format!("{SOUNDS}{more}")), [warning]);
    }
}

/// A trunk that is refused may be the one that names the sound: nothing is said that may be wrong.
#[test]
fn nothing_is_said_of_sounds_while_trunks_are_in_doubt() {
    let text = format!(
        "{}\n{SOUNDS}",
        GOOD.replacen("role = \"carrier\"", "role = \"carier\"", 1)
    );
    let (_, report) = check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", &text)]));
    assert!(
        !report.errors.is_empty() && report.warnings.is_empty(),
        "{report}"
    );
}
