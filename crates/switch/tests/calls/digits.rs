//! Digits between sides that write them in different ways: what is offered and answered, and what becomes of each digit.

use std::time::Duration;

use rtp_proto::control::{Codec, Command, Digit, Event, Said, Side};
use switch::Input;
use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, sdp};

mod early;

/// The caller's trunk writes digits so, and the carrier so.
fn bed(caller: &str, carrier: &str) -> Bed {
    let key = |mode: &str| format!("dtmf = \"{mode}\"");
    let mut bed = Bed::changed(&[("name = \"pbx\"", &key(caller)), ("name = \"b1\"", &key(carrier))]);
    bed.world.media.logs = true;
    bed
}

/// A call; what the carrier was offered, and what the caller was answered.
fn connect(bed: &mut Bed, events: bool) -> (Party, Party, [Vec<String>; 2]) {
    let mut end = Bed::caller_end();
    if !events {
        end.codecs.retain(|(_, name)| !name.starts_with("telephone"));
    }
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000"), (122, "telephone-event/8000")];
    let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let formats = |sip: &Sip| sdp::live(sip.sdp().unwrap()).formats;
    let both = [formats(&at_b), formats(&ok)];
    (a, b, both)
}

fn info(party: &mut Party, content_type: &str, body: &str) -> Sip {
    let mut info = party.request("INFO").with("Content-Type", content_type);
    info.body = body.to_owned();
    info
}

fn pressed(bed: &Bed) -> Vec<(Side, char, u128)> {
    let press = |(_, command): &(_, Command)| match command {
        Command::Press {
            side,
            digit,
            duration,
            ..
        } => Some((*side, digit.character(), duration.as_millis())),
        _ => None,
    };
    bed.world.media.log.iter().filter_map(press).collect()
}

fn hear(bed: &mut Bed, side: Side, character: char) {
    let opened = |(_, command): &(_, Command)| match command {
        Command::Open { id, .. } => Some(*id),
        _ => None,
    };
    let id = bed.world.media.log.iter().find_map(opened).unwrap();
    bed.world.tell(Input::Media(Event::Digit {
        id,
        side,
        digit: Digit::try_from(character).unwrap(),
        duration: Duration::from_millis(200),
    }));
}

/// How the media plane is to say digits to a side that writes them so.
fn way(mode: &str) -> Said {
    match mode {
        "info" => Said::Signalled,
        "inband" => Said::Tones,
        _ => Said::Events,
    }
}

/// What the media plane is told of both sides.
fn plane_knows(bed: &Bed, modes: [&str; 2], what: &str) {
    let [a, b] = modes.map(way);
    let legs = bed.world.media.legs();
    if a == b && a != Said::Events {
        assert!(legs.iter().all(|leg| leg.needs.digits.is_none()), "{what}");
        assert!(legs.iter().all(|leg| leg.needs.in_band.is_none()), "{what}");
        return;
    }
    for (leg, way) in legs.iter().zip([a, b]) {
        let digits = leg.needs.digits.clone().unwrap();
        let events = (way == Said::Events).then_some((101, 8000));
        assert_eq!((digits.said, digits.events), (way, events), "{what}");
        assert_eq!(digits.heard.contains(&101), events.is_some(), "{what}");
        let spoken = leg.needs.in_band.as_ref().map(|audio| audio.send);
        let codec = spoken.map(|format| (format.payload_type, format.audio.codec));
        assert_eq!(codec, (way == Said::Tones).then_some((0, Codec::Pcmu)), "{what}");
    }
}

/// All sixteen: what is offered and answered; a digit of each side reaches the other once, as that takes it.
#[test]
fn every_way_to_write_digits_meets_every_other() {
    let modes = ["auto", "rfc4733", "info", "inband"];
    for (caller, carrier) in modes.into_iter().flat_map(|a| modes.map(|b| (a, b))) {
        let what = format!("{caller} to {carrier}");
        let mut bed = bed(caller, carrier);
        let (mut a, mut b, [offered, answered]) = connect(&mut bed, true);
        let takes = |mode: &str| way(mode) == Said::Events;
        assert_eq!(offered.contains(&"101".to_owned()), takes(carrier), "{what}");
        assert_eq!(answered.contains(&"101".to_owned()), takes(caller), "{what}");
        plane_knows(&bed, [caller, carrier], &what);
        for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
            let (at, at_other) = if from == Side::A { (A, B1) } else { (B1, A) };
            let (party, other) = match from {
                Side::A => (&mut a, &mut b),
                Side::B => (&mut b, &mut a),
            };
            let [mode, other_mode] = match from {
                Side::A => [caller, carrier],
                Side::B => [carrier, caller],
            }
            .map(way);
            if mode == Said::Signalled {
                let sent = info(party, "application/dtmf-relay", "Signal=10\r\nDuration=120\r\n");
                bed.send(at, &sent);
                if other_mode == Said::Signalled {
                    let relayed = bed.serve(at_other, other, "INFO", 200);
                    assert_eq!(relayed.body, sent.body, "as it is");
                    bed.expect(at, "200 INFO");
                    assert_eq!(pressed(&bed), [], "{what}");
                } else {
                    bed.expect(at, "200 INFO");
                    bed.quiet(at_other, 1000);
                    assert_eq!(pressed(&bed), [(to, '*', 120)], "{what}");
                }
            } else {
                hear(&mut bed, from, '5');
                if other_mode == Said::Signalled {
                    let told = bed.serve(at_other, other, "INFO", 200);
                    assert_eq!(told.body, "Signal=5\r\nDuration=200\r\n");
                    assert_eq!(told.get("Content-Type"), Some("application/dtmf-relay"));
                } else {
                    bed.quiet(at_other, 1000);
                }
                assert!(pressed(&bed).iter().all(|(side, ..)| *side != to), "{what}");
            }
        }
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// A carrier whose digits are tones, in a codec that we can't speak, is told by INFO.
#[test]
fn tones_need_a_codec_that_we_speak() {
    let mut bed = bed("auto", "inband");
    let mut end = Bed::caller_end();
    end.codecs = vec![(18, "G729/8000"), (101, "telephone-event/8000")];
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(18, "G729/8000")];
    let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.needs.in_band.is_none())
    );
    hear(&mut bed, Side::A, '5');
    bed.serve(B1, &b, "INFO", 200);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A carrier without events, left to itself, hears the tones of the caller as they are: nothing is converted, and INFO crosses.
#[test]
fn without_events_on_the_other_side_tones_stay_tones() {
    let mut bed = bed("inband", "auto");
    let mut end = Bed::caller_end();
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000")];
    let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.needs.digits.is_none())
    );
    let sent = info(&mut b, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
    bed.send(B1, &sent);
    bed.serve(A, &a, "INFO", 200);
    bed.expect(B1, "200 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// MR-13: events on a clock that no codec of the answer has are not answered (RFC 4733 §2.1).
#[test]
fn mr_13_events_of_another_clock_than_the_codec_are_not_answered() {
    let mut bed = bed("auto", "auto");
    let mut end = Bed::caller_end();
    end.codecs = vec![
        (111, "opus/48000/2"),
        (0, "PCMU/8000"),
        (97, "telephone-event/48000"),
    ];
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000"), (97, "telephone-event/48000")];
    let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
    assert!(answer.contains("telephone-event/48000"));
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["0"]);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A carrier with events gets them offered although the caller, who writes INFO, has none.
#[test]
fn events_are_offered_on_behalf_of_a_caller_who_writes_info() {
    let mut bed = bed("info", "auto");
    let (mut a, b, [offered, answered]) = connect(&mut bed, false);
    assert_eq!((offered.len(), answered.as_slice()), (3, &["0".to_owned()][..]));
    let sent = info(&mut a, "application/dtmf", "#");
    bed.send(A, &sent);
    bed.expect(A, "200 INFO");
    bed.wait(10);
    assert_eq!(pressed(&bed), [(Side::B, '#', 160)]);
    for (content_type, body, status) in [
        ("application/dtmf-relay", "Signal=\r\n", 400),
        ("application/dtmf", "E", 400),
    ] {
        let garbled = info(&mut a, content_type, body);
        bed.send(A, &garbled);
        bed.expect(A, &format!("{status} INFO"));
    }
    let other = info(&mut a, "application/media_control+xml", "<media_control/>");
    bed.send(A, &other);
    bed.serve(B1, &b, "INFO", 200);
    bed.expect(A, "200 INFO");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Events that we have added, and that the carrier answers under a number of its own: it sends them with ours, or with its own.
#[test]
fn added_events_are_heard_under_the_offered_number_as_well() {
    let mut bed = bed("info", "auto");
    let mut end = Bed::caller_end();
    end.codecs.retain(|(_, name)| !name.starts_with("telephone"));
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let offered = sdp::live(at_b.sdp().unwrap());
    assert_eq!(offered.codec(96).as_deref(), Some("telephone-event/8000"));
    let b = bed.callee(B1, &at_b);
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000"), (101, "telephone-event/8000")];
    bed.send(B1, &b.reply(&at_b, 200, Some(&end.offer("sendrecv"))));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let digits = bed.world.media.legs()[1].needs.digits.clone().unwrap();
    assert_eq!(digits.events, Some((101, 8_000)));
    assert_eq!(digits.heard.to_vec(), [96, 101]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Events are added on the clocks of what the carrier may choose, not of what its trunk leaves out (RFC 4733 §2.1).
#[test]
fn events_are_added_on_the_clocks_of_the_codecs_that_are_left() {
    for (codecs, expected) in [
        ("[\"PCMU\"]", vec!["PCMU/8000", "telephone-event/8000"]),
        ("[\"opus\"]", vec!["opus/48000/2", "telephone-event/48000"]),
    ] {
        let mut bed = Bed::changed(&[
            ("name = \"pbx\"", "dtmf = \"info\""),
            ("name = \"b1\"", &format!("codecs = {codecs}")),
        ]);
        let mut end = Bed::caller_end();
        end.codecs = vec![(111, "opus/48000/2"), (0, "PCMU/8000")];
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&end.offer("sendrecv")));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let offered = sdp::live(at_b.sdp().unwrap());
        let named: Vec<_> = offered.formats().map(|pt| offered.codec(pt).unwrap()).collect();
        assert_eq!(named, expected);
    }
}

/// INFOs could overtake each other: each waits for the answer to the one before.
#[test]
fn digits_are_told_one_after_the_other() {
    let mut bed = bed("auto", "info");
    let (mut a, b, _) = connect(&mut bed, true);
    for character in "112#".chars() {
        hear(&mut bed, Side::A, character);
    }
    for signal in ["1", "1", "2", "#"] {
        bed.wait(100);
        let told = bed.serve(B1, &b, "INFO", if signal == "2" { 415 } else { 200 });
        assert_eq!(told.body, format!("Signal={signal}\r\nDuration=200\r\n"));
        assert!(bed.drain(B1).is_empty(), "the next waits");
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Whoever has events, or whose tones are heard, and sends INFO all the same has his reasons, and may do both: it is not ours to
/// double a digit.
#[test]
fn an_info_beside_events_or_tones_crosses_as_it_is() {
    for (caller, carrier) in [("auto", "auto"), ("auto", "inband"), ("inband", "auto")] {
        let mut bed = bed(caller, carrier);
        let (mut a, b, _) = connect(&mut bed, true);
        let sent = info(&mut a, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
        bed.send(A, &sent);
        bed.serve(B1, &b, "INFO", 200);
        bed.expect(A, "200 INFO");
        assert_eq!(pressed(&bed), [], "{caller} to {carrier}");
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}
