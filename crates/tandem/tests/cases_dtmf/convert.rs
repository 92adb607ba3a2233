//! Digits that are converted in the audio: other clocks, and tones.

use super::*;
use audio::dtmf::{DigitDetector, Heard as Tone};
use audio::{Codec, Decoder, Encoder, Format, Player, Program};

/// 20 ms of silence.
fn silence(codec: Codec) -> Vec<u8> {
    let mut encoder = Encoder::new(&Format::new(codec), codec.rate()).unwrap();
    let mut payload = vec![0; 1400];
    let samples = vec![0; codec.rate() as usize / 50];
    let length = encoder.encode(&samples, &mut payload).unwrap();
    payload.truncate(length);
    payload
}

/// The event lies between the packet before it and the one behind it, on one line of time in one stream.
fn lies_between(heard: &[Heard], event: u8, clock: u32) {
    let headers: Vec<Header> = heard
        .iter()
        .map(|heard| Header::parse(&heard.packet).unwrap())
        .collect();
    let is_event = |header: &Header| header.payload_type == event;
    let first = headers.iter().position(is_event).unwrap();
    let last = headers.iter().rposition(is_event).unwrap();
    let since = headers[first]
        .timestamp
        .wrapping_sub(headers[first - 1].timestamp);
    assert!((1..clock).contains(&since), "{since}");
    let after = headers[last + 1].timestamp.wrapping_sub(headers[first].timestamp);
    assert!((clock / 10..clock).contains(&after), "{after}");
    assert!(headers.windows(2).all(|pair| {
        pair[0].ssrc == pair[1].ssrc && pair[1].sequence == pair[0].sequence.wrapping_add(1)
    }));
}

/// RFC 4733 §2.1, §2.3.5: a caller with Opus and events of 48 kHz, a carrier with PCMU and events of 8 kHz.
#[test]
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
        let heard = thread::scope(|scope| {
            let listener = scope.spawn(|| to.collect(1000, ms(500)));
            let clock = speaks.2.clock();
            let mut speaker = Speaker::new(from, at, speaks.1).speaking(speaks.0, clock, silence(speaks.2));
            speaker.talk(30);
            speaker.press(5, 10, |_| false);
            speaker.talk(20);
            listener.join().unwrap()
        });
        let units = u16::try_from(hears.2.clock() / 5).unwrap();
        assert_eq!(decode_beside(&heard, hears.1, hears.0), [(5, units, 3)]);
        lies_between(&heard, hears.1, hears.2.clock());
    }
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    for side in ["caller", "called"] {
        assert_eq!(record.number(&format!("{side}_media.digits")), 1);
    }
}

/// The digits that somebody hears as tones in PCMU.
fn tones(heard: &[Heard]) -> String {
    let mut decoder = Decoder::new(Codec::Pcmu, 8000).unwrap();
    let mut detector = DigitDetector::new(8000, 320);
    let mut digits = String::new();
    for Heard { packet, .. } in heard {
        if Header::parse(packet).unwrap().payload_type == 0 {
            let mut samples = [0; 320];
            let count = decoder.decode(&packet[12..], &mut samples).unwrap();
            detector.push(&samples[..count], |tone| match tone {
                Tone::Began { digit, .. } => digits.push(digit.char()),
                Tone::Ended { .. } => {}
            });
        }
    }
    digits
}

/// Silence with these digits in it, as tones.
fn sound(speaker: &mut Speaker<'_>, digits: &str) {
    speaker.speech = silence(Codec::Pcmu);
    speaker.talk(30);
    for character in digits.chars() {
        let program = Program::Digit {
            digit: audio::dtmf::Digit::of_char(character).unwrap(),
            ms: 120,
            pause_ms: 60,
        };
        let mut now = Instant::now();
        let mut player = Player::new(&Format::new(Codec::Pcmu), program, now, 0).unwrap();
        while !player.is_done() {
            let mut payload = vec![0; 160];
            assert!(player.poll(now, &mut payload).is_some());
            now += ms(FRAME);
            speaker.speech = payload;
            speaker.talk(1);
        }
    }
    speaker.speech = silence(Codec::Pcmu);
    speaker.talk(40);
}

/// Events of the caller reach a carrier that writes tones as tones, and its tones the caller as events: neither hears both.
fn tones_and_events_are_converted_into_each_other() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"inband\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    assert_eq!(talk.events, [None, Some(96)]);
    let heard = thread::scope(|scope| {
        let listener = scope.spawn(|| at_b.collect(1000, ms(500)));
        let mut speaker = Speaker::new(&at_a, talk.a_to, 96);
        speaker.speech = silence(Codec::Pcmu);
        // Long enough for the kernel to take the stream.
        speaker.talk(40);
        for event in [1, 1, 11] {
            speaker.press(event, 6, |_| false);
            speaker.talk(8);
        }
        speaker.talk(30);
        listener.join().unwrap()
    });
    assert_eq!(tones(&heard), "11#");
    assert!(decode(&heard, 96).is_empty());
    let sequences: Vec<u16> = heard
        .iter()
        .map(|heard| Header::parse(&heard.packet).unwrap().sequence)
        .collect();
    assert!(
        sequences
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "{sequences:?}"
    );
    let heard = thread::scope(|scope| {
        let listener = scope.spawn(|| at_a.collect(1000, ms(500)));
        let mut speaker = Speaker::new(&at_b, talk.b_to, 122);
        sound(&mut speaker, "4*");
        listener.join().unwrap()
    });
    let digits: Vec<_> = decode(&heard, 96)
        .into_iter()
        .map(|(event, _, ends)| (event, ends))
        .collect();
    assert_eq!(digits, [(4, 3), (10, 3)]);
    assert_eq!(tones(&heard), "");
    // The workers publish once a second.
    thread::sleep(ms(1200));
    assert_eq!(bed.metrics().sum("tandem_media_digits_total"), Some(5.0));
    talk.hang_up();
    let record = &bed.finish(1)[0];
    assert_eq!(record.number("caller_media.digits"), 3);
    assert_eq!(record.number("called_media.digits"), 2);
}

/// A caller who writes INFO, and a carrier that writes tones.
fn tones_and_info_are_converted_into_each_other() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"inband\"").key("pbx", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, None);
    assert_eq!(talk.events, [None, None]);
    let to = talk.a_to;
    let heard = thread::scope(|scope| {
        let listener = scope.spawn(|| at_b.collect(1000, ms(500)));
        let talker = scope.spawn(|| {
            let mut speaker = Speaker::new(&at_a, to, 96);
            speaker.speech = silence(Codec::Pcmu);
            speaker.talk(90);
        });
        thread::sleep(ms(800));
        talk.call
            .request_with("INFO", &[INFO], Some("Signal=9\r\nDuration=160\r\n"));
        talk.call.expect(200);
        talker.join().unwrap();
        listener.join().unwrap()
    });
    assert_eq!(tones(&heard), "9");
    let heard = thread::scope(|scope| {
        let listener = scope.spawn(|| at_a.collect(1000, ms(500)));
        let mut speaker = Speaker::new(&at_b, talk.b_to, 122);
        sound(&mut speaker, "35");
        listener.join().unwrap()
    });
    assert_eq!(tones(&heard), "");
    for signal in ["3", "5"] {
        let told = talk.call.ok("INFO");
        assert!(text(&told.body()).starts_with(&format!("Signal={signal}\r\n")));
    }
    talk.hang_up();
    assert_eq!(bed.finish(1)[0].number("called_media.digits"), 2);
}

on_both_engines! {
    tones_and_events_are_converted_into_each_other,
    tones_and_info_are_converted_into_each_other,
}
