//! What the switch plays itself: ringback, music on hold. Announcements have a file of their own.

use rtp_proto::control::{Codec, Command, Side, SoundSource, Tone};
use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

/// A tone without end, and one with.
pub(super) const SOUNDS: &str = r#"
[[sound]]
name = "ring"
tone = "ringback"
country = "de"

[[sound]]
name = "sorry"
tone = "unobtainable"
times = 2
"#;

/// The bed with these keys in the caller's trunk.
pub(super) fn bed(keys: &str) -> Bed {
    Bed::changed(&[("name = \"pbx\"", keys), ("", SOUNDS)])
}

/// The tones that were played and hushed so far, in order.
pub(super) fn played(bed: &Bed) -> Vec<(Side, Option<Tone>)> {
    let log = bed.world.media.log.iter();
    log.filter_map(|(_, command)| match command {
        Command::Play { side, sound, .. } => match sound.source {
            SoundSource::Tone { tone, .. } => Some((*side, Some(tone))),
            SoundSource::Clip { .. } => None,
        },
        Command::Hush { side, .. } => Some((*side, None)),
        Command::Open { .. }
        | Command::Update { .. }
        | Command::Press { .. }
        | Command::Supervise { .. }
        | Command::Close { .. }
        | Command::Report { .. } => None,
    })
    .collect()
}

#[test]
fn a_caller_hears_ringback_until_the_called_side_speaks() {
    let mut bed = bed("ringback = \"ring\"");
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    let ringing = bed.expect(A, "180 INVITE");
    assert_eq!(
        sdp::live(ringing.sdp().expect("our own answer")).formats,
        ["0", "101"]
    );
    bed.send(B1, &b.reply(&at_b, 180, None));
    assert!(bed.expect(A, "180 INVITE").sdp().is_none(), "said once");
    assert_eq!(played(&bed), [(Side::A, Some(Tone::Ringback))]);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    assert_eq!(played(&bed), [(Side::A, Some(Tone::Ringback)), (Side::A, None)]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The caller, whose trunk has `ringback`, with these formats; the carriers with these keys.
fn ringing(keys: &str, formats: &[(u8, &'static str)]) -> (Bed, Party, Party, Sip) {
    let mut bed = Bed::changed(&[
        ("name = \"pbx\"", "ringback = \"ring\""),
        ("name = \"b1\"", keys),
        ("", SOUNDS),
    ]);
    let mut end = Bed::caller_end();
    end.codecs = formats.to_vec();
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&end.offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    (bed, a, b, at_b)
}

fn formats(sip: &Sip) -> Vec<String> {
    sdp::live(sip.sdp().unwrap()).formats
}

const USUAL: &[(u8, &str)] = &[(0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000")];

/// The answer that came with the ringback is the answer (RFC 3261 §13.2.1), whatever the called side takes then: who keeps to it is
/// understood.
#[test]
fn the_final_answer_is_the_one_that_came_with_the_ringback() {
    for (codecs, converted) in [
        (vec![(8, "PCMA/8000"), (101, "telephone-event/8000")], true),
        // Its first choice is what it will send.
        (vec![(8, "PCMA/8000"), (0, "PCMU/8000")], true),
        (vec![(0, "PCMU/8000"), (8, "PCMA/8000")], false),
        (vec![(0, "PCMU/8000"), (101, "telephone-event/8000")], false),
    ] {
        let (mut bed, mut a, b, at_b) = ringing("", USUAL);
        let told = bed.expect(A, "180 INVITE");
        assert_eq!(formats(&told), ["0", "101"]);
        let mut end = Bed::carrier_end(B1);
        end.codecs = codecs.clone();
        // Early media of the called side are no other answer either.
        let answer = end.offer("sendrecv");
        bed.send(B1, &b.reply(&at_b, 183, Some(&answer)));
        assert_eq!(bed.expect(A, "183 INVITE").sdp(), told.sdp(), "{codecs:?}");
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(ok.sdp(), told.sdp(), "{codecs:?}");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        let [leg_a, leg_b] = bed.world.media.legs();
        let spoken =
            [leg_a, leg_b].map(|leg| leg.needs.transcode.as_ref().map(|audio| audio.send.audio.codec));
        let expected = [Codec::Pcmu, Codec::Pcma].map(|codec| converted.then_some(codec));
        assert_eq!(spoken, expected, "{codecs:?}");
        // Digits of the caller are heard in any case, since it was told that it may send them.
        assert_eq!(
            leg_a.needs.digits.as_ref().unwrap().heard.to_vec(),
            [101],
            "{codecs:?}"
        );
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// Where the called side may choose what the caller could not be given, nothing of ours is said: its own telephone makes the tone.
#[test]
fn no_ringback_where_the_answer_might_not_agree() {
    let g729: &[(u8, &str)] = &[(18, "G729/8000"), (0, "PCMU/8000")];
    for (keys, offer) in [("", g729), ("transcode = \"off\"", USUAL)] {
        let (mut bed, mut a, b, at_b) = ringing(keys, offer);
        assert_eq!(bed.expect(A, "180 INVITE").sdp(), None);
        assert_eq!(played(&bed), []);
        let mut end = Bed::carrier_end(B1);
        end.codecs = offer.to_vec();
        bed.send(B1, &b.reply(&at_b, 200, Some(&end.offer("sendrecv"))));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(formats(&ok).len(), offer.len());
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// What the called side was not offered is not what its caller is answered; and the next carrier may only choose what agrees with it.
#[test]
fn ringback_is_in_a_codec_that_the_called_side_may_take() {
    let offer: &[(u8, &str)] = &[(18, "G729/8000"), (0, "PCMU/8000"), (8, "PCMA/8000")];
    let (mut bed, mut a, b, at_b) = ringing("codecs = [\"PCMA\"]", offer);
    let told = bed.expect(A, "180 INVITE");
    assert_eq!(formats(&told), ["8"]);
    bed.send(B1, &b.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    assert_eq!(formats(&at_b2), ["0", "8"], "nothing converts G.729");
    let mut b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &Bed::answer_of(B2, &b2, &at_b2));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(ok.sdp(), told.sdp());
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = b2.request("BYE");
    bed.send(B2, &bye);
    bed.serve(A, &a, "BYE", 200);
    bed.expect(B2, "200 BYE");
    bed.settle_one();
}

#[test]
fn early_media_of_the_called_side_is_not_talked_over() {
    let mut bed = bed("ringback = \"ring\"");
    let (mut a, b, at_b) = bed.dial();
    let early = Bed::answer_of(B1, &b, &at_b);
    bed.send(B1, &b.reply(&at_b, 183, early.sdp()));
    bed.expect(A, "183 INVITE");
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    assert_eq!(played(&bed), []);
    let cancel = a.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    let refusal = bed.expect(A, "487 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let cancel = bed.expect(B1, "CANCEL");
    bed.send(B1, &b.reply(&cancel, 200, None));
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    bed.settle_one();
}

/// The carrier puts the PBX on hold and sends nothing: the PBX hears music, and knows that it may.
#[test]
fn a_held_party_hears_music_until_the_other_is_back() {
    let mut bed = bed("hold_music = \"ring\"");
    let (mut a, mut b) = bed.connect();
    for (direction, offered, answered, to_b, playing) in [
        (
            "inactive",
            "sendonly",
            "recvonly",
            "inactive",
            Some(Tone::Ringback),
        ),
        ("sendrecv", "sendrecv", "sendrecv", "sendrecv", None),
        // It plays music of its own.
        ("sendonly", "sendonly", "recvonly", "recvonly", None),
    ] {
        let invite = b.invite(Some(&Bed::carrier_end(B1).offer(direction)));
        bed.send(B1, &invite);
        let at_a = bed.expect(A, "INVITE");
        assert_eq!(sdp::live(at_a.sdp().unwrap()).direction(), offered);
        let answer = Bed::caller_end().answer(at_a.sdp().unwrap(), answered);
        bed.send(A, &a.reply(&at_a, 200, Some(&answer)));
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        assert_eq!(sdp::live(ok.sdp().unwrap()).direction(), to_b);
        let ack = b.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(10);
        let last = played(&bed).last().and_then(|(_, tone)| *tone);
        assert_eq!(last, playing, "{direction}");
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Whoever hears our music and offers anew (a refresh, a move) is told that it is sent to, although the holder sends nothing.
#[test]
fn a_held_party_that_offers_is_told_of_the_music() {
    for (codec, offered, answered) in [
        ((0, "PCMU/8000"), "sendrecv", "sendonly"),
        ((0, "PCMU/8000"), "recvonly", "sendonly"),
        ((0, "PCMU/8000"), "sendonly", "inactive"),
        // Nothing of ours can be heard there.
        ((18, "G729/8000"), "sendrecv", "inactive"),
    ] {
        let mut bed = bed("hold_music = \"ring\"");
        let (mut a, mut b) = bed.connect();
        let (mut own, mut carrier) = (Bed::caller_end(), Bed::carrier_end(B1));
        (own.codecs, carrier.codecs) = (vec![codec], vec![codec]);
        let invite = b.invite(Some(&carrier.offer("inactive")));
        bed.send(B1, &invite);
        let at_a = bed.expect(A, "INVITE");
        let answer = own.answer(at_a.sdp().unwrap(), "recvonly");
        bed.send(A, &a.reply(&at_a, 200, Some(&answer)));
        bed.expect(A, "ACK");
        let ok = bed.expect(B1, "200 INVITE");
        let ack = b.ack(&ok);
        bed.send(B1, &ack);
        bed.wait(10);
        own.version += 5;
        let invite = a.invite(Some(&own.offer(offered)));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        b.refresh(&at_b);
        let answer = carrier.answer(at_b.sdp().unwrap(), "inactive");
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        assert_eq!(
            sdp::live(ok.sdp().unwrap()).direction(),
            answered,
            "{codec:?} {offered}"
        );
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        let plays = matches!(played(&bed).last(), Some((Side::A, Some(Tone::Ringback))));
        assert_eq!(plays, answered == "sendonly", "{codec:?} {offered}");
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

/// The codecs that music was played in so far, in order.
fn codecs(bed: &Bed) -> Vec<Codec> {
    let log = bed.world.media.log.iter();
    log.filter_map(|(_, command)| match command {
        Command::Play { audio, .. } => Some(audio.send.audio.codec),
        _ => None,
    })
    .collect()
}

/// A re-INVITE with this body from one side, answered by the other with that one.
fn exchange(
    bed: &mut Bed,
    from: (&str, &mut Party),
    to: (&str, &Party),
    offer: &str,
    answer: &dyn Fn(&Sip) -> String,
) {
    let invite = from.1.invite(Some(offer));
    bed.send(from.0, &invite);
    let got = bed.expect(to.0, "INVITE");
    bed.send(to.0, &to.1.reply(&got, 200, Some(&answer(&got))));
    bed.expect(to.0, "ACK");
    let ok = bed.expect(from.0, "200 INVITE");
    let ack = from.1.ack(&ok);
    bed.send(from.0, &ack);
    bed.wait(10);
}

/// The held telephone is moved to one that speaks something else: the music goes on there.
#[test]
fn music_on_hold_follows_a_change_of_codec() {
    let mut bed = bed("hold_music = \"ring\"");
    let (mut a, mut b) = bed.connect();
    let answer =
        |direction: &'static str| move |got: &Sip| Bed::caller_end().answer(got.sdp().unwrap(), direction);
    let mut held = Bed::carrier_end(B1);
    exchange(
        &mut bed,
        (B1, &mut b),
        (A, &a),
        &held.offer("inactive"),
        &answer("recvonly"),
    );
    assert_eq!(codecs(&bed), [Codec::Pcmu]);
    let mut moved = Bed::caller_end();
    moved.codecs.retain(|(pt, _)| *pt != 0);
    held.version += 1;
    let still = |got: &Sip| held.answer(got.sdp().unwrap(), "inactive");
    for (version, again) in [
        (2, &[Codec::Pcmu, Codec::Pcma][..]),
        (3, &[Codec::Pcmu, Codec::Pcma]),
    ] {
        moved.version = version;
        exchange(&mut bed, (A, &mut a), (B1, &b), &moved.offer("recvonly"), &still);
        assert_eq!(codecs(&bed), again, "anew for another codec only");
    }
    assert!(
        !played(&bed).contains(&(Side::A, None)),
        "one takes the other's place"
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// In one exchange the holder comes back and the other side goes away: the music changes sides.
#[test]
fn music_on_hold_changes_sides() {
    let mut bed = Bed::changed(&[
        ("name = \"pbx\"", "hold_music = \"ring\""),
        ("name = \"b1\"", "hold_music = \"sorry\""),
        ("", SOUNDS),
    ]);
    let (mut a, mut b) = bed.connect();
    let mut end = Bed::carrier_end(B1);
    let answer =
        |direction: &'static str| move |got: &Sip| Bed::caller_end().answer(got.sdp().unwrap(), direction);
    exchange(
        &mut bed,
        (B1, &mut b),
        (A, &a),
        &end.offer("inactive"),
        &answer("recvonly"),
    );
    end.version += 1;
    exchange(
        &mut bed,
        (B1, &mut b),
        (A, &a),
        &end.offer("sendrecv"),
        &answer("inactive"),
    );
    assert_eq!(
        played(&bed),
        [
            (Side::A, Some(Tone::Ringback)),
            (Side::A, None),
            (Side::B, Some(Tone::Unobtainable))
        ]
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// A consultation that is resumed by another device begins on hold.
#[test]
fn a_call_may_be_on_hold_from_its_first_answer() {
    let mut bed = Bed::changed(&[("name = \"b1\"", "hold_music = \"ring\""), ("", SOUNDS)]);
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("inactive")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(sdp::live(at_b.sdp().unwrap()).direction(), "sendonly");
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "recvonly");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    assert_eq!(played(&bed), [(Side::B, Some(Tone::Ringback))]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Who says that it hears nothing is not rung back to.
#[test]
fn ringback_is_for_callers_who_listen() {
    for (direction, heard) in [("inactive", 0), ("sendonly", 0), ("recvonly", 1)] {
        let mut bed = bed("ringback = \"ring\"");
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&Bed::caller_end().offer(direction)));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        bed.send(B1, &b.reply(&at_b, 180, None));
        let ringing = bed.expect(A, "180 INVITE");
        assert_eq!(ringing.sdp().is_some(), heard == 1, "{direction}");
        assert_eq!(played(&bed).len(), heard, "{direction}");
        bed.send(B1, &b.reply(&at_b, 486, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "486 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.settle_one();
    }
}
