//! Whether a test call has shown what it was to show.

use config::TestExpect;
use route::AttemptOutcome;
use route::quality::{Ending, TestEnding};

use crate::daemon::trial::{CALLED_KEYS, CALLER_KEYS, Measured, Returned, Sound};

/// Below this it is silence, in dBov.
const SILENCE: f64 = -60.0;

/// So much of what is heard has to be the tone.
const TONE: f64 = 0.5;

/// What was wrong, in words; empty: nothing.
pub(super) fn judge(expect: &TestExpect, measured: &Measured) -> Vec<String> {
    if !measured.answered {
        return vec![match &measured.status {
            Some((status, phrase)) => format!("not answered: {status} {phrase}"),
            None => "not answered in time".to_owned(),
        }];
    }
    let mut wrong = Vec::new();
    if measured.cut_off {
        wrong.push("the called side hung up".to_owned());
    }
    if let (Some(most), Some(pdd)) = (expect.pdd, measured.pdd)
        && pdd > most
    {
        wrong.push(format!(
            "pdd: {} ms, expected {} at most",
            pdd.as_millis(),
            most.as_millis()
        ));
    }
    wrong.extend(codec(expect, measured));
    match &measured.returned {
        Some(returned) => own(expect, measured, returned, &mut wrong),
        None => other(expect, measured, &mut wrong),
    }
    if let (Some(least), Some(mos)) = (expect.mos, mos(measured))
        && mos < least
    {
        wrong.push(format!("mos: {mos:.2}, expected {least} at least"));
    }
    wrong
}

/// What a test tells of a carrier; `passed`: nothing was wrong.
pub(super) fn ending(expect: &TestExpect, measured: &Measured, passed: bool) -> TestEnding {
    if passed {
        return TestEnding::Passed;
    }
    if !measured.answered {
        let status = measured.status.as_ref().map(|(status, _)| *status);
        return match status.and_then(|status| Ending::of(refusal(status))) {
            Some(Ending::User(_)) => TestEnding::Unanswered,
            Some(Ending::Answered | Ending::Network(_) | Ending::Silent | Ending::GivenUp) => {
                TestEnding::Failed
            }
            // It rang until nobody waited any longer.
            None if measured.pdd.is_some() => TestEnding::Unanswered,
            None => TestEnding::Failed,
        };
    }
    let heard = &measured.heard;
    let is_another = match &measured.returned {
        Some(returned) => !returned.answered,
        None => expect.echo && heard.tone.is_some() && !is_tone(heard),
    };
    if is_another || !is_heard(heard) {
        TestEnding::FalseAnswer
    } else {
        TestEnding::Failed
    }
}

fn refusal(status: u16) -> AttemptOutcome {
    AttemptOutcome::Final {
        status,
        q850: None,
        rang: false,
    }
}

/// The score of the worse way.
pub(super) fn mos(measured: &Measured) -> Option<f64> {
    let out = measured.returned.as_ref().and_then(|returned| returned.sound.mos);
    let both = measured.heard.mos.into_iter().chain(out);
    both.reduce(f64::min)
}

fn codec(expect: &TestExpect, measured: &Measured) -> Option<String> {
    let taken = measured.codec.as_deref().unwrap_or("none");
    let name = taken.split('/').next().unwrap_or_default();
    let is_one = expect.codec.iter().any(|codec| codec.eq_ignore_ascii_case(name));
    (!expect.codec.is_empty() && !is_one)
        .then(|| format!("codec: {taken}, expected {}", expect.codec.join(" or ")))
}

/// Whether anything was said.
fn is_heard(sound: &Sound) -> bool {
    sound.packets > 0 && sound.level.is_none_or(|level| level > SILENCE)
}

pub(super) fn is_tone(sound: &Sound) -> bool {
    sound.tone.is_some_and(|share| share >= TONE)
}

/// What is wrong with a way that a tone should have come over. What can't be decoded need only be there.
fn way(name: &str, sound: &Sound) -> Option<String> {
    if sound.packets == 0 {
        Some(format!("{name}: nothing came"))
    } else if !is_heard(sound) {
        Some(format!("{name}: silence"))
    } else if sound.tone.is_some() && !is_tone(sound) {
        Some(format!("{name}: something else than the tone came"))
    } else {
        None
    }
}

/// A number of somebody else's.
fn other(expect: &TestExpect, measured: &Measured, wrong: &mut Vec<String>) {
    let heard = &measured.heard;
    if heard.packets == 0 {
        wrong.push("audio in: nothing came".to_owned());
    } else if !is_heard(heard) {
        wrong.push("audio in: silence".to_owned());
    } else if expect.echo && heard.tone.is_some() && !is_tone(heard) {
        wrong.push("echo: our tone did not come back".to_owned());
    }
    if expect.dtmf && !measured.events {
        wrong.push("dtmf: it takes no telephone events".to_owned());
    }
}

/// One of ours: both ways are known.
fn own(expect: &TestExpect, measured: &Measured, returned: &Returned, wrong: &mut Vec<String>) {
    if !returned.answered {
        wrong.push("it was answered, and did not come back to us".to_owned());
        return;
    }
    wrong.extend(way("audio out", &returned.sound));
    wrong.extend(way("audio in", &measured.heard));
    if expect.caller_id {
        match &returned.caller {
            Some(Ok(_)) => {}
            Some(Err(why)) => wrong.push(format!("caller-id: {why}")),
            None => wrong.push("caller-id: not seen".to_owned()),
        }
    }
    if expect.dtmf {
        for (name, heard, pressed) in [
            ("dtmf out", &returned.sound.digits, CALLER_KEYS),
            ("dtmf in", &measured.heard.digits, CALLED_KEYS),
        ] {
            if heard != pressed {
                wrong.push(format!("{name}: {heard:?} came of {pressed:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sound() -> Sound {
        Sound {
            packets: 200,
            level: Some(-20.0),
            tone: Some(0.98),
            mos: Some(4.3),
            digits: CALLED_KEYS.to_owned(),
            ..Sound::default()
        }
    }

    fn good() -> Measured {
        Measured {
            sent: true,
            answered: true,
            pdd: Some(Duration::from_millis(900)),
            codec: Some("PCMA/8000".to_owned()),
            events: true,
            heard: sound(),
            ..Measured::default()
        }
    }

    fn own() -> Measured {
        Measured {
            returned: Some(Returned {
                caller: Some(Ok("From".to_owned())),
                answered: true,
                sound: Sound {
                    digits: CALLER_KEYS.to_owned(),
                    ..sound()
                },
            }),
            ..good()
        }
    }

    fn all() -> TestExpect {
        TestExpect {
            codec: vec!["PCMA".to_owned()],
            pdd: Some(Duration::from_secs(1)),
            mos: Some(4.0),
            caller_id: true,
            dtmf: true,
            echo: true,
        }
    }

    #[test]
    fn what_is_as_expected_passes() {
        for measured in [good(), own()] {
            assert_eq!(judge(&all(), &measured), Vec::<String>::new());
        }
    }

    #[test]
    fn each_defect_is_named() {
        type Defect = (Measured, fn(&mut Measured), &'static str);
        let defects: [Defect; 14] = [
            (
                good(),
                |m| (m.answered, m.status) = (false, Some((486, "Busy Here".into()))),
                "not answered: 486",
            ),
            (good(), |m| m.cut_off = true, "hung up"),
            (
                good(),
                |m| m.pdd = Some(Duration::from_secs(2)),
                "pdd: 2000 ms, expected 1000",
            ),
            (
                good(),
                |m| m.codec = Some("PCMU/8000".into()),
                "codec: PCMU/8000, expected PCMA",
            ),
            (good(), |m| m.heard.packets = 0, "audio in: nothing came"),
            (good(), |m| m.heard.level = Some(-90.0), "audio in: silence"),
            (good(), |m| m.heard.tone = Some(0.1), "echo: our tone"),
            (good(), |m| m.events = false, "dtmf: it takes no"),
            (good(), |m| m.heard.mos = Some(3.0), "mos: 3.00"),
            (own(), |m| returned(m).answered = false, "did not come back"),
            (
                own(),
                |m| returned(m).sound.tone = Some(0.1),
                "audio out: something else",
            ),
            (
                own(),
                |m| returned(m).caller = Some(Err("as from x".into())),
                "caller-id: as from x",
            ),
            (
                own(),
                |m| returned(m).sound.digits = "1".into(),
                "dtmf out: \"1\" came of \"15\"",
            ),
            (own(), |m| returned(m).sound.mos = Some(2.0), "mos: 2.00"),
        ];
        for (mut measured, breaks, expected) in defects {
            breaks(&mut measured);
            let wrong = judge(&all(), &measured);
            assert!(
                wrong.len() == 1 && wrong[0].contains(expected),
                "{expected}: {wrong:?}"
            );
        }
    }

    #[test]
    fn a_test_tells_whose_doing_it_was() {
        type Case = (Measured, fn(&mut Measured), TestEnding);
        let cases: [Case; 9] = [
            (good(), |_| {}, TestEnding::Passed),
            (
                good(),
                |m| (m.answered, m.status) = (false, Some((486, "Busy Here".into()))),
                TestEnding::Unanswered,
            ),
            (
                good(),
                |m| (m.answered, m.status) = (false, Some((503, "Service Unavailable".into()))),
                TestEnding::Failed,
            ),
            (
                good(),
                |m| (m.answered, m.status, m.pdd) = (false, None, None),
                TestEnding::Failed,
            ),
            (
                good(),
                |m| (m.answered, m.status) = (false, None),
                TestEnding::Unanswered,
            ),
            (good(), |m| m.heard.packets = 0, TestEnding::FalseAnswer),
            (good(), |m| m.heard.tone = Some(0.1), TestEnding::FalseAnswer),
            (own(), |m| returned(m).answered = false, TestEnding::FalseAnswer),
            (good(), |m| m.codec = Some("PCMU/8000".into()), TestEnding::Failed),
        ];
        for (mut measured, breaks, expected) in cases {
            breaks(&mut measured);
            let passed = judge(&all(), &measured).is_empty();
            assert_eq!(ending(&all(), &measured, passed), expected, "{measured:?}");
        }
    }

    fn returned(measured: &mut Measured) -> &mut Returned {
        measured.returned.as_mut().unwrap()
    }
}
