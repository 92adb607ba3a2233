//! Several carriers are asked at once.

use std::time::Duration;

use testkit::bed::{self, A, B1, B2, Bed, X, config};
use testkit::{Lookup, sdp};

use super::common::{
    asked, call, cancelled, connected, gives_up, hang_up, hears_nothing, invited, places, refuse, refused,
    talk, tried,
};

const NUMBER: &str = "+442071838750";

/// The bed with a class that asks carriers at once with these keys, and a third carrier at X.
fn racing(keys: &str) -> Bed {
    Bed::with(&toml(keys, ""))
}

fn toml(keys: &str, b1: &str) -> String {
    config(&[
        ("name = \"pbx\"", "class = \"fast\""),
        ("name = \"b1\"", b1),
        (
            "",
            &format!("[[class]]\nname = \"fast\"\nparallel = {{ {keys} }}"),
        ),
        (
            "",
            "[[trunk]]\nname = \"b3\"\nrole = \"carrier\"\npriority = 3\ntargets = [{ uri = \"sip:127.0.0.66:5066\" }]",
        ),
    ])
}

#[test]
fn a_slow_carrier_is_overtaken() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    let begun = bed.world.elapsed();
    let b2 = invited(&mut bed, B2);
    let waited = bed.world.elapsed() - begun;
    assert!((1400..1600).contains(&waited.as_millis()), "{waited:?}");
    assert_ne!(b1.1.call_id(), b2.1.call_id());
    assert_eq!(places(&bed), 3, "the caller's, and one of each carrier");
    hears_nothing(&mut bed, 10);
    bed.send(B2, &b2.0.reply(&b2.1, 180, None));
    bed.expect(A, "180 INVITE");
    cancelled(&mut bed, B1, &b1);
    assert_eq!(places(&bed), 2);
    talk(&mut bed, &mut a, B2, &b2);
    bed.quiet(X, 5000);
    let record = bed.settle_one();
    assert_eq!(
        tried(&record),
        [("b1", "overtaken", 487), ("b2", "answered", 200)]
    );
    assert_eq!(record.to_trunk.as_deref(), Some("b2"));
    assert_eq!((record.cause.sip, places(&bed)), (200, 0));
}

#[test]
fn who_makes_progress_in_time_is_alone() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    bed.wait(1000);
    bed.send(B1, &b1.0.reply(&b1.1, 183, None));
    bed.expect(A, "183 INVITE");
    bed.quiet(B2, 10_000);
    talk(&mut bed, &mut a, B1, &b1);
    assert_eq!(tried(&bed.settle_one()), [("b1", "answered", 200)]);
}

/// The one that was asked first may be the first after all: what the record has last is who got the call.
#[test]
fn the_slower_start_wins_when_it_rings_first() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    let b2 = invited(&mut bed, B2);
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.expect(A, "180 INVITE");
    cancelled(&mut bed, B2, &b2);
    talk(&mut bed, &mut a, B1, &b1);
    let record = bed.settle_one();
    assert_eq!(
        tried(&record),
        [("b2", "overtaken", 487), ("b1", "answered", 200)]
    );
    assert!(record.attempts[0].offset_ms > record.attempts[1].offset_ms);
}

#[test]
fn a_failure_does_not_wait_for_its_time() {
    let mut bed = racing("after = \"10s\"");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    refuse(&mut bed, B1, &b1, 503);
    let begun = bed.world.elapsed();
    let b2 = invited(&mut bed, B2);
    assert!(bed.world.elapsed() - begun < Duration::from_millis(100));
    talk(&mut bed, &mut a, B2, &b2);
    assert_eq!(
        tried(&bed.settle_one()),
        [("b1", "refused", 503), ("b2", "answered", 200)]
    );
}

/// LC-01: the called party's word ends the hunt, however many are being asked.
#[test]
fn a_word_of_the_called_party_ends_all() {
    for status in [486, 603] {
        let mut bed = racing("after = \"0s\"");
        let mut a = call(&mut bed, NUMBER);
        let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
        refuse(&mut bed, B1, &b1, status);
        refused(&mut bed, &mut a, status);
        cancelled(&mut bed, B2, &b2);
        bed.quiet(X, 5000);
        let record = bed.settle_one();
        let mut seen = tried(&record);
        seen.sort_unstable();
        assert_eq!(seen, [("b1", "refused", status), ("b2", "cancelled", 487)]);
        assert_eq!(record.cause.sip, status);
    }
}

/// No double billing: whoever answers behind our CANCEL is thanked and hung up.
#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    let b2 = invited(&mut bed, B2);
    bed.send(B2, &b2.0.reply(&b2.1, 180, None));
    bed.expect(A, "180 INVITE");
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &Bed::answer_of(B1, &b1.0, &b1.1));
    bed.send(B1, &b1.0.reply(&cancel, 200, None));
    bed.expect(B1, "ACK");
    bed.serve(B1, &b1.0, "BYE", 200);
    hears_nothing(&mut bed, 100);
    bed.send(B2, &Bed::answer_of(B2, &b2.0, &b2.1));
    bed.expect(B2, "ACK");
    connected(&mut bed, &mut a);
    let heard = bed.world.media.legs()[1].remote.unwrap().rtp;
    assert_eq!(heard, bed::addr("127.0.0.21:31000"));
    hang_up(&mut bed, &mut a, B2, &b2.0);
    let record = bed.settle_one();
    assert_eq!(
        tried(&record),
        [("b1", "overtaken", 487), ("b2", "answered", 200)]
    );
    assert_eq!(places(&bed), 0);
}

/// Two that answer at one moment: the first has the call.
#[test]
fn of_two_answers_one_is_hung_up() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.send(B2, &Bed::answer_of(B2, &b2.0, &b2.1));
    bed.send(B1, &Bed::answer_of(B1, &b1.0, &b1.1));
    bed.expect(B2, "ACK");
    // It has crossed the answer.
    bed.serve(B1, &b1.0, "CANCEL", 200);
    bed.expect(B1, "ACK");
    bed.serve(B1, &b1.0, "BYE", 200);
    connected(&mut bed, &mut a);
    hang_up(&mut bed, &mut a, B2, &b2.0);
    let record = bed.settle_one();
    assert_eq!(tried(&record)[1], ("b2", "answered", 200));
    assert_eq!(record.attempts.len(), 2);
}

/// The caller hears the media of one carrier only.
#[test]
fn early_media_is_the_winners() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    let early = |at: &str, sip: &testkit::Sip| Bed::carrier_end(at).answer(sip.sdp().unwrap(), "sendrecv");
    bed.send(B2, &b2.0.reply(&b2.1, 183, Some(&early(B2, &b2.1))));
    let progress = bed.expect(A, "183 INVITE");
    assert_eq!(sdp::address(progress.sdp().unwrap()), "127.0.0.1");
    bed.send(B1, &b1.0.reply(&b1.1, 183, Some(&early(B1, &b1.1))));
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &b1.0.reply(&cancel, 200, None));
    bed.send(B1, &b1.0.reply(&b1.1, 487, None));
    bed.expect(B1, "ACK");
    hears_nothing(&mut bed, 100);
    let heard = bed.world.media.legs()[1].remote.unwrap().rtp;
    assert_eq!(heard, bed::addr("127.0.0.21:31000"));
    talk(&mut bed, &mut a, B2, &b2);
    bed.settle_one();
}

/// 199 and 100 are no progress.
#[test]
fn a_branch_that_has_failed_wins_nothing() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    bed.send(B1, &b1.0.reply(&b1.1, 199, None));
    let b2 = invited(&mut bed, B2);
    bed.send(B2, &b2.0.reply(&b2.1, 180, None));
    bed.expect(A, "180 INVITE");
    cancelled(&mut bed, B1, &b1);
    talk(&mut bed, &mut a, B2, &b2);
    bed.settle_one();
}

/// All fail: the third gets its turn when one of the two has, and the caller hears the most telling.
#[test]
fn all_have_their_turn_and_no_more_than_so_many_at_once() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.quiet(X, 1000);
    refuse(&mut bed, B2, &b2, 408);
    let b3 = invited(&mut bed, X);
    refuse(&mut bed, B1, &b1, 503);
    hears_nothing(&mut bed, 100);
    refuse(&mut bed, X, &b3, 500);
    refused(&mut bed, &mut a, 408);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "no-carrier");
    let mut seen = tried(&record);
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("b1", "refused", 503),
            ("b2", "refused", 408),
            ("b3", "refused", 500)
        ]
    );
}

/// Silence of both: each has its own timers.
#[test]
fn silent_carriers_give_way_to_the_third() {
    let mut bed = racing("");
    let mut a = call(&mut bed, NUMBER);
    asked(&mut bed, B1);
    asked(&mut bed, B2);
    let b3 = invited(&mut bed, X);
    let waited = bed.world.elapsed();
    assert!((3900..4200).contains(&waited.as_millis()), "{waited:?}");
    bed.drain(B1);
    bed.drain(B2);
    bed.send(X, &b3.0.reply(&b3.1, 180, None));
    bed.expect(A, "180 INVITE");
    talk(&mut bed, &mut a, X, &b3);
    let record = bed.settle_one();
    assert_eq!(tried(&record).last(), Some(&("b3", "answered", 200)));
    assert_eq!(record.attempts[0].outcome, "timeout-trying");
}

#[test]
fn attempts_are_counted_and_none_is_made_beyond_them() {
    let mut bed = Bed::with(&toml(
        "after = \"0s\", attempts = 3",
        "failover = { attempts = 2 }",
    ));
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    refuse(&mut bed, B1, &b1, 503);
    refuse(&mut bed, B2, &b2, 503);
    refused(&mut bed, &mut a, 503);
    bed.quiet(X, 1000);
    bed.settle_one();
}

#[test]
fn a_caller_that_gives_up_stops_all() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.wait(100);
    gives_up(&mut bed, &mut a);
    cancelled(&mut bed, B1, &b1);
    cancelled(&mut bed, B2, &b2);
    let record = bed.settle_one();
    let mut seen = tried(&record);
    seen.sort_unstable();
    assert_eq!(seen, [("b1", "cancelled", 487), ("b2", "cancelled", 487)]);
    assert_eq!(record.cause.kind, "cancelled");
}

/// `until = "answer"`: all ring, the caller hears of it once, and the others are told that the call was answered elsewhere.
#[test]
fn until_one_answers_all_ring() {
    let mut bed = racing("after = \"0s\", until = \"answer\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    let early = Bed::carrier_end(B1).answer(b1.1.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b1.0.reply(&b1.1, 183, Some(&early)));
    let ringing = bed.expect(A, "180 INVITE");
    assert_eq!(ringing.sdp(), None);
    bed.send(B2, &b2.0.reply(&b2.1, 180, None));
    hears_nothing(&mut bed, 100);
    bed.send(B2, &Bed::answer_of(B2, &b2.0, &b2.1));
    bed.expect(B2, "ACK");
    let cancel = cancelled(&mut bed, B1, &b1);
    assert!(cancel.need("Reason").contains("cause=200"));
    connected(&mut bed, &mut a);
    let heard = bed.world.media.legs()[1].remote.unwrap().rtp;
    assert_eq!(heard, bed::addr("127.0.0.21:31000"));
    hang_up(&mut bed, &mut a, B2, &b2.0);
    assert_eq!(
        tried(&bed.settle_one()),
        [("b1", "cancelled", 487), ("b2", "answered", 200)]
    );
}

/// A 2xx without SDP stands by what its own carrier has said before.
#[test]
fn an_answer_without_sdp_is_that_of_its_own_progress() {
    let mut bed = racing("after = \"0s\", until = \"answer\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    for (at, b) in [(B1, &b1), (B2, &b2)] {
        let early = Bed::carrier_end(at).answer(b.1.sdp().unwrap(), "sendrecv");
        bed.send(at, &b.0.reply(&b.1, 183, Some(&early)));
    }
    bed.expect(A, "180 INVITE");
    bed.send(B2, &b2.0.reply(&b2.1, 200, None));
    bed.expect(B2, "ACK");
    cancelled(&mut bed, B1, &b1);
    connected(&mut bed, &mut a);
    let heard = bed.world.media.legs()[1].remote.unwrap().rtp;
    assert_eq!(heard, bed::addr("127.0.0.21:31000"));
    hang_up(&mut bed, &mut a, B2, &b2.0);
    bed.settle_one();
}

/// Nobody answers: each rings for its time, and that ends the call.
#[test]
fn ringing_out_ends_the_race() {
    let mut bed = Bed::with(&toml(
        "after = \"0s\", until = \"answer\"",
        "failover = { answer = \"20s\" }",
    ));
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.send(B2, &b2.0.reply(&b2.1, 180, None));
    bed.expect(A, "180 INVITE");
    refused(&mut bed, &mut a, 480);
    assert!(bed.world.elapsed() > Duration::from_secs(20));
    cancelled(&mut bed, B1, &b1);
    cancelled(&mut bed, B2, &b2);
    bed.quiet(X, 100);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "no-answer");
}

/// Its digest challenge is met before it wins; and a target by name is looked up meanwhile.
#[test]
fn rivals_are_challenged_and_looked_up_as_any_attempt() {
    let keys = "auth = { username = \"tandem\", password = \"secret\" }";
    let named = toml("after = \"0s\"", keys).replace("sip:127.0.0.21:5081", "sip:b2.test:5081");
    let mut bed = Bed::with(&named);
    let there = vec![bed::addr(B2).ip()];
    let lookup = Lookup::After(Duration::from_millis(50), there);
    bed.world.dns.names.insert("b2.test".into(), lookup);
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    let challenge = "Digest realm=\"b1\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    bed.send(
        B1,
        &b1.0.reply(&b1.1, 407, None).with("Proxy-Authenticate", challenge),
    );
    bed.expect(B1, "ACK");
    let b1 = invited(&mut bed, B1);
    assert!(b1.1.need("Proxy-Authorization").contains("nonce=\"n1\""));
    let b2 = invited(&mut bed, B2);
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.expect(A, "180 INVITE");
    cancelled(&mut bed, B2, &b2);
    talk(&mut bed, &mut a, B1, &b1);
    bed.settle_one();
}

/// The winner is as any attempt: when it fails behind its progress, the next is asked.
#[test]
fn a_winner_that_fails_gives_way_to_the_rest() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.send(B1, &b1.0.reply(&b1.1, 183, None));
    bed.expect(A, "183 INVITE");
    cancelled(&mut bed, B2, &b2);
    refuse(&mut bed, B1, &b1, 503);
    let b3 = invited(&mut bed, X);
    talk(&mut bed, &mut a, X, &b3);
    assert_eq!(
        tried(&bed.settle_one()),
        [
            ("b2", "overtaken", 487),
            ("b1", "refused", 503),
            ("b3", "answered", 200)
        ]
    );
}

/// A carrier without a free place is passed over at once.
#[test]
fn limits_hold_for_each() {
    let mut bed = Bed::with(&toml("after = \"0s\", attempts = 3", "max_calls = 1"));
    let mut first = call(&mut bed, NUMBER);
    let (b1, b2, b3) = (invited(&mut bed, B1), invited(&mut bed, B2), invited(&mut bed, X));
    let mut second = call(&mut bed, NUMBER);
    let (b2s, b3s) = (invited(&mut bed, B2), invited(&mut bed, X));
    bed.quiet(B1, 100);
    for (at, b) in [(B2, &b2), (X, &b3), (B2, &b2s), (X, &b3s)] {
        refuse(&mut bed, at, b, 503);
    }
    refused(&mut bed, &mut second, 503);
    refuse(&mut bed, B1, &b1, 503);
    refused(&mut bed, &mut first, 503);
    assert_eq!(bed.settle().len(), 2);
    assert_eq!(places(&bed), 0);
}

/// A caller without an offer has one carrier after the other.
#[test]
fn a_caller_without_an_offer_waits() {
    let mut bed = racing("after = \"0s\"");
    let mut a = bed.caller(NUMBER);
    let invite = a.invite(None);
    bed.send(A, &invite);
    let b1 = invited(&mut bed, B1);
    bed.quiet(B2, 2000);
    refuse(&mut bed, B1, &b1, 486);
    refused(&mut bed, &mut a, 486);
    bed.settle_one();
}

/// A carrier's redirection is the caller's to hear, also from a race.
#[test]
fn a_redirection_ends_the_race() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    let moved =
        b1.0.reply(&b1.1, 302, None)
            .with("Contact", "<sip:+4999@127.0.0.20:5080>");
    bed.send(B1, &moved);
    bed.expect(B1, "ACK");
    let heard = bed.expect(A, "302 INVITE");
    assert_eq!(heard.contact(), Some("sip:+4999@127.0.0.1:5060"));
    let ack = a.ack(&heard);
    bed.send(A, &ack);
    cancelled(&mut bed, B2, &b2);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "redirected");
}

/// A race is one call to who looks, and ends with it.
#[test]
fn an_operator_hangs_up_all() {
    let mut bed = racing("after = \"0s\"");
    let mut a = call(&mut bed, NUMBER);
    let (b1, b2) = (invited(&mut bed, B1), invited(&mut bed, B2));
    bed.wait(10);
    let calls = bed.world.switch().calls(bed.world.moment());
    assert_eq!((calls.len(), calls[0].state), (1, "dialing"));
    bed.world.hangup(&calls[0].id);
    refused(&mut bed, &mut a, 480);
    cancelled(&mut bed, B1, &b1);
    cancelled(&mut bed, B2, &b2);
    assert_eq!(bed.settle_one().cause.kind, "operator");
}
