//! The flows of a call, each run against the real daemon: SIPp on both sides with a pair of scenarios, or a transcript with
//! raw peers where exact messages or media matter. Every flow ends with the leak check.
//!
//! `testbed::flow_tests!(env!("CARGO_BIN_EXE_tandem"));` in an integration test makes one test of each.

mod media;
mod pairs;
mod scripts;

use crate::daemon::Bed;
use crate::record::Record;
use crate::setup::Setup;
use std::path::Path;

/// How a flow is played.
#[derive(Clone, Copy)]
enum Play {
    /// SIPp on both sides.
    Pair(pairs::Pair),
    /// A transcript in code.
    Script(fn(&Path)),
}

/// A transcript with its name.
type Script = (&'static str, fn(&Path));

fn all() -> impl Iterator<Item = (&'static str, Play)> {
    let pairs = pairs::PAIRS.iter().map(|(name, pair)| (*name, Play::Pair(*pair)));
    let scripts = scripts::SCRIPTS.iter().chain(media::SCRIPTS);
    pairs.chain(scripts.map(|(name, script)| (*name, Play::Script(*script))))
}

/// The names of all flows.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| name)
}

/// Plays flow `name` against the daemon at `binary`.
///
/// # Panics
/// When the daemon doesn't behave as the flow says, or there is no such flow.
pub fn run(binary: &str, name: &str) {
    let Some((_, play)) = all().find(|(n, _)| *n == name) else {
        panic!("no flow {name}")
    };
    match play {
        Play::Pair(pair) => pairs::play(Path::new(binary), &pair),
        Play::Script(script) => script(Path::new(binary)),
    }
}

/// Makes one `#[test]` of each flow, against the daemon at `$binary`.
#[macro_export]
macro_rules! flow_tests {
    ($binary:expr) => {
        $crate::for_each_flow!([$crate::__flow_tests] $binary);
    };
}

/// Implementation of [`flow_tests`].
#[doc(hidden)]
#[macro_export]
macro_rules! __flow_tests {
    ($binary:expr; $($name:ident)*) => {
        $(#[test] fn $name() { $crate::flows::run($binary, stringify!($name)); })*
    };
}

/// Calls a macro with `$arg; name name …` of all flows.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_flow {
    ([$($do:tt)+] $arg:expr) => {
        $($do)+! { $arg;
            basic_call answered_without_ringing called_party_hangs_up
            cancelled_before_ringing cancelled_while_ringing cancel_crosses_the_answer
            busy_at_once rings_then_busy not_found address_incomplete declined busy_everywhere redirected
            not_acceptable bad_request temporarily_unavailable
            service_unavailable_fails_over server_error_fails_over silent_carrier_fails_over
            carrier_that_only_tries_fails_over closed_port_fails_over_at_once
            rings_without_answer every_carrier_fails early_media early_media_then_busy offer_in_the_answer
            caller_holds_and_resumes called_party_holds_and_resumes caller_moves_its_media
            called_party_moves_its_media late_ack missing_ack_ends_the_call challenge_is_answered
            compact_headers long_headers options_are_answered ipv6_call rings_then_answers many_calls
            repeated_invite_is_one_call every_repeated_answer_is_acknowledged
            neither_side_sees_the_other late_answer_after_cancel_is_hung_up carrier_deaf_to_bye
            strangers_get_no_call carriers_are_probed call_ends_after_its_longest_duration
            hang_up_in_the_middle_of_failover folded_headers nothing_stays_after_refusals
            audio_is_relayed_unaltered sipp_audio_arrives_unaltered
            silence_ends_the_call held_call_outlives_silence strangers_rtp_is_not_relayed
        }
    };
}

/// A bed with the default trunks, changed by `setup`.
fn bed(binary: &Path, setup: impl FnOnce(Setup) -> Setup) -> Bed {
    Bed::start(binary, setup(Setup::default()))
}

/// Fails unless the record says this of its call.
fn check(record: &Record, status: u16, ended_by: &str, attempts: usize) {
    let said = (
        record.number("cause.sip"),
        record.text("hung_up_by"),
        record.count("attempts"),
    );
    assert_eq!(said, (u64::from(status), ended_by, attempts), "{record:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    macro_rules! names {
        ($arg:expr; $($name:ident)*) => { BTreeSet::from([$(stringify!($name)),*]) };
    }

    #[test]
    fn every_flow_of_the_tables_is_a_test() {
        let listed: BTreeSet<&str> = crate::for_each_flow!([names]());
        assert_eq!(listed, super::names().collect());
    }

    #[test]
    fn every_scenario_is_played() {
        let files = std::fs::read_dir(crate::sipp::scenario_dir()).unwrap().flatten();
        let names =
            files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".xml")?.to_owned()));
        let played = pairs::PAIRS
            .iter()
            .flat_map(|(_, pair)| [Some(pair.uac), pair.b1, pair.b2])
            .flatten();
        let played: BTreeSet<&str> = played.chain(["uac_rtp", "uas_options"]).collect();
        let idle: Vec<String> = names.filter(|name| !played.contains(name.as_str())).collect();
        assert!(idle.is_empty(), "{idle:?}");
    }
}
