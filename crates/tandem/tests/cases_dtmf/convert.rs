//! Digits on the clock of each side, where the sides speak different codecs (RFC 4733 §2.1).

use super::*;
use audio::{Codec, Encoder, Format};

/// 20 ms of silence.
pub(super) fn silence(codec: Codec) -> Vec<u8> {
    let mut encoder = Encoder::new(&Format::new(codec), codec.rate()).unwrap();
    let mut payload = vec![0; 1400];
    let samples = vec![0; codec.rate() as usize / 50];
    let length = encoder.encode(&samples, &mut payload).unwrap();
    payload.truncate(length);
    payload
}

/// What is heard is one stream, and each event lies on its line of time: after the audio before it, and the audio goes on behind it.
fn lies_between(heard: &[Heard], event: u8, clock: u32) {
    is_one_stream(heard);
    let headers: Vec<Header> = heard.iter().map(header).collect();
    for (before, first) in headers.iter().zip(&headers[1..]) {
        if first.payload_type == event && first.marker {
            let since = first.timestamp.wrapping_sub(before.timestamp);
            assert!((1..clock).contains(&since), "{since}");
        }
        if before.payload_type == event && first.payload_type != event {
            let after = first.timestamp.wrapping_sub(before.timestamp);
            assert!((clock / 10..clock).contains(&after), "{after}");
        }
    }
}

/// RFC 4733 §2.1, §2.3.5: a caller with Opus and events of 48 kHz, a carrier with PCMU and events of 8 kHz.
fn mr_13_events_are_told_on_the_clock_of_each_side() {
    let bed = quick(|setup| {
        setup
            .key("b1", "codecs = [\"PCMU\", \"telephone-event\"]")
            .without("b2")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let (ip, port) = (bed.places.rtp_a.ip(), bed.places.rtp_a.port());
    let offer = format!(
        "v=0\r\no=- 3 3 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 111 97\r\n\
         a=rtpmap:111 opus/48000/2\r\na=rtpmap:97 telephone-event/48000\r\na=fmtp:97 0-15\r\n"
    );
    let talk = talk_of(&bed, &alice, &bob, &offer);
    assert_eq!(talk.events[1], Some(97));
    assert!(talk.events[0].is_some());
    for (from, to, speaks, hears) in [
        (&at_a, &at_b, (111, 97, Codec::Opus), (0, 122, Codec::Pcmu)),
        (&at_b, &at_a, (0, 122, Codec::Pcmu), (111, 97, Codec::Opus)),
    ] {
        let at = if speaks.0 == 111 { talk.a_to } else { talk.b_to };
        let clock = speaks.2.clock();
        let speaker = Speaker::new(from, at, speaks.1).speaking(speaks.0, clock, silence(speaks.2));
        let heard = listen(to, speaker, |speaker| {
            speaker.talk(30);
            for event in [5, 1, 1, 11] {
                speaker.press(event, 10, |_| false);
                speaker.talk(3);
            }
            speaker.talk(20);
        });
        let units = u16::try_from(hears.2.clock() / 5).unwrap();
        let expected = [5, 1, 1, 11].map(|event| (event, units, 3));
        assert_eq!(decode_beside(&heard, hears.1, hears.0), expected);
        lies_between(&heard, hears.1, hears.2.clock());
    }
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    for side in ["caller", "called"] {
        assert_eq!(record.number(&format!("{side}_media.digits")), 4);
    }
}

on_both_engines! {
    mr_13_events_are_told_on_the_clock_of_each_side,
}
