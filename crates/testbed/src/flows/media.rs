//! Flows in which media is sent and compared.

use super::scripts::talk;
use super::{Script, bed, check};
use crate::audio;
use crate::rtp::{End, Header, RtpPeer, Stream, converse};
use crate::sdp;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(super) const SCRIPTS: &[Script] = &[
    ("audio_is_relayed_unaltered", audio_is_relayed_unaltered),
    ("sipp_audio_arrives_unaltered", sipp_audio_arrives_unaltered),
    ("silence_ends_the_call", silence_ends_the_call),
    ("held_call_outlives_silence", held_call_outlives_silence),
    ("strangers_rtp_is_not_relayed", strangers_rtp_is_not_relayed),
];

/// SIPp signals, our peers talk two seconds of G.711 both ways over the sequence number's wrap: every packet arrives once,
/// in order, byte for byte, from the address that the SDP named; and the record counts them.
fn audio_is_relayed_unaltered(binary: &Path) {
    const PACKETS: usize = 100;
    let bed = bed(binary, |setup| setup);
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let uas = bed.run(&bed.uas_b1("uas_basic"));
    let uac = bed.run(&bed.uac("uac_basic").hold(Duration::from_millis(4000)));
    let a = End {
        peer: &at_a,
        to: uac.media(),
        stream: Stream::speech(0xa11ce),
    };
    let b = End {
        peer: &at_b,
        to: uas.media(),
        stream: Stream::speech(0xb0b),
    };
    for comparison in converse(&a, &b, PACKETS) {
        comparison.assert_clean();
    }
    uac.wait().assert_all(1);
    uas.wait().assert_all(1);
    let records = bed.finish(1);
    check(&records[0], 200, "caller", 1);
    for side in ["caller_media", "called_media"] {
        let field = |name: &str| records[0].number(&format!("{side}.{name}"));
        assert_eq!(
            (field("packets"), field("lost"), field("dropped")),
            (PACKETS as u64, 0, 0),
            "{records:#?}"
        );
        assert_eq!(records[0].text(&format!("{side}.codec")), "PCMU/8000");
    }
}

/// SIPp itself plays the committed file (`rtp_stream`); what arrives at the carrier is that file.
fn sipp_audio_arrives_unaltered(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let at_b = RtpPeer::bind(bed.places.rtp_b1);
    let uas = bed.run(&bed.uas_b1("uas_basic"));
    let uac = bed.run(&bed.uac("uac_rtp").hold(Duration::from_millis(2500)));
    let heard = at_b.collect(100, Duration::from_secs(2));
    assert!(heard.len() >= 100, "{} packets", heard.len());
    let frames: BTreeMap<u32, &[u8]> = heard
        .iter()
        .filter_map(|heard| Some((Header::parse(&heard.packet)?.timestamp, heard.packet.get(12..)?)))
        .collect();
    let played: Vec<u8> = frames.values().copied().flatten().copied().collect();
    let speech = audio::speech();
    assert!(
        played.len() >= 100 * audio::FRAME && speech.starts_with(&played),
        "the audio differs"
    );
    uac.wait().assert_all(1);
    uas.wait().assert_all(1);
    check(&bed.finish(1)[0], 200, "caller", 1);
}

/// `media.rtp_timeout`: a call in which both sides have gone silent is ended on both.
fn silence_ends_the_call(binary: &Path) {
    let bed = bed(binary, |setup| setup.media("rtp_timeout = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = talk(&bed, &alice, &bob);
    call.ok("BYE");
    leg.ok("BYE");
    let records = bed.finish(1);
    check(&records[0], 200, "switch", 1);
    assert_eq!(records[0].text("cause.kind"), "rtp-timeout");
}

/// A held call is silent by agreement; only `media.hold_timeout` may end it.
fn held_call_outlives_silence(binary: &Path) {
    let bed = bed(binary, |setup| {
        setup.media("rtp_timeout = \"1s\"").media("hold_timeout = \"1m\"")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = talk(&bed, &alice, &bob);
    call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "inactive")));
    let offer = leg.expect_request("INVITE");
    assert_eq!(sdp::direction(&offer.body()), "inactive");
    leg.answer(&sdp::session(bed.places.rtp_b1, 1, "inactive"));
    let answer = call.expect(200);
    assert_eq!(sdp::direction(&answer.body()), "inactive");
    call.ack();
    leg.expect_request("ACK");
    alice.expect_silence(Duration::from_millis(2500));
    bob.expect_silence(Duration::from_millis(1));
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], 200, "caller", 1);
}

/// Packets from an address that nobody signalled are dropped and counted, before, during and after the talk.
fn strangers_rtp_is_not_relayed(binary: &Path) {
    let bed = bed(binary, |setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let for_b = sdp::audio(&leg.invite.clone().expect("a called party has the INVITE").body());
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let for_a = sdp::audio(&call.expect(200).body());
    call.ack();
    leg.expect_request("ACK");
    let [at_a, at_b, mallory] = [bed.places.rtp_a, bed.places.rtp_b1, bed.places.rtp_x].map(RtpPeer::bind);
    let evil = Stream::mark(0xee);
    for n in 0..5 {
        mallory.send(for_a, &evil.packet(n));
        mallory.send(for_b, &evil.packet(n));
    }
    let a = End {
        peer: &at_a,
        to: for_a,
        stream: Stream::mark(0xa1),
    };
    let b = End {
        peer: &at_b,
        to: for_b,
        stream: Stream::mark(0xb2),
    };
    for comparison in converse(&a, &b, 20) {
        comparison.assert_clean();
    }
    assert!(
        mallory.collect(1, Duration::from_millis(100)).is_empty(),
        "a stranger got media"
    );
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    let records = bed.finish(1);
    check(&records[0], 200, "caller", 1);
    assert_eq!(
        records[0].number("caller_media.dropped") + records[0].number("called_media.dropped"),
        10
    );
}
