//! Hunts: carriers asked at once, numbers with backups, redirections, and what an operator writes of causes and time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::{MOMENT, NUMBER, bed, check, connect, hang_up, header, invite_of, ms, quick, uri};
use testbed::rtp::{Comparison, End, RtpPeer, Stream, converse};
use testbed::{Bed, Call, Record, Setup, sdp};

/// A class for the PBX that asks carriers at once, with these keys.
fn racing(setup: Setup, keys: &str) -> Setup {
    setup.key("pbx", "class = \"fast\"").extra(&format!(
        "[[class]]\nname = \"fast\"\nlearn = false\nparallel = {{ {keys} }}"
    ))
}

/// A desk at X that has the usual number, whose rule has these keys.
fn with_desk(setup: Setup, rule: &str) -> Setup {
    setup
        .trunk(
            "desk",
            &[
                "role = \"customer\"",
                "sources = [\"{x}\"]",
                "targets = [{ uri = \"sip:{x}\" }]",
            ],
        )
        .extra(&format!(
            "[[number]]\nmatch = \"{NUMBER}\"\nto = \"desk\"\n{rule}"
        ))
}

/// The CANCEL that a carrier gets, and what becomes of its INVITE.
fn stops(leg: &Call<'_>) {
    let cancel = leg.expect_request("CANCEL");
    leg.reply_to(&cancel, 200, &[], None);
    leg.reply_to(&invite_of(leg), 487, &[], None);
    leg.expect_request("ACK");
}

/// What became of each attempt: its trunk and the word.
fn tried(record: &Record) -> Vec<(String, String)> {
    (0..record.count("attempts"))
        .map(|n| {
            let of = |key: &str| record.text(&format!("attempts.{n}.{key}")).to_owned();
            (of("trunk"), of("outcome"))
        })
        .collect()
}

fn words(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(trunk, word)| ((*trunk).to_owned(), (*word).to_owned()))
        .collect()
}

/// The first carrier says no more than 100: the second is asked, rings, has the call and its media; the first is cancelled, and what it
/// sends all the same is heard by nobody.
#[test]
fn lc_a_slow_carrier_is_overtaken_and_only_the_faster_one_is_heard() {
    let bed = quick(|setup| racing(setup, "after = \"300ms\""));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let slow = bob.incoming();
    slow.reply(100);
    let begun = Instant::now();
    let fast = carol.incoming();
    let waited = begun.elapsed();
    assert!(waited > ms(250) && waited < ms(800), "{waited:?}");
    let to = sdp::audio(&invite_of(&fast).body());
    fast.reply(180);
    call.expect(180);
    stops(&slow);
    let a_to = connect(&call, &fast, &sdp::offer(bed.places.rtp_b2));
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b2));
    let ends = [(&at_a, a_to, 0xa1), (&at_b, to, 0xb2)];
    let [a, b] = ends.map(|(peer, to, ssrc)| End {
        peer,
        to,
        stream: Stream::speech(ssrc),
    });
    converse(&a, &b, 25).iter().for_each(Comparison::assert_clean);
    hang_up(&call, &fast);
    let record = &bed.finish_lingering(1, 2)[0];
    check(record, "normal", 200, "caller", 2);
    assert_eq!(tried(record), words(&[("b1", "overtaken"), ("b2", "answered")]));
}

/// The loser's 200 crosses our CANCEL: it is acknowledged and hung up at once, and the call goes on with the other.
#[test]
fn lc_a_losers_answer_that_crosses_the_cancel_is_hung_up() {
    let bed = quick(|setup| racing(setup, "after = \"0s\""));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let (loser, winner) = (bob.incoming(), carol.incoming());
    loser.reply(100);
    winner.reply(183);
    call.expect(183);
    let cancel = loser.expect_request("CANCEL");
    loser.answer(&sdp::offer(bed.places.rtp_b1));
    loser.reply_to(&cancel, 200, &[], None);
    loser.expect_request("ACK");
    loser.ok("BYE");
    alice.expect_silence(MOMENT);
    connect(&call, &winner, &sdp::offer(bed.places.rtp_b2));
    hang_up(&call, &winner);
    let record = &bed.finish_lingering(1, 2)[0];
    check(record, "normal", 200, "caller", 2);
    assert_eq!(record.text("to_trunk"), "b2");
}

/// The called party's word, from whichever carrier it comes, ends it for all.
#[test]
fn lc_01_a_stop_ends_every_attempt_that_is_under_way() {
    let bed = quick(|setup| racing(setup, "after = \"0s\""));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    for code in [486, 603] {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let (one, two) = (bob.incoming(), carol.incoming());
        one.reply(100);
        two.reply(code);
        two.expect_request("ACK");
        stops(&one);
        call.expect(code);
        call.ack_failure();
        alice.listen(ms(5));
    }
    bob.expect_silence(MOMENT);
    let records = bed.finish_lingering(2, 4);
    for (record, code) in records.iter().zip([486, 603]) {
        assert_eq!(record.number("cause.sip"), code);
        assert_eq!(record.count("attempts"), 2);
    }
}

/// Carriers of SIPp's: the first never gets further than 100. Every call is answered by the second, none waits for the first's
/// time, and none is left with it.
#[test]
fn lc_a_dead_slow_carrier_under_load_is_heard_by_nobody() {
    const CALLS: u32 = 60;
    let bed = bed(|setup| racing(setup, "after = \"200ms\""));
    let slow = bed.run(&bed.uas_b1("uas_trying_forever").calls(CALLS, 20).quiet());
    let fast = bed.run(&bed.uas_b2("uas_basic").calls(CALLS, 20).quiet());
    let callers = bed.run(&bed.uac("uac_basic").calls(CALLS, 20).quiet());
    for running in [callers, fast, slow] {
        running.wait().assert_all(u64::from(CALLS));
    }
    let records = bed.finish_lingering(CALLS as usize, CALLS as usize);
    for record in &records {
        assert_eq!(tried(record), words(&[("b1", "overtaken"), ("b2", "answered")]));
        assert!(record.number("pdd_ms") < 2_000, "{record:#?}");
    }
}

/// What the desk does, where its calls go on to, and how that is told.
#[test]
fn lc_a_numbers_calls_go_on_to_its_backups() {
    let rule = "ring = \"1s\"\non_busy = { trunk = \"b1\", number = \"201\" }\non_no_answer = { trunk = \"b1\", number = \"202\" }\n\
                on_failure = [{ trunk = \"b2\", number = \"203\" }, \"b1\"]";
    let bed = quick(|setup| with_desk(setup.key("b1", "identity = { diversion = \"diversion\" }"), rule));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let desk = bed.peer("desk", bed.places.x);
    let offer = sdp::offer(bed.places.rtp_a);
    let mut expected = Vec::new();
    for (rings, code, number, why, reason) in [
        (false, 486, "201", "busy", "user-busy"),
        (true, 603, "201", "busy", "user-busy"),
        (true, 0, "202", "no-answer", "no-answer"),
        (false, 503, NUMBER, "failure", "unavailable"),
    ] {
        let call = alice.invite(NUMBER, Some(&offer));
        let at_desk = desk.incoming();
        if rings {
            at_desk.reply(180);
            call.expect(180);
        }
        if code == 0 {
            stops(&at_desk);
        } else {
            at_desk.reply(code);
            at_desk.expect_request("ACK");
        }
        if why == "failure" {
            let first = carol.incoming();
            assert!(uri(&invite_of(&first)).starts_with("sip:203@"));
            first.reply(500);
            first.expect_request("ACK");
        }
        let backup = bob.incoming();
        let invite = invite_of(&backup);
        assert!(
            uri(&invite).starts_with(&format!("sip:{number}@")),
            "{}",
            uri(&invite)
        );
        let told = header(&invite, HeaderId::Diversion);
        assert!(told.contains(NUMBER) && told.contains(reason), "{told}");
        connect(&call, &backup, &sdp::offer(bed.places.rtp_b1));
        hang_up(&call, &backup);
        expected.push((why, if why == "failure" { 3 } else { 2 }));
        alice.listen(ms(5));
    }
    let records = bed.finish_lingering(4, 5);
    for (record, (why, attempts)) in records.iter().zip(expected) {
        check(record, "normal", 200, "caller", attempts);
        let last = attempts - 1;
        assert_eq!(record.text(&format!("attempts.{last}.why")), why);
        assert_eq!(record.text("called"), NUMBER);
    }
}

/// No backup answers: the caller hears what tells most, once.
#[test]
fn lc_when_no_backup_answers_the_caller_hears_what_tells_most() {
    let bed = quick(|setup| with_desk(setup, "on_busy = [\"b1\", \"b2\"]"));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let desk = bed.peer("desk", bed.places.x);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    for (peer, code) in [(&desk, 486), (&bob, 503), (&carol, 480)] {
        let leg = peer.incoming();
        leg.reply(code);
        leg.expect_request("ACK");
    }
    call.expect(486);
    call.ack_failure();
    check(&bed.finish_lingering(1, 3)[0], "busy", 486, "switch", 3);
}

/// A rule whose trunk is switched off: its backup, and without one nobody (LC-06).
#[test]
fn lc_06_a_number_goes_to_whom_its_rule_names_and_to_nobody_else() {
    for backed in [false, true] {
        let rule = if backed { "on_failure = \"b2\"" } else { "" };
        let bed = quick(|setup| with_desk(setup, rule).key("desk", "enabled = false"));
        let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
        let desk = bed.peer("desk", bed.places.x);
        let start = Instant::now();
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        if backed {
            let leg = carol.incoming();
            connect(&call, &leg, &sdp::offer(bed.places.rtp_b2));
            hang_up(&call, &leg);
        } else {
            call.expect(503);
            assert!(start.elapsed() < ms(200));
            call.ack_failure();
            carol.expect_silence(MOMENT);
        }
        bob.expect_silence(MOMENT);
        desk.expect_silence(ms(1));
        let record = &bed.finish_lingering(1, 1)[0];
        if backed {
            check(record, "normal", 200, "caller", 1);
        } else {
            check(record, "no-route", 503, "switch", 0);
        }
    }
}

/// The desk redirects: to a number, which a carrier gets; to an address, which nobody gets.
#[test]
fn lc_a_redirection_is_followed_to_a_number_and_never_to_an_address() {
    let bed = quick(|setup| with_desk(setup.key("b1", "identity = { diversion = \"history-info\" }"), ""));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let desk = bed.peer("desk", bed.places.x);
    let stranger = bed.peer("stranger", std::net::SocketAddr::new(bed.places.x.ip(), 5099));
    let offer = sdp::offer(bed.places.rtp_a);

    let call = alice.invite(NUMBER, Some(&offer));
    let at_desk = desk.incoming();
    let contacts = format!(
        "<sip:bob@{}>;q=0.9, <sip:+4930999@pbx.example>;q=0.5",
        stranger.local()
    );
    at_desk.reply_with(302, &[("Contact", &contacts)], None);
    at_desk.expect_request("ACK");
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    assert!(uri(&invite).starts_with("sip:+4930999@"));
    let history = support::values(&invite, HeaderId::HistoryInfo);
    assert!(
        history[0].contains(NUMBER) && history[1].contains("cause=302"),
        "{history:?}"
    );
    connect(&call, &leg, &sdp::offer(bed.places.rtp_b1));
    hang_up(&call, &leg);
    alice.listen(ms(5));

    let call = alice.invite(NUMBER, Some(&offer));
    let at_desk = desk.incoming();
    let contact = format!("<sip:bob@{}>", stranger.local());
    at_desk.reply_with(302, &[("Contact", &contact)], None);
    at_desk.expect_request("ACK");
    let refusal = call.expect(480);
    assert!(refusal.contact().is_none());
    call.ack_failure();
    stranger.expect_silence(MOMENT);
    carol.expect_silence(ms(1));

    let records = bed.finish_lingering(2, 2);
    check(&records[0], "normal", 200, "caller", 2);
    assert_eq!(records[0].text("attempts.0.outcome"), "redirected");
    assert_eq!(records[0].text("attempts.1.called"), "+4930999");
    assert_eq!(records[0].text("attempts.1.why"), "redirected");
    check(&records[1], "no-carrier", 480, "switch", 1);
}

/// LC-01, causes that the operator has written; LC-03, what is made of ringing out.
#[test]
fn lc_01_lc_03_causes_and_ringing_out_as_the_operator_has_written() {
    let keys = "failover = { advance = [503, \"q850:21\"], stop = [\"q850:17\"], answer = \"1s\", no_answer = 408, after_ringing = true }";
    let bed = quick(|setup| setup.key("b1", keys));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let offer = sdp::offer(bed.places.rtp_a);
    for (code, cause, advances) in [(503, 17, false), (403, 21, true), (0, 0, true)] {
        let call = alice.invite(NUMBER, Some(&offer));
        let first = bob.incoming();
        if code == 0 {
            first.reply(180);
            call.expect(180);
            stops(&first);
        } else {
            let reason = format!("Q.850;cause={cause}");
            first.reply_with(code, &[("Reason", &reason)], None);
            first.expect_request("ACK");
        }
        if advances {
            let second = carol.incoming();
            second.reply(404);
            second.expect_request("ACK");
        }
        call.expect(if advances { 404 } else { code });
        call.ack_failure();
        alice.listen(ms(5));
    }
    carol.expect_silence(MOMENT);
    bed.finish_lingering(3, 5);

    let bed = quick(|setup| setup.key("b1", "failover = { answer = \"1s\", no_answer = 408 }"));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&offer_of(&bed)));
    let first = bob.incoming();
    first.reply(180);
    call.expect(180);
    stops(&first);
    call.expect(408);
    call.ack_failure();
    carol.expect_silence(MOMENT);
    check(&bed.finish_lingering(1, 1)[0], "no-answer", 408, "switch", 1);
}

fn offer_of(bed: &Bed) -> String {
    sdp::offer(bed.places.rtp_a)
}

/// A hunt has its time: the attempt under way is given up, and none is made behind it.
#[test]
fn lc_a_hunt_ends_when_its_time_is_up() {
    let bed = quick(|setup| setup.key("pbx", "failover = { time = \"1s\" }"));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&offer_of(&bed)));
    let begun = Instant::now();
    let first = bob.incoming();
    first.reply(100);
    stops(&first);
    call.expect(408);
    let waited = begun.elapsed();
    assert!(waited > ms(900) && waited < Duration::from_secs(2), "{waited:?}");
    call.ack_failure();
    carol.expect_silence(MOMENT);
    check(&bed.finish_lingering(1, 1)[0], "no-carrier", 408, "switch", 1);
}
