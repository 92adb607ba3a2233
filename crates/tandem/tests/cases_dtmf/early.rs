//! Digits before the answer, and across it.

use super::*;

/// A call in early media: B has answered 183 with events under 122, if it was offered any.
fn early<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer, event_of_a: Option<u8>) -> (Talk<'p>, String) {
    let call = alice.invite(NUMBER, Some(&body(bed.places.rtp_a, event_of_a)));
    let leg = bob.incoming();
    let offer = invite_of(&leg).body();
    let offered = event_of(&offer);
    let of_b = body(bed.places.rtp_b1, offered.map(|_| 122));
    leg.reply_sdp(183, &of_b);
    let answer = call.expect(183).body();
    let talk = Talk {
        call,
        leg,
        a_to: sdp::audio(&answer),
        b_to: sdp::audio(&offer),
        events: [offered, event_of(&answer)],
    };
    (talk, of_b)
}

impl Talk<'_> {
    /// B takes the call.
    fn answer(&self, of_b: &str) {
        self.leg.answer(of_b);
        self.call.expect(200);
        self.call.ack();
        self.leg.expect_request("ACK");
    }

    /// A presses a key by INFO.
    fn info(&self, signal: char) {
        let body = format!("Signal={signal}\r\nDuration=120\r\n");
        self.call.request_with("INFO", &[INFO], Some(&body));
        self.call.expect(200);
    }
}

/// A digit that is pressed while the call is answered is one; so are those in early media, and one in a stream that the carrier
/// begins after the answer.
fn mr_12_digits_across_the_answer() {
    for other_source in [false, true] {
        let bed = quick(|setup| setup);
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
        let (talk, of_b) = early(&bed, &alice, &bob, Some(96));
        let says = |speaker: &mut Speaker<'_>| {
            speaker.talk(10);
            for (n, event) in [1, 1, 2, 11].into_iter().enumerate() {
                if n == 3 && other_source {
                    speaker.header.ssrc ^= 0xffff;
                    (speaker.header.sequence, speaker.header.timestamp) = (7, 70_000);
                }
                speaker.press(event, 10, |_| false);
                speaker.talk(3);
            }
            speaker.talk(20);
        };
        let heard = thread::scope(|scope| {
            let speaker = Speaker::new(&at_b, talk.b_to, 122);
            let listener = scope.spawn(|| listen(&at_a, speaker, says));
            // In the middle of the third.
            thread::sleep(ms(FRAME * (10 + 15 + 15 + 6)));
            talk.answer(&of_b);
            listener.join().unwrap()
        });
        assert_eq!(
            decode(&heard, 96),
            [(1, 1600, 3), (1, 1600, 3), (2, 1600, 3), (11, 1600, 3)]
        );
        talk.hang_up();
        let record = &bed.finish(1)[0];
        check(record, "normal", 200, "caller", 1);
        assert_eq!(record.number("called_media.digits"), 4);
    }
}

/// An announcement before the answer asks for digits; a caller who writes INFO gives them, and the carrier has events.
fn info_before_the_answer_becomes_events() {
    let bed = quick(|setup| setup.key("pbx", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let (talk, of_b) = early(&bed, &alice, &bob, None);
    assert!(talk.events[0].is_some() && talk.events[1].is_none());
    let heard = thread::scope(|scope| {
        let speaker = Speaker::new(&at_a, talk.a_to, 96);
        let listener = scope.spawn(|| listen(&at_b, speaker, |speaker| speaker.talk(120)));
        thread::sleep(ms(400));
        talk.info('1');
        talk.info('1');
        thread::sleep(ms(600));
        talk.answer(&of_b);
        talk.info('#');
        listener.join().unwrap()
    });
    assert_eq!(decode(&heard, 122), [(1, 960, 3), (1, 960, 3), (11, 960, 3)]);
    is_one_stream(&heard);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The same between two who write INFO: it crosses within the early dialogs.
fn info_before_the_answer_crosses() {
    let bed = quick(|setup| setup.key("pbx", "dtmf = \"info\"").key("b1", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (talk, of_b) = early(&bed, &alice, &bob, None);
    let crosses = |signal: char| {
        let body = format!("Signal={signal}\r\nDuration=120\r\n");
        talk.call.request_with("INFO", &[INFO], Some(&body));
        assert_eq!(text(&talk.leg.ok("INFO").body()), body);
        talk.call.expect(200);
    };
    crosses('1');
    crosses('1');
    talk.answer(&of_b);
    crosses('2');
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// Events before the answer are told a carrier that writes INFO.
fn events_before_the_answer_become_info() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let at_a = RtpPeer::bind(bed.places.rtp_a);
    let (talk, of_b) = early(&bed, &alice, &bob, Some(96));
    assert_eq!(talk.events, [None, Some(96)]);
    let mut speaker = Speaker::new(&at_a, talk.a_to, 96);
    let mut press = |event: u8| {
        speaker.due = Instant::now();
        speaker.talk(3);
        speaker.press(event, 6, |_| false);
        let told = talk.leg.ok("INFO");
        assert_eq!(text(&told.body()), format!("Signal={event}\r\nDuration=120\r\n"));
    };
    press(4);
    press(4);
    talk.answer(&of_b);
    press(2);
    bob.expect_silence(ms(300));
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.number("caller_media.digits"), 3);
}

/// Before the answer, a caller who hangs up after an INFO leaves nothing behind.
#[test]
fn a_caller_who_gives_up_after_an_info_leaves_nothing() {
    let bed = quick(|setup| setup.key("pbx", "dtmf = \"info\"").key("b1", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (talk, _) = early(&bed, &alice, &bob, None);
    talk.call.request_with("INFO", &[INFO], Some("Signal=1\r\n"));
    talk.leg.ok("INFO");
    talk.call.expect(200);
    talk.call.cancel();
    talk.call.expect(200);
    talk.call.expect(487);
    talk.call.ack_failure();
    talk.leg.ok("CANCEL");
    let invite = talk.leg.last_request("INVITE");
    talk.leg.reply_to(&invite, 487, &[], None);
    talk.leg.expect_request("ACK");
    check(&bed.finish_lingering(1, 1)[0], "cancelled", 487, "caller", 1);
}

on_both_engines! {
    mr_12_digits_across_the_answer,
    info_before_the_answer_becomes_events,
    info_before_the_answer_crosses,
    events_before_the_answer_become_info,
}
