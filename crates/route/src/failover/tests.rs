use super::*;
use std::time::Duration;

fn keys(advance: &[Advance], stop: &[u16]) -> Failover {
    Failover {
        rest: Duration::from_secs(30),
        advance: advance.to_vec(),
        stop: stop.iter().copied().map(Stop::Status).collect(),
        after_ringing: AfterRinging::Failures,
        no_answer: 480,
        time: None,
        trying: Duration::from_secs(4),
        progress: Duration::from_secs(15),
        answer: Duration::from_secs(180),
        attempts: None,
    }
}

/// The keys as they are where nobody writes any.
fn defaults() -> Failover {
    let advance = [408, 500, 502, 503, 504, 513, 580].map(Advance::Status);
    let mut keys = keys(&advance, &[484, 486, 487, 600, 603, 604, 606, 607, 608]);
    keys.advance.push(Advance::Timeout);
    keys
}

const RANG_OUT: AttemptOutcome = AttemptOutcome::TimeoutAnswer { status: 480 };

fn answer(status: u16, q850: Option<u8>, rang: bool) -> AttemptOutcome {
    AttemptOutcome::Final { status, q850, rang }
}

#[test]
fn every_final_answer_has_its_verdict_without_a_cause_ringing_or_not() {
    for status in 300..700 {
        let expected = match status {
            401 | 407 | 408 => Verdict::Advance,
            501 | 505 => Verdict::Stop,
            500..=599 => Verdict::Advance,
            _ => Verdict::Stop,
        };
        for rang in [false, true] {
            assert_eq!(
                verdict(&defaults(), answer(status, None, rang)),
                expected,
                "{status} rang={rang}"
            );
        }
    }
}

/// The codes of LC-01, spelt out.
#[test]
fn the_called_partys_word_stops_and_the_networks_advances() {
    let table = [
        (400, Verdict::Stop),
        (403, Verdict::Stop),
        (404, Verdict::Stop),
        (408, Verdict::Advance),
        (480, Verdict::Stop),
        (484, Verdict::Stop),
        (486, Verdict::Stop),
        (487, Verdict::Stop),
        (488, Verdict::Stop),
        (500, Verdict::Advance),
        (502, Verdict::Advance),
        (503, Verdict::Advance),
        (504, Verdict::Advance),
        (580, Verdict::Advance),
        (600, Verdict::Stop),
        (603, Verdict::Stop),
        (604, Verdict::Stop),
        (606, Verdict::Stop),
        (607, Verdict::Stop),
    ];
    for (status, expected) in table {
        for rang in [false, true] {
            assert_eq!(
                verdict(&defaults(), answer(status, None, rang)),
                expected,
                "{status} rang={rang}"
            );
        }
    }
}

#[test]
fn a_network_cause_lets_404_and_480_advance_until_it_has_rung() {
    let table = [
        (404, 1, false, Verdict::Stop),
        (404, 3, false, Verdict::Advance),
        (404, 34, false, Verdict::Advance),
        (480, 18, false, Verdict::Stop),
        (480, 19, false, Verdict::Stop),
        (480, 20, false, Verdict::Stop),
        (480, 31, false, Verdict::Stop),
        (480, 38, false, Verdict::Advance),
        (480, 42, false, Verdict::Advance),
        (480, 42, true, Verdict::Stop),
        (403, 38, false, Verdict::Stop),
        (488, 79, false, Verdict::Stop),
        (486, 34, false, Verdict::Stop),
        (603, 38, false, Verdict::Stop),
        (484, 34, false, Verdict::Stop),
    ];
    for (status, cause, rang, expected) in table {
        let got = verdict(&defaults(), answer(status, Some(cause), rang));
        assert_eq!(got, expected, "{status} cause {cause} rang={rang}");
    }
    let stopping = keys(&[], &[480]);
    assert_eq!(verdict(&stopping, answer(480, Some(42), false)), Verdict::Stop);
}

#[test]
fn the_lists_of_the_trunk_take_the_place_of_the_defaults() {
    let own = keys(&[403, 488, 501, 503].map(Advance::Status), &[600]);
    let table = [
        (403, Verdict::Advance),
        (488, Verdict::Advance),
        (501, Verdict::Advance),
        (503, Verdict::Advance),
        (505, Verdict::Stop),
        (500, Verdict::Stop),
        (504, Verdict::Stop),
        (408, Verdict::Stop),
        (486, Verdict::Stop),
        (603, Verdict::Stop),
    ];
    for (status, expected) in table {
        assert_eq!(verdict(&own, answer(status, None, false)), expected, "{status}");
    }
}

#[test]
fn a_status_in_both_lists_goes_by_the_one_that_had_to_be_written() {
    let mut keys = defaults();
    keys.advance.push(Advance::Status(486));
    keys.stop.push(Stop::Status(503));
    assert_eq!(verdict(&keys, answer(486, None, false)), Verdict::Advance);
    assert_eq!(verdict(&keys, answer(503, None, false)), Verdict::Stop);
}

#[test]
fn silence_advances_by_key_and_an_unreachable_target_always() {
    for (keys, expected) in [
        (defaults(), Verdict::Advance),
        (keys(&[Advance::Status(408)], &[]), Verdict::Stop),
    ] {
        assert_eq!(verdict(&keys, AttemptOutcome::TimeoutTrying), expected);
        assert_eq!(verdict(&keys, AttemptOutcome::TimeoutProgress), expected);
        assert_eq!(verdict(&keys, AttemptOutcome::Unreachable), Verdict::Advance);
    }
}

/// It is our own 488, and not the trunk's: a list of what its answers mean has no say.
#[test]
fn a_trunk_that_could_not_be_offered_the_call_is_passed_over() {
    for keys in [defaults(), keys(&[], &[488])] {
        assert_eq!(verdict(&keys, AttemptOutcome::Incompatible), Verdict::Advance);
    }
}

#[test]
fn nobody_is_rung_twice_when_the_answer_does_not_come() {
    let eager = keys(&[Advance::Timeout, Advance::Status(480)], &[]);
    assert_eq!(verdict(&eager, RANG_OUT), Verdict::Stop);
}

/// What each setting lets advance once it has rung: (status, cause), and the verdicts by `false`, `"failures"`, `true`.
#[test]
fn after_ringing_no_more_advances_than_was_asked_for() {
    let (stop, advance) = (Verdict::Stop, Verdict::Advance);
    let table = [
        (503, None, [stop, advance, advance]),
        (408, None, [stop, advance, advance]),
        (500, Some(17), [stop, advance, advance]),
        (599, None, [stop, advance, advance]),
        (480, None, [stop, stop, advance]),
        (480, Some(34), [stop, stop, advance]),
        (404, Some(34), [stop, stop, stop]),
        (486, None, [stop, stop, stop]),
        (603, None, [stop, stop, stop]),
        (604, None, [stop, stop, advance]),
        (403, Some(19), [stop, stop, advance]),
    ];
    let settings = [
        AfterRinging::Nothing,
        AfterRinging::Failures,
        AfterRinging::Everything,
    ];
    for (at, after_ringing) in settings.into_iter().enumerate() {
        let mut keys = defaults();
        keys.after_ringing = after_ringing;
        keys.stop.retain(|entry| *entry != Stop::Status(604));
        let more = [Advance::Status(480), Advance::Status(604), Advance::Q850(19)];
        keys.advance.extend(more);
        for (status, cause, expected) in table {
            let got = verdict(&keys, answer(status, cause, true));
            assert_eq!(got, expected[at], "{status} {cause:?} {after_ringing:?}");
        }
        assert_eq!(verdict(&keys, RANG_OUT), [stop, stop, advance][at]);
        for (status, cause) in [(503, None), (480, None), (404, Some(34)), (403, Some(19))] {
            assert_eq!(verdict(&keys, answer(status, cause, false)), advance, "{status}");
        }
    }
}

#[test]
fn a_cause_that_a_list_names_decides_before_the_status() {
    let mut keys = defaults();
    keys.advance.extend([Advance::Q850(34), Advance::Q850(21)]);
    keys.stop.extend([Stop::Q850(17), Stop::Q850(1)]);
    let table = [
        (503, 17, Verdict::Stop),
        (500, 1, Verdict::Stop),
        (403, 21, Verdict::Advance),
        (603, 21, Verdict::Advance),
        (486, 34, Verdict::Advance),
        (404, 38, Verdict::Advance),
        (503, 38, Verdict::Advance),
        (486, 38, Verdict::Stop),
    ];
    for (status, cause, expected) in table {
        assert_eq!(
            verdict(&keys, answer(status, Some(cause), false)),
            expected,
            "{status} {cause}"
        );
    }
}

#[test]
fn redirections_are_followed_told_or_failures_as_the_keys_say() {
    use Redirection::{Fail, Follow, Tell};
    use config::Redirects as R;
    let next = Fail(Verdict::Advance);
    let table = [
        (R::Follow, 302, Follow),
        (R::Follow, 300, Follow),
        (R::Follow, 301, Follow),
        (R::Follow, 305, next),
        (R::Follow, 380, next),
        (R::Pass, 302, Tell),
        (R::Pass, 305, Tell),
        (R::Refuse, 302, next),
    ];
    for (redirects, status, expected) in table {
        let got = redirection(&defaults(), redirects, status, None);
        assert_eq!(got, expected, "{redirects} {status}");
    }
    let mut listed = defaults();
    listed.advance.push(Advance::Status(302));
    listed.stop.push(Stop::Status(301));
    for (redirects, moved_for_good) in [
        (R::Follow, Tell),
        (R::Pass, Tell),
        (R::Refuse, Fail(Verdict::Stop)),
    ] {
        assert_eq!(redirection(&listed, redirects, 302, None), next);
        assert_eq!(redirection(&listed, redirects, 301, None), moved_for_good);
    }
}

#[test]
fn outcomes_stand_for_a_status() {
    assert_eq!(answer(486, None, true).status(), 486);
    assert_eq!(AttemptOutcome::TimeoutTrying.status(), 408);
    assert_eq!(AttemptOutcome::TimeoutProgress.status(), 408);
    assert_eq!(RANG_OUT.status(), 480);
    assert_eq!(AttemptOutcome::TimeoutAnswer { status: 486 }.status(), 486);
    assert_eq!(AttemptOutcome::Unreachable.status(), 503);
    assert_eq!(AttemptOutcome::Incompatible.status(), 488);
}

#[test]
fn the_caller_hears_the_most_telling_failure() {
    type Row<'a> = (&'a [(u16, Option<u8>)], u16);
    let table: &[Row<'_>] = &[
        (&[], 503),
        (&[(503, None)], 503),
        (&[(503, None), (486, None)], 486),
        (&[(486, None), (503, None)], 486),
        (&[(603, None), (486, None)], 603),
        (&[(408, None), (503, None)], 408),
        (&[(503, None), (500, None)], 500),
        (&[(500, None), (502, None)], 500),
        (&[(404, Some(34)), (408, None)], 408),
        (&[(404, Some(1)), (408, None)], 404),
        (&[(480, Some(42)), (503, None)], 480),
        (&[(488, None), (408, None)], 488),
        (&[(401, None)], 503),
        (&[(407, None), (503, None)], 503),
        (&[(407, None), (500, None)], 500),
    ];
    for (outcomes, expected) in table {
        assert_eq!(most_telling(outcomes), *expected, "{outcomes:?}");
    }
}
