//! Answers that are none: it is listened to what a carrier sends behind its answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use std::thread;
use std::time::{Duration, Instant};

use audio::g711::Law;
use audio::tone::{Country, Signal, ToneGenerator};
use support::{check, engines, quick, talk};
use testbed::rtp::{RtpPeer, Stream};
use testbed::{Bed, Record, Setup};

const FRAME: Duration = Duration::from_millis(20);
const SHORT: &str = "supervise = { share = 1, time = \"4s\" }";
/// Packets until the window is over, with some to spare.
const WINDOW: usize = 225;

/// Ringback as in the United Kingdom, of which a period is three seconds.
fn ringback() -> Stream {
    let mut samples = vec![0; 24_000];
    ToneGenerator::new(Country::Uk.cadence(Signal::Ringback), 8_000).fill(&mut samples);
    Stream {
        audio: samples.iter().map(|sample| Law::Mu.compress(*sample)).collect(),
        ..Stream::mark(0xb2)
    }
}

/// A call whose called side sends this; what the API says of it when the window is over, and its record.
fn answered_with(setup: impl FnOnce(Setup) -> Setup, said: &Stream) -> Record {
    let bed = quick(setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let (a, b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let caller = Stream::mark(0xa1);
    let speak = |n: usize| {
        a.send(held.a_to, &caller.packet(n));
        b.send(held.b_to, &said.packet(n));
    };
    let start = Instant::now();
    let mut missed = 0;
    for n in 0..WINDOW {
        thread::sleep((start + FRAME * n as u32).saturating_duration_since(Instant::now()));
        speak(n);
        if n % 50 == 49 {
            let sent = b.collect(200, Duration::from_millis(1)).len();
            missed += 50_usize.saturating_sub(sent);
            // What comes from the carrier is not the kernel's yet.
            assert!(
                !engines::is_kernel() || n > 180 || flows(&bed) < 2.0,
                "{}",
                bed.log()
            );
            let _ = a.collect(200, Duration::from_millis(1));
        }
    }
    assert!(missed < 10, "{missed} packets did not arrive");
    engines::until_in_kernel(&bed, 2, |n| speak(WINDOW + n));
    held.hang_up();
    let mut records = bed.finish(1);
    check(&records[0], "normal", 200, "caller", 1);
    records.remove(0)
}

fn flows(bed: &Bed) -> f64 {
    bed.metrics().sum("tandem_media_kernel_flows").unwrap_or_default()
}

fn decision(record: &Record) -> String {
    record.0["decision"].to_string()
}

fn ringing_that_goes_on_behind_the_answer_is_a_false_answer() {
    let record = answered_with(|setup| setup.media(SHORT), &ringback());
    assert_eq!(record.text("called_media.answer"), "false-answer");
    let heard = |name: &str| record.number(&format!("called_media.after_answer.{name}"));
    assert_eq!((heard("listened_ms"), heard("heard_ms")), (4_000, 0));
    assert!((900..2_400).contains(&heard("tone_ms")), "{record:?}");
    assert!((415..=435).contains(&heard("hertz")), "{record:?}");
    assert!(
        decision(&record).contains("false answer: in the first 4.0 s"),
        "{record:?}"
    );
    assert!(
        !record.has("caller_media.after_answer"),
        "nobody listens to the caller"
    );
}

fn who_speaks_has_answered() {
    let record = answered_with(|setup| setup.media(SHORT), &Stream::speech(0xb2));
    assert!(!record.has("called_media.answer"), "{record:?}");
    assert!(
        record.number("called_media.after_answer.heard_ms") > 500,
        "{record:?}"
    );
    assert!(!decision(&record).contains("false answer"), "{record:?}");
}

fn silence_is_dead_air() {
    let record = answered_with(|setup| setup.media(SHORT), &Stream::mark(0xff));
    assert_eq!(record.text("called_media.answer"), "dead-air");
    assert!(
        decision(&record).contains("dead air: nothing was heard"),
        "{record:?}"
    );
}

fn a_trunk_that_is_not_to_be_listened_to_is_not() {
    let setup = |setup: Setup| setup.media(SHORT).key("b1", "supervise = 0");
    let record = answered_with(setup, &ringback());
    assert!(!record.has("called_media.after_answer"), "{record:?}");
    assert!(!record.has("called_media.answer"), "{record:?}");
}

on_both_engines! {
    ringing_that_goes_on_behind_the_answer_is_a_false_answer,
    who_speaks_has_answered,
    silence_is_dead_air,
}

#[test]
fn a_trunk_may_be_left_out() {
    engines::with("userspace", a_trunk_that_is_not_to_be_listened_to_is_not);
}
