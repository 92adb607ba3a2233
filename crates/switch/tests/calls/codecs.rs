//! Which codecs are offered to whom, and calls whose two sides speak different ones (RFC 3264 §6.1).

use rtp_proto::control::Codec;
use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, sdp};

/// The carrier takes what is written here.
fn bed(codecs: &str, transcode: &str) -> Bed {
    let keys = format!("codecs = {codecs}\ntranscode = \"{transcode}\"");
    Bed::changed(&[("name = \"b1\"", &keys), ("name = \"b2\"", &keys)])
}

fn offer(formats: &[(u8, &'static str)]) -> String {
    let mut end = Bed::caller_end();
    end.codecs = formats.to_vec();
    end.offer("sendrecv")
}

fn dial(bed: &mut Bed, formats: &[(u8, &'static str)]) -> Party {
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&offer(formats)));
    bed.send(A, &invite);
    a
}

fn formats(sip: &Sip) -> Vec<String> {
    sdp::live(sip.sdp().unwrap()).formats
}

const OPUS: &[(u8, &str)] = &[(96, "telephone-event/48000"), (111, "opus/48000/2")];

/// MR-14: what is shared is all that is offered.
#[test]
fn mr_14_a_policy_leaves_what_it_names_in_its_order() {
    for transcode in ["auto", "off"] {
        let mut bed = bed("[\"PCMA\", \"PCMU\"]", transcode);
        dial(
            &mut bed,
            &[
                (18, "G729/8000"),
                (0, "PCMU/8000"),
                (8, "PCMA/8000"),
                (101, "telephone-event/8000"),
            ],
        );
        assert_eq!(formats(&bed.expect(B1, "INVITE")), ["8", "0", "101"]);
    }
}

/// MR-14: nothing is left, and nothing can be made of it.
#[test]
fn mr_14_a_codec_that_cannot_be_converted_is_refused_with_488() {
    for (formats, transcode) in [
        (&[(18, "G729/8000")][..], "auto"),
        (OPUS, "off"),
        (&[(9, "G722/8000")], "off"),
    ] {
        let mut bed = bed("[\"PCMA\", \"PCMU\"]", transcode);
        dial(&mut bed, formats);
        bed.expect(A, "488 INVITE");
    }
}

/// MR-13: each side is spoken to in its own codec, and its events are on its own clock.
#[test]
fn mr_13_a_call_from_opus_to_g711_is_converted() {
    let mut bed = bed("[\"PCMU\", \"PCMA\", \"telephone-event\"]", "auto");
    let mut a = dial(&mut bed, OPUS);
    let at_b = bed.expect(B1, "INVITE");
    let offered = sdp::live(at_b.sdp().unwrap());
    let named: Vec<_> = offered.formats().map(|pt| offered.codec(pt).unwrap()).collect();
    assert_eq!(named, ["PCMU/8000", "PCMA/8000", "telephone-event/8000"]);
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(formats(&ok), ["111", "96"]);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let legs = bed.world.media.legs();
    let spoken = legs.each_ref().map(|leg| leg.needs.transcode.as_ref().unwrap());
    assert_eq!(spoken[0].send.audio.codec, Codec::Opus);
    assert_eq!(
        (spoken[0].send.payload_type, spoken[0].events),
        (111, Some((96, 48_000)))
    );
    assert_eq!(spoken[1].send.audio.codec, Codec::Pcmu);
    let event = offered.formats().last().unwrap();
    assert_eq!(spoken[1].events, Some((event, 8_000)));
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(record.caller_media.codec.as_deref(), Some("opus/48000"));
    assert_eq!(record.called_media.codec.as_deref(), Some("PCMU/8000"));
}

/// `"offer"`: what the caller does not have is offered behind what it has, and is converted only if it is chosen.
#[test]
fn more_can_be_offered_than_the_caller_has() {
    for (choice, converted) in [(0, false), (8, true)] {
        let mut bed = bed("[\"PCMU\", \"PCMA\"]", "offer");
        let mut a = dial(&mut bed, &[(0, "PCMU/8000")]);
        let at_b = bed.expect(B1, "INVITE");
        assert_eq!(formats(&at_b), ["0", "8"]);
        let b = bed.callee(B1, &at_b);
        let mut end = Bed::carrier_end(B1);
        end.codecs.retain(|(pt, _)| *pt == choice);
        let answer = end.answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(formats(&ok), ["0"]);
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        let needs = bed
            .world
            .media
            .legs()
            .each_ref()
            .map(|leg| leg.needs.transcode.is_some());
        assert_eq!(needs, [converted, converted]);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// The side that is converted for offers its own codec anew (a hold, say): the other still hears its own.
#[test]
fn a_new_offer_of_a_converted_call_is_converted_too() {
    let mut bed = bed("[\"PCMU\"]", "auto");
    let mut a = dial(&mut bed, OPUS);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let mut end = Bed::carrier_end(B1);
    end.codecs = vec![(0, "PCMU/8000")];
    let invite = b.invite(Some(&end.offer("sendonly")));
    bed.send(B1, &invite);
    let at_a = bed.expect(A, "INVITE");
    let offered = sdp::live(at_a.sdp().unwrap());
    let named: Vec<_> = offered.formats().map(|pt| offered.codec(pt).unwrap()).collect();
    assert!(named.contains(&"opus/48000/2".to_owned()), "{named:?}");
    let mut own = Bed::caller_end();
    own.codecs = vec![(0, "opus/48000/2")];
    let answer = own.answer(at_a.sdp().unwrap(), "recvonly");
    bed.send(A, &a.reply(&at_a, 200, Some(&answer)));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    assert_eq!(formats(&ok), ["0"]);
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(10);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.needs.transcode.is_some())
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The carrier answers what we added under numbers of its own, and sends it with ours (RFC 3264 §5.1): both are heard.
#[test]
fn a_carrier_that_renumbers_what_we_have_added_is_heard() {
    for (formats, lines, accepted, events) in [
        (
            "107 101",
            "107 opus/48000/2,101 telephone-event/48000",
            vec![96, 107],
            vec![97, 101],
        ),
        (
            "96 97",
            "96 opus/48000/2,97 telephone-event/48000",
            vec![96],
            vec![97],
        ),
        // Crossed: what it sends has our numbers.
        (
            "97 96",
            "97 opus/48000/2,96 telephone-event/48000",
            vec![96],
            vec![97],
        ),
    ] {
        let mut bed = bed("[\"opus\", \"telephone-event\"]", "auto");
        let mut a = dial(&mut bed, &[(0, "PCMU/8000"), (100, "telephone-event/8000")]);
        let at_b = bed.expect(B1, "INVITE");
        let offered = sdp::live(at_b.sdp().unwrap());
        assert_eq!(offered.codec(96).as_deref(), Some("opus/48000/2"));
        assert_eq!(offered.codec(97).as_deref(), Some("telephone-event/48000"));
        let b = bed.callee(B1, &at_b);
        let mut end = Bed::carrier_end(B1);
        end.codecs = Vec::new();
        let maps = lines.split(',').map(|line| format!("a=rtpmap:{line}\r\n"));
        let answer = end
            .offer("sendrecv")
            .replace("RTP/AVP ", &format!("RTP/AVP {formats}"));
        let answer = answer + &maps.collect::<String>();
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        let needs = bed.world.media.legs()[1].needs.clone();
        let audio = needs.transcode.unwrap();
        let numbers = audio.accepts.iter().map(|format| format.payload_type);
        assert_eq!(numbers.collect::<Vec<_>>(), accepted, "{formats}");
        assert!(
            audio
                .accepts
                .iter()
                .all(|format| format.audio.codec == Codec::Opus)
        );
        let own: Vec<u8> = formats.split(' ').map(|pt| pt.parse().unwrap()).collect();
        assert_eq!(
            (audio.send.payload_type, audio.events),
            (own[0], Some((own[1], 48_000)))
        );
        assert_eq!(needs.digits.unwrap().heard.to_vec(), events, "{formats}");
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// An answer that is ours alone (the call is converted, or it comes with ringback) says nothing of what the caller sends itself: its
/// SSRC (RFC 5576), its streams, its header extensions, its feedback.
#[test]
fn an_answer_of_ours_is_no_echo() {
    for ringback in [false, true] {
        let mut bed = Bed::changed(&[
            (
                "name = \"pbx\"",
                if ringback { "ringback = \"ring\"" } else { "" },
            ),
            ("name = \"b1\"", "codecs = [\"PCMU\"]"),
            ("", "[[sound]]\nname = \"ring\"\ntone = \"ringback\"\n"),
        ]);
        let body = offer(OPUS).replace("t=0 0\r\n", "t=0 0\r\na=msid-semantic: WMS stream\r\n")
            + "a=ssrc:1234 msid:stream track\r\na=msid:stream track\r\na=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
               a=rtcp-fb:111 transport-cc\r\na=ptime:20\r\n";
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&body));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        bed.send(B1, &b.reply(&at_b, 180, None));
        let ringing = bed.expect(A, "180 INVITE");
        assert_eq!(ringing.sdp().is_some(), ringback);
        let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        for told in [&ringing, &ok].into_iter().filter_map(|sip| sip.sdp()) {
            for echo in ["msid", "ssrc", "extmap", "rtcp-fb"] {
                assert!(!told.contains(echo), "{echo} in {told}");
            }
            assert!(told.contains("a=rtpmap:111 opus/48000/2\r\n") && told.contains("a=ptime:20\r\n"));
        }
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}
