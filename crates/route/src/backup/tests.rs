use super::*;

const fn answer(status: u16, q850: Option<u8>, rang: bool) -> AttemptOutcome {
    AttemptOutcome::Final { status, q850, rang }
}

#[test]
fn every_way_not_to_answer_has_its_case() {
    use Unanswered::{Busy, Failure, NoAnswer, Unregistered};
    let table = [
        (answer(486, None, false), Some(Busy)),
        (answer(486, None, true), Some(Busy)),
        (answer(600, None, false), Some(Busy)),
        (answer(603, None, true), Some(Busy)),
        (answer(603, Some(19), true), Some(Busy)),
        (answer(503, Some(17), false), Some(Busy)),
        (answer(480, None, true), Some(NoAnswer)),
        (answer(408, None, true), Some(NoAnswer)),
        (answer(480, Some(19), false), Some(NoAnswer)),
        (answer(480, Some(18), false), Some(NoAnswer)),
        (AttemptOutcome::TimeoutAnswer { status: 480 }, Some(NoAnswer)),
        (answer(480, None, false), Some(Unregistered)),
        (answer(404, Some(20), false), Some(Unregistered)),
        (AttemptOutcome::NotRegistered, Some(Unregistered)),
        (answer(480, Some(34), false), Some(Failure)),
        (answer(408, None, false), Some(Failure)),
        (answer(503, None, true), Some(Failure)),
        (answer(404, None, false), Some(Failure)),
        (answer(604, None, false), Some(Failure)),
        (answer(604, Some(17), false), Some(Failure)),
        (answer(302, None, false), Some(Failure)),
        (AttemptOutcome::TimeoutTrying, Some(Failure)),
        (AttemptOutcome::TimeoutProgress, Some(Failure)),
        (AttemptOutcome::Unreachable, Some(Failure)),
        (AttemptOutcome::Incompatible, Some(Failure)),
        (AttemptOutcome::HeldBack, Some(Failure)),
        (answer(487, None, true), None),
        (answer(487, Some(17), true), None),
        (answer(607, None, true), None),
        (answer(608, Some(17), false), None),
    ];
    for (outcome, expected) in table {
        assert_eq!(Unanswered::of(outcome), expected, "{outcome:?}");
    }
}
