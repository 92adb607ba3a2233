//! What is heard behind an answer, as far as call control has to do with it.

use std::time::Duration;

use rtp_proto::control::{AfterAnswer, Codec, Command, Event, MediaId, Side};
use switch::Input;
use testkit::bed::Bed;

const RINGING: AfterAnswer = AfterAnswer {
    listened_ms: 6_000,
    whole: true,
    heard_ms: 0,
    tone_ms: 2_000,
    longest_tone_ms: 2_000,
    tones: 1,
    hertz: 425,
};

fn bed(share: &str) -> Bed {
    Bed::changed(&[(
        "[media]",
        &format!("supervise = {{ share = {share}, time = \"8s\" }}"),
    )])
}

/// Who was listened to so far, for how long, and what is spoken there.
fn asked(bed: &Bed) -> Vec<(MediaId, Side, Duration, Codec)> {
    let log = bed.world.media.log.iter();
    log.filter_map(|(_, command)| match command {
        Command::Supervise {
            id,
            side,
            audio,
            time,
        } => Some((*id, *side, *time, audio.send.audio.codec)),
        Command::Open { .. }
        | Command::Update { .. }
        | Command::Play { .. }
        | Command::Hush { .. }
        | Command::Press { .. }
        | Command::Close { .. }
        | Command::Report { .. } => None,
    })
    .collect()
}

#[test]
fn the_carriers_side_is_listened_to_from_the_answer_on() {
    let mut bed = bed("1");
    let (mut a, b) = bed.connect();
    let asked = asked(&bed);
    let [(_, side, time, codec)] = asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (side, time, codec),
        (Side::B, Duration::from_secs(8), Codec::Pcmu)
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn nobody_is_listened_to_where_the_share_is_none() {
    for share in ["0", "0.0"] {
        let mut bed = bed(share);
        let (mut a, b) = bed.connect();
        assert!(asked(&bed).is_empty());
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

#[test]
fn a_bad_answer_is_remarked_once_and_while_the_call_goes_on() {
    let mut bed = bed("1");
    let (mut a, b) = bed.connect();
    let id = asked(&bed)[0].0;
    for side in [Side::A, Side::B, Side::B] {
        let after = RINGING;
        bed.world
            .tell(Input::Media(Event::Supervised { id, side, after }));
    }
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    let told: Vec<_> = record
        .decision
        .iter()
        .filter(|line| line.starts_with("false answer"))
        .collect();
    assert_eq!(
        told,
        ["false answer: in the first 6.0 s nothing was heard but tones (1 of 425 Hz, 2.0 s in all)"]
    );
}

#[test]
fn an_honest_answer_is_not_remarked() {
    let mut bed = bed("1");
    let (mut a, b) = bed.connect();
    let (id, side) = (asked(&bed)[0].0, Side::B);
    let after = AfterAnswer {
        heard_ms: 3_000,
        ..RINGING
    };
    bed.world
        .tell(Input::Media(Event::Supervised { id, side, after }));
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert!(
        !record.decision.iter().any(|line| line.contains("answer:")),
        "{record:?}"
    );
}

#[test]
fn behind_a_bad_answer_a_carriers_next_fifty_are_all_listened_to() {
    // Chance takes one in a thousand, and none of these few.
    let mut bed = bed("0.001");
    let (mut a, b) = bed.connect();
    let opened = bed.world.media.log.iter().find_map(|(_, command)| {
        let is_open = matches!(command, Command::Open { .. });
        is_open.then(|| command.id())
    });
    let (id, side, after) = (opened.unwrap(), Side::B, RINGING);
    bed.world
        .tell(Input::Media(Event::Supervised { id, side, after }));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
    for call in 0..55 {
        let before = asked(&bed).len();
        let (mut a, b) = bed.connect();
        assert_eq!(asked(&bed).len() - before, usize::from(call < 50), "{call}");
        // Calls that are over at once would make it suspect by themselves.
        bed.wait(20_000);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// What the first stream is.
fn stream(bed: &Bed) -> MediaId {
    let opened = bed.world.media.log.iter().find_map(|(_, command)| {
        let is_open = matches!(command, Command::Open { .. });
        is_open.then(|| command.id())
    });
    opened.unwrap()
}

#[test]
fn short_calls_make_a_carrier_suspect_and_its_next_answers_are_all_listened_to() {
    let mut bed = bed("0.001");
    for _ in 0..12 {
        let (mut a, b) = bed.connect();
        bed.wait(4_000);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
    let listened = asked(&bed).len();
    assert!((1..12).contains(&listened), "{listened}");
}

#[test]
fn bad_sound_is_learned_while_the_call_goes_on_and_once() {
    let mut bed = bed("0");
    let (mut a, b) = bed.connect();
    let id = stream(&bed);
    let mos = |bed: &Bed| {
        let groups = bed.world.switch().trunk_quality("b1").unwrap_or_default();
        groups
            .first()
            .and_then(|group| group.figures.mos)
            .map(|mos| mos.mean)
    };
    for (side, mos) in [(Side::A, 1.5), (Side::B, 2.0)] {
        bed.world.tell(Input::Media(Event::SoundsBad { id, side, mos }));
    }
    assert_eq!(mos(&bed), Some(2.0));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
    assert_eq!(mos(&bed), Some(2.0));
}
