//! Which carrier gets the call next, which answers stop the hunt, challenges, and the record of every ending.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message};
use std::time::{Duration, Instant};
use support::{MOMENT, NUMBER, bed, check, header, invite_of, is, ms, quick, talk, text};
use testbed::{Bed, Call, Record, SipPeer, sdp};

const ADVANCE: [u16; 6] = [408, 500, 502, 503, 504, 580];
const STOP: [u16; 12] = [400, 403, 404, 480, 484, 486, 487, 488, 600, 603, 604, 606];

/// Each final answer of the first carrier, at once and after ringing: the second is asked exactly for those of the advance list,
/// else the caller hears the first one's.
#[test]
fn lc_01_called_partys_answers_stop_the_hunt() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let mut asked = Vec::new();
    for code in ADVANCE.into_iter().chain(STOP) {
        for rings in [false, true] {
            let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
            let first = bob.incoming();
            if rings {
                first.reply(180);
                call.expect(180);
            }
            first.reply(code);
            first.expect_request("ACK");
            if ADVANCE.contains(&code) {
                let second = carol.incoming();
                second.answer(&sdp::offer(bed.places.rtp_b2));
                call.expect(200);
                call.ack();
                second.expect_request("ACK");
                call.bye();
                second.ok("BYE");
                call.expect(200);
            } else {
                call.expect(code);
                call.ack_failure();
            }
            asked.push(code);
            // Records are told apart by their millisecond.
            alice.listen(ms(2));
        }
    }
    carol.expect_silence(MOMENT);
    let records = bed.finish_lingering(asked.len(), asked.len());
    for (record, code) in records.iter().zip(asked) {
        let advances = ADVANCE.contains(&code);
        assert_eq!(
            record.count("attempts"),
            if advances { 2 } else { 1 },
            "{code}: {record:#?}"
        );
        assert_eq!(record.number("attempts.0.sip"), u64::from(code));
        assert_eq!(
            record.number("cause.sip"),
            if advances { 200 } else { u64::from(code) }
        );
    }
}

/// 404 and 480 with a cause of the network's (Q.850) advance, as long as nothing rang.
#[test]
fn lc_01_network_cause_makes_404_and_480_advance() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    for (code, cause, advances) in [
        (404, 38, true),
        (480, 34, true),
        (404, 1, false),
        (480, 18, false),
    ] {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let first = bob.incoming();
        let reason = format!("Q.850;cause={cause}");
        first.reply_with(code, &[("Reason", &reason)], None);
        first.expect_request("ACK");
        if advances {
            let second = carol.incoming();
            second.reply(486);
            second.expect_request("ACK");
            call.expect(486);
        } else {
            call.expect(code);
        }
        call.ack_failure();
    }
    carol.expect_silence(MOMENT);
    bed.finish_lingering(4, 6);
}

/// Silence, a bare 100, ringing, early media: each has its own time. Who rings is not rung twice.
#[test]
fn lc_03_each_stage_of_an_attempt_has_its_own_time() {
    let keys = "failover = { trying = \"300ms\", progress = \"600ms\", answer = \"1s\" }";
    let bed = quick(|setup| setup.key("b1", keys));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let offer = sdp::offer(bed.places.rtp_a);
    for (provisional, after) in [
        (None, 300),
        (Some(100), 600),
        (Some(180), 1000),
        (Some(183), 1000),
    ] {
        let call = alice.invite(NUMBER, Some(&offer));
        let start = Instant::now();
        let first = bob.incoming();
        match provisional {
            Some(183) => first.reply_sdp(183, &sdp::offer(bed.places.rtp_b1)),
            Some(code) => first.reply(code),
            None => {}
        }
        if after == 1000 {
            call.expect(provisional.unwrap_or_default());
            let refusal = call.expect(480);
            call.ack_failure();
            assert_eq!(refusal.to_tag().map(|tag| tag.is_empty()), Some(false));
        } else {
            let second = carol.incoming();
            second.reply(486);
            second.expect_request("ACK");
        }
        let took = start.elapsed();
        assert!(
            took + ms(20) > ms(after) && took < ms(after + 350),
            "{provisional:?}: {took:?}"
        );
        if after != 1000 {
            call.expect(486);
            call.ack_failure();
        }
        if provisional.is_some() {
            first.ok("CANCEL");
            let invite = first.last_request("INVITE");
            first.reply_to(&invite, 487, &[], None);
            first.expect_request("ACK");
        }
    }
    carol.expect_silence(MOMENT);
    let records = bed.finish_lingering(4, 5);
    let outcomes: Vec<&str> = records
        .iter()
        .map(|record| record.text("attempts.0.outcome"))
        .collect();
    assert_eq!(
        outcomes,
        [
            "timeout-trying",
            "timeout-progress",
            "timeout-answer",
            "timeout-answer"
        ]
    );
}

/// Every attempt is a dialog of its own: nothing of the caller's, nothing of the attempt before.
#[test]
fn lc_06_attempts_share_no_identifier() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let first = bob.incoming();
    first.reply(503);
    let second = carol.incoming();
    second.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    let names = |message: &Message| {
        [
            text(message.call_id()),
            text(message.from_tag().unwrap_or_default()),
            text(message.top_via().branch().unwrap_or_default()),
        ]
    };
    let (one, two) = (names(&invite_of(&first)), names(&invite_of(&second)));
    for (name, other) in one.iter().zip(&two) {
        assert_ne!(name, other);
    }
    assert!(!one.contains(&call.call_id()) && !two.contains(&call.call_id()));
    assert!(!one.contains(&call.tag()) && !two.contains(&call.tag()));
    first.expect_request("ACK");
    second.expect_request("ACK");
    call.bye();
    second.ok("BYE");
    call.expect(200);
    check(&bed.finish_lingering(1, 1)[0], "normal", 200, "caller", 2);
}

/// A class that names one carrier means that carrier: when it is switched off nobody else is asked.
#[test]
fn lc_06_disabled_trunk_is_not_replaced_by_another() {
    let bed = quick(|setup| {
        setup
            .key("pbx", "class = \"first\"")
            .key("b1", "enabled = false")
            .extra("[[class]]\nname = \"first\"\ntrunks = [\"b1\"]")
    });
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let start = Instant::now();
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(503);
    assert!(start.elapsed() < ms(200));
    call.ack_failure();
    bob.expect_silence(MOMENT);
    carol.expect_silence(ms(1));
    check(&bed.finish(1)[0], "no-route", 503, "switch", 0);
}

fn challenge(leg: &Call<'_>, nonce: &str) {
    let value = format!("Digest realm=\"b1\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
    leg.reply_with(407, &[("Proxy-Authenticate", &value)], None);
}

fn authorized(request: &Message, nonce: &str) -> bool {
    header(request, HeaderId::ProxyAuthorization).contains(&format!("nonce=\"{nonce}\""))
}

/// B1 challenges the INVITE, the re-INVITE and the BYE. CSeq rises by one each time, each 407 is ACKed where it wants that, and
/// the caller sees none of it, not even when the BYE is never accepted.
#[test]
fn rg_06_challenges_are_met_on_every_request() {
    for accepts_bye in [true, false] {
        let bed = quick(|setup| setup.key("b1", "auth = { username = \"tandem\", password = \"secret\" }"));
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let mut cseqs = vec![invite_of(&leg).cseq().0];
        challenge(&leg, "n1");
        cseqs.push(leg.expect_request("ACK").cseq().0);
        let invite = leg.expect_request("INVITE");
        assert!(authorized(&invite, "n1"));
        cseqs.push(invite.cseq().0);
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        call.expect(200);
        call.ack();
        cseqs.push(leg.expect_request("ACK").cseq().0);

        call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
        cseqs.push(leg.expect_request("INVITE").cseq().0);
        challenge(&leg, "n2");
        cseqs.push(leg.expect_request("ACK").cseq().0);
        let reinvite = leg.expect_request("INVITE");
        assert!(authorized(&reinvite, "n2"));
        cseqs.push(reinvite.cseq().0);
        leg.answer(&sdp::session(bed.places.rtp_b1, 1, "recvonly"));
        call.expect(200);
        call.ack();
        cseqs.push(leg.expect_request("ACK").cseq().0);

        call.bye();
        let start = Instant::now();
        cseqs.push(leg.expect_request("BYE").cseq().0);
        challenge(&leg, "n3");
        let bye = leg.expect_request("BYE");
        assert!(authorized(&bye, "n3"));
        cseqs.push(bye.cseq().0);
        if accepts_bye {
            leg.reply(200);
        } else {
            challenge(&leg, "n4");
        }
        call.expect(200);
        assert!(start.elapsed() < ms(1000));
        assert_eq!(cseqs, [1, 1, 2, 2, 3, 3, 4, 4, 5, 6]);
        bob.expect_silence(MOMENT);
        check(&bed.finish_lingering(1, 2)[0], "normal", 200, "caller", 1);
    }
}

/// What a call's record has to say.
struct Expected {
    kind: &'static str,
    status: u64,
    by: &'static str,
    attempts: usize,
    talk: Option<Duration>,
}

/// One bed on which calls end in every way.
struct Stage<'b> {
    bed: &'b Bed,
    alice: &'b SipPeer,
    bob: &'b SipPeer,
    carol: &'b SipPeer,
}

impl<'b> Stage<'b> {
    fn invite(&self, body: &str) -> Call<'b> {
        self.alice.invite(NUMBER, Some(body))
    }

    fn dial(&self) -> (Call<'b>, Call<'b>) {
        let call = self.invite(&sdp::offer(self.bed.places.rtp_a));
        (call, self.bob.incoming())
    }

    /// An answered call that `end` ends after a while; gives how long it was up.
    fn answered(&self, end: impl FnOnce(&Call<'b>, &Call<'b>)) -> Option<Duration> {
        let talk = talk(self.bed, self.alice, self.bob);
        let start = Instant::now();
        self.alice.listen(ms(300));
        let up = start.elapsed();
        end(&talk.call, &talk.leg);
        Some(up)
    }

    /// The carrier refuses; gives nothing, because nobody talked.
    fn refused(&self, code: u16) -> Option<Duration> {
        let (call, leg) = self.dial();
        leg.reply(code);
        leg.expect_request("ACK");
        call.expect(code);
        call.ack_failure();
        None
    }

    fn cancelled(&self, first: u16) -> Option<Duration> {
        let (call, leg) = self.dial();
        leg.reply(first);
        if first > 100 {
            call.expect(first);
        }
        call.cancel();
        call.expect(200);
        call.expect(487);
        call.ack_failure();
        leg.ok("CANCEL");
        let invite = leg.last_request("INVITE");
        leg.reply_to(&invite, 487, &[], None);
        leg.expect_request("ACK");
        None
    }

    fn advanced(&self, code: u16) -> Option<Duration> {
        let (call, leg) = self.dial();
        leg.reply(503);
        let second = self.carol.incoming();
        second.reply(code);
        call.expect(code);
        call.ack_failure();
        leg.expect_request("ACK");
        second.expect_request("ACK");
        None
    }

    fn refused_here(&self, body: &str, code: u16) -> Option<Duration> {
        let call = self.invite(body);
        call.expect(code);
        call.ack_failure();
        None
    }

    fn operator(&self) {
        let calls = self.bed.get("/v1/calls").body;
        let id = calls
            .split("\"id\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let path = format!("/v1/calls/{}", id.unwrap_or_else(|| panic!("no call in {calls}")));
        assert_eq!(self.bed.ask("DELETE", &path).status, 202);
    }

    fn unanswerable(&self) -> Option<Duration> {
        let (call, leg) = self.dial();
        let answer = sdp::offer(self.bed.places.rtp_b1).replace("RTP/AVP 0 8 101", "RTP/AVP 18");
        leg.answer(&answer);
        leg.expect_request("ACK");
        leg.ok("BYE");
        call.expect(488);
        call.ack_failure();
        None
    }
}

/// One record per call, whatever ended it; what it says of time is what the caller's own clock says.
#[test]
fn cd_01_one_record_for_every_ending() {
    let bed = bed(|setup| {
        setup
            .sip("max_call_duration = \"1s\"")
            .key("b1", "failover = { answer = \"1s\" }")
    });
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let stage = Stage {
        bed: &bed,
        alice: &alice,
        bob: &bob,
        carol: &carol,
    };
    let mut expected = Vec::new();
    let mut ended = |kind, status, by, attempts, talk| {
        // Records are told apart by their millisecond.
        alice.listen(ms(2));
        expected.push(Expected {
            kind,
            status,
            by,
            attempts,
            talk,
        });
    };
    let by_caller = |call: &Call<'_>, leg: &Call<'_>| {
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    };
    let by_called = |call: &Call<'_>, leg: &Call<'_>| {
        leg.bye();
        call.ok("BYE");
        leg.expect(200);
    };
    let by_switch = |call: &Call<'_>, leg: &Call<'_>| {
        call.ok("BYE");
        leg.ok("BYE");
    };
    ended("normal", 200, "caller", 1, stage.answered(by_caller));
    ended("normal", 200, "called", 1, stage.answered(by_called));
    let operator = |call: &Call<'_>, leg: &Call<'_>| {
        stage.operator();
        by_switch(call, leg);
    };
    ended("operator", 200, "operator", 1, stage.answered(operator));
    let held = stage.answered(by_switch).map(|_| Duration::from_secs(1));
    ended("max-duration", 200, "switch", 1, held);
    for code in [404, 484, 488, 403, 603] {
        ended("refused", code.into(), "called", 1, stage.refused(code));
    }
    ended("redirected", 302, "called", 1, stage.refused(302));
    for code in [486, 600] {
        ended("busy", code.into(), "called", 1, stage.refused(code));
    }
    for first in [100, 180, 183] {
        ended("cancelled", 487, "caller", 1, stage.cancelled(first));
    }
    ended("busy", 486, "called", 2, stage.advanced(486));
    ended("no-carrier", 503, "switch", 2, stage.advanced(503));
    ended("refused", 488, "called", 1, stage.unanswerable());
    ended(
        "unusable-offer",
        488,
        "switch",
        0,
        stage.refused_here("v=nonsense", 488),
    );
    let (call, leg) = stage.dial();
    leg.reply(180);
    call.expect(180);
    call.expect(480);
    call.ack_failure();
    leg.ok("CANCEL");
    leg.reply_to(&invite_of(&leg), 487, &[], None);
    leg.expect_request("ACK");
    ended("no-answer", 480, "switch", 1, None);

    assert_eq!(bob.repeats(is("ACK")), 0);
    let records = bed.finish_lingering(expected.len(), 20);
    for (record, expected) in records.iter().zip(&expected) {
        check(
            record,
            expected.kind,
            expected.status,
            expected.by,
            expected.attempts,
        );
        assert_times(record, expected.talk);
    }
}

fn assert_times(record: &Record, talk: Option<Duration>) {
    let billed = record.number("talk_ms");
    match talk {
        None => assert!(billed == 0 && !record.has("answered_ms"), "{record:#?}"),
        Some(talk) => {
            let measured = u64::try_from(talk.as_millis()).unwrap();
            assert!(billed.abs_diff(measured) <= 100, "{billed} ms for {measured} ms");
            let lasted = record.number("ended_ms") - record.number("answered_ms");
            assert!(lasted.abs_diff(billed) <= 1, "{record:#?}");
        }
    }
    let mut before = 0;
    for n in 0..record.count("attempts") {
        let offset = record.number(&format!("attempts.{n}.offset_ms"));
        assert!(offset >= before);
        before = offset;
    }
}
