//! Calls whose sides speak different codecs, and sounds of the switch's own, through the daemon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use audio::Codec;
use support::voice::{Voice, assert_whole, purity};
use support::{NUMBER, check, invite_of, ms, quick, text};
use testbed::rtp::RtpPeer;
use testbed::sdp;

const FRAME: Duration = Duration::from_millis(20);
/// Frames of a conversation: the first of them fill the jitter buffer.
const FRAMES: usize = 60;

fn body(at: SocketAddr, line: &str, lines: &str) -> String {
    let ip = at.ip();
    format!(
        "v=0\r\no=- 3 3 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {line}\r\n{lines}",
        at.port()
    )
}

#[test]
fn each_side_hears_the_other_in_its_own_codec() {
    let opus = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n";
    for (codec, payload_type, line, lines, offered) in [
        (Codec::Opus, 111, "111", opus, "PCMU"),
        (Codec::G722, 9, "9", "", "PCMU"),
        (Codec::Pcma, 8, "8", "", "PCMU"),
    ] {
        let bed = quick(|setup| {
            setup
                .key("b1", &format!("codecs = [\"{offered}\"]"))
                .without("b2")
        });
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
        let call = alice.invite(NUMBER, Some(&body(a, line, lines)));
        let leg = bob.incoming();
        let offer = invite_of(&leg).body();
        assert!(text(&offer).contains("RTP/AVP 0\r\n"), "{}", text(&offer));
        leg.answer(&body(b, "0", ""));
        let answer = call.expect(200).body();
        assert!(
            text(&answer).contains(&format!("RTP/AVP {line}")),
            "{}",
            text(&answer)
        );
        call.ack();
        leg.expect_request("ACK");
        let (b_to, a_to) = (sdp::audio(&offer), sdp::audio(&answer));
        let [at_a, at_b] = [a, b].map(RtpPeer::bind);
        let (heard_a, heard_b) = thread::scope(|scope| {
            let a = scope.spawn(|| at_a.collect(FRAMES, ms(1500)));
            let b = scope.spawn(|| at_b.collect(FRAMES, ms(1500)));
            let start = Instant::now();
            let mut says_a = Voice::new(codec, payload_type, 700.0);
            let mut says_b = Voice::new(Codec::Pcmu, 0, 1100.0);
            for n in 0..FRAMES + 20 {
                thread::sleep((start + FRAME * n as u32).saturating_duration_since(Instant::now()));
                at_a.send(a_to, &says_a.packet(n));
                at_b.send(b_to, &says_b.packet(n));
            }
            (a.join().unwrap(), b.join().unwrap())
        });
        let packets =
            |heard: Vec<testbed::rtp::Heard>| heard.into_iter().map(|h| h.packet).collect::<Vec<_>>();
        let (heard_a, heard_b) = (packets(heard_a), packets(heard_b));
        assert!(
            heard_a.len() >= FRAMES - 5 && heard_b.len() >= FRAMES - 5,
            "{codec:?}"
        );
        assert_whole(&heard_a);
        assert_whole(&heard_b);
        for (codec, payload_type, heard, hertz) in [
            (Codec::Pcmu, 0, &heard_b, 700.0),
            (codec, payload_type, &heard_a, 1100.0),
        ] {
            let purity = purity(codec, payload_type, heard, hertz);
            assert!(
                purity > 0.95,
                "{codec:?}: {purity:.3} of what is heard is the tone"
            );
        }
        call.bye();
        leg.ok("BYE");
        call.expect(200);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// The called side rings without a sound, and then refuses: the caller hears the ringing tone, then the announcement, as one stream.
#[test]
fn a_caller_hears_ringback_and_then_why_the_call_failed() {
    let bed = quick(|setup| {
        setup
            .key("pbx", "ringback = \"ring\"")
            .key("pbx", "announcements = [{ on = [404], sound = \"sorry\" }]")
            .extra("[[sound]]\nname = \"ring\"\ntone = \"ringback\"\n\n[[sound]]\nname = \"sorry\"\ntone = \"unobtainable\"\ntimes = 1\n")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let at_a = RtpPeer::bind(bed.places.rtp_a);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    assert!(!call.expect(180).body().is_empty());
    let ringing = at_a.collect(50, ms(1000));
    assert_eq!(ringing.len(), 50);
    leg.reply(404);
    leg.expect_request("ACK");
    call.expect(183);
    let mut heard: Vec<_> = ringing.into_iter().map(|h| h.packet).collect();
    heard.extend(at_a.collect(60, ms(1000)).into_iter().map(|h| h.packet));
    assert_whole(&heard);
    // 440 Hz and 480 Hz make the one, 950 Hz and more the other.
    let ringback = purity(Codec::Pcmu, 0, &heard[20..45], 440.0);
    assert!(ringback > 0.3, "{ringback:.3}");
    call.expect(404);
    call.ack_failure();
    let record = &bed.finish_lingering(1, 1)[0];
    check(record, "refused", 404, "called", 1);
}

/// A carrier's call to a number that nobody here has: it is taken nowhere, and hears so. What it says meanwhile goes nowhere either.
#[test]
fn a_caller_hears_that_there_is_no_route() {
    let bed = quick(|setup| {
        setup
            .key("b1", "announcements = [{ on = [404], sound = \"sorry\" }]")
            .extra("[[sound]]\nname = \"sorry\"\ntone = \"unobtainable\"\ntimes = 1\n")
    });
    let bob = bed.peer_b1();
    let at_b = RtpPeer::bind(bed.places.rtp_b1);
    let call = bob.invite("+49301234", Some(&sdp::offer(bed.places.rtp_b1)));
    let progress = call.expect(183);
    let to = sdp::audio(&progress.body());
    let mut says = Voice::new(Codec::Pcmu, 0, 700.0);
    for n in 0..10 {
        at_b.send(to, &says.packet(n));
    }
    let heard: Vec<_> = at_b.collect(40, ms(1000)).into_iter().map(|h| h.packet).collect();
    assert_eq!(heard.len(), 40);
    assert_whole(&heard);
    assert!(purity(Codec::Pcmu, 0, &heard[2..18], 985.2) > 0.9);
    call.expect(404);
    call.ack_failure();
    let record = &bed.finish_lingering(1, 0)[0];
    check(record, "no-route", 404, "switch", 0);
    assert_eq!(record.number("caller_media.packets"), 10);
    assert_eq!(record.number("caller_media.dropped"), 10);
}
