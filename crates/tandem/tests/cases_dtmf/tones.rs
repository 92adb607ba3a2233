//! Digits as tones in the audio of one side (`dtmf = "inband"`), and as the other side writes them.

use super::convert::silence;
use super::*;
use audio::dtmf::{DigitDetector, Heard as Tone};
use audio::{Codec, Decoder, Format, Player, Program};

/// How long each digit is pressed, in milliseconds.
const PRESSED: u32 = 120;

/// The digits that somebody hears as tones in a codec of this payload type, and how long they are in milliseconds; and how much of
/// the audio is loud.
fn tones(heard: &[Heard], payload_type: u8, codec: Codec) -> (Vec<(char, u32)>, u64) {
    let mut decoder = Decoder::new(codec, 16_000).unwrap();
    let rate = codec.decode_rate(16_000);
    let mut detector = DigitDetector::new(rate, 2000);
    let (mut digits, mut loud) = (Vec::new(), 0);
    for packet in heard
        .iter()
        .filter(|heard| header(heard).payload_type == payload_type)
    {
        let mut samples = [0; 2000];
        let count = decoder.decode(&packet.packet[12..], &mut samples).unwrap();
        loud += samples[..count]
            .iter()
            .filter(|sample| sample.abs() > 2000)
            .count() as u64;
        detector.push(&samples[..count], |tone| match tone {
            Tone::Began { .. } => {}
            Tone::Ended { digit, ms, .. } => digits.push((digit.char(), ms)),
        });
    }
    (digits, loud * 1000 / u64::from(rate))
}

/// Tones are these digits, each about as long as it was pressed.
fn sound_like(heard: &[Heard], payload_type: u8, codec: Codec, digits: &str) {
    let (told, _) = tones(heard, payload_type, codec);
    let said: String = told.iter().map(|(digit, _)| digit).collect();
    assert_eq!(said, digits);
    for (digit, ms) in told {
        assert!(PRESSED.abs_diff(ms) <= 30, "{digit} for {ms} ms");
    }
}

/// Nothing of so many tones is heard but their beginnings, which nobody takes for digits.
fn nothing_sounds(heard: &[Heard], payload_type: u8, codec: Codec, pressed: u64) {
    let (told, loud) = tones(heard, payload_type, codec);
    assert_eq!(told, []);
    assert!(loud <= 30 * pressed, "{loud} ms of {pressed} tones are left");
}

/// Timestamps never go back, and at the end they have gone on as time has, within 150 ms.
fn keeps_time(heard: &[Heard], clock: u32) {
    for (before, after) in heard.iter().zip(&heard[1..]) {
        let step = header(after).timestamp.wrapping_sub(header(before).timestamp);
        assert!(step < clock, "{before:?} {after:?}");
    }
    let [first, .., last] = heard else {
        panic!("{heard:?}");
    };
    let units = header(last).timestamp.wrapping_sub(header(first).timestamp);
    let ms = u64::from(units) * 1000 / u64::from(clock);
    let really = u64::try_from(last.at.duration_since(first.at).as_millis()).unwrap();
    assert!(ms.abs_diff(really) <= 150, "{ms} ms after {really} ms");
}

impl Speaker<'_> {
    /// Silence with these digits in it, as tones.
    fn sound(&mut self, codec: Codec, digits: &str) {
        let silence = silence(codec);
        self.speech.clone_from(&silence);
        self.talk(30);
        for character in digits.chars() {
            let program = Program::Digit {
                digit: audio::dtmf::Digit::of_char(character).unwrap(),
                ms: PRESSED,
                pause_ms: 60,
            };
            let mut now = Instant::now();
            let mut player = Player::new(&Format::new(codec), program, now).unwrap();
            while !player.is_done() {
                let mut payload = vec![0; 2000];
                let frame = player.poll(now, &mut payload).unwrap();
                now += ms(FRAME);
                payload.truncate(frame.len);
                self.speech = payload;
                self.talk(1);
            }
        }
        self.speech = silence;
        self.talk(40);
    }

    /// Silence with these events in it.
    fn press_all(&mut self, events: &[u8]) {
        // Long enough for the kernel to take the stream.
        self.talk(40);
        for event in events {
            self.press(*event, 6, |_| false);
            self.talk(8);
        }
        self.talk(30);
    }
}

/// A speaker who is silent, in PCMU.
fn quiet_speaker(peer: &RtpPeer, to: SocketAddr, event: u8) -> Speaker<'_> {
    Speaker::new(peer, to, event).speaking(0, 8000, silence(Codec::Pcmu))
}

/// Events with this number, each whole and about as long as it was pressed.
fn are_events(heard: &[Heard], payload_type: u8, clock: u32, events: &[u8]) {
    let decoded = decode(heard, payload_type);
    let said: Vec<_> = decoded.iter().map(|(event, _, ends)| (*event, *ends)).collect();
    assert_eq!(said, Vec::from_iter(events.iter().map(|event| (*event, 3))));
    for (event, duration, _) in decoded {
        let ms = u32::from(duration) * 1000 / clock;
        assert!(PRESSED.abs_diff(ms) <= 30, "{event} for {ms} ms");
    }
}

/// A caller with events, and a carrier that writes tones: neither hears both, and each digit once.
fn tones_and_events_are_converted_into_each_other() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"inband\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    assert_eq!(talk.events, [None, Some(96)]);
    let heard = listen(&at_b, quiet_speaker(&at_a, talk.a_to, 96), |speaker| {
        speaker.press_all(&[1, 1, 2, 11]);
    });
    sound_like(&heard, 0, Codec::Pcmu, "112#");
    assert!(heard.iter().all(|heard| header(heard).payload_type == 0));
    is_one_stream(&heard);
    keeps_time(&heard, 8000);
    let heard = listen(&at_a, quiet_speaker(&at_b, talk.b_to, 122), |speaker| {
        speaker.sound(Codec::Pcmu, "44*0");
    });
    are_events(&heard, 96, 8000, &[4, 4, 10, 0]);
    nothing_sounds(&heard, 0, Codec::Pcmu, 4);
    is_one_stream(&heard);
    keeps_time(&heard, 8000);
    // The workers publish once a second.
    thread::sleep(ms(1200));
    assert_eq!(bed.metrics().sum("tandem_media_digits_total"), Some(8.0));
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.number("caller_media.digits"), 4);
    assert_eq!(record.number("called_media.digits"), 4);
}

/// A caller who writes INFO, and a carrier that writes tones.
fn tones_and_info_are_converted_into_each_other() {
    let bed = quick(|setup| setup.key("b1", "dtmf = \"inband\"").key("pbx", "dtmf = \"info\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, None);
    assert_eq!(talk.events, [None, None]);
    let call = &talk.call;
    let heard = thread::scope(|scope| {
        let speaker = quiet_speaker(&at_a, talk.a_to, 96);
        let talker = scope.spawn(|| listen(&at_b, speaker, |speaker| speaker.talk(100)));
        thread::sleep(ms(800));
        for (content_type, body) in [
            ("application/dtmf-relay", "Signal=9\r\nDuration=120\r\n"),
            ("application/dtmf", "9"),
            ("application/dtmf-relay", "Signal=*\r\nDuration=120\r\n"),
        ] {
            call.request_with("INFO", &[("Content-Type", content_type)], Some(body));
            call.expect(200);
        }
        talker.join().unwrap()
    });
    // One that does not say how long it was is 160 ms.
    let (told, _) = tones(&heard, 0, Codec::Pcmu);
    let [('9', first), ('9', second), ('*', third)] = told[..] else {
        panic!("{told:?}");
    };
    for (ms, said) in [(first, PRESSED), (second, 160), (third, PRESSED)] {
        assert!(said.abs_diff(ms) <= 30, "{told:?}");
    }
    is_one_stream(&heard);
    keeps_time(&heard, 8000);
    let heard = listen(&at_a, quiet_speaker(&at_b, talk.b_to, 122), |speaker| {
        speaker.sound(Codec::Pcmu, "3355");
    });
    nothing_sounds(&heard, 0, Codec::Pcmu, 4);
    keeps_time(&heard, 8000);
    for signal in ["3", "3", "5", "5"] {
        let told = text(&call.ok("INFO").body());
        let duration = told.strip_prefix(&format!("Signal={signal}\r\nDuration="));
        let duration: u32 = duration
            .unwrap_or_else(|| panic!("{told}"))
            .trim()
            .parse()
            .unwrap();
        assert!(PRESSED.abs_diff(duration) <= 30, "{told}");
    }
    alice.expect_silence(ms(300));
    talk.hang_up();
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.number("called_media.digits"), 4);
}

/// A carrier that writes tones in Opus, and a caller who speaks PCMU and writes events: both are converted.
fn tones_in_a_converted_call() {
    let bed = quick(|setup| {
        let keys = "dtmf = \"inband\"\ncodecs = [\"opus\"]";
        setup.key("b1", keys).without("b2")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let call = alice.invite(NUMBER, Some(&body(bed.places.rtp_a, Some(96))));
    let leg = bob.incoming();
    let offer = invite_of(&leg).body();
    assert_eq!(event_of(&offer), None);
    let opus: u8 = text(&offer)
        .lines()
        .find_map(|line| line.strip_prefix("a=rtpmap:")?.strip_suffix(" opus/48000/2"))
        .unwrap()
        .parse()
        .unwrap();
    let (ip, port) = (bed.places.rtp_b1.ip(), bed.places.rtp_b1.port());
    leg.answer(&format!(
        "v=0\r\no=- 3 3 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {opus}\r\n\
         a=rtpmap:{opus} opus/48000/2\r\n"
    ));
    let answer = call.expect(200).body();
    assert_eq!(event_of(&answer), Some(96));
    call.ack();
    leg.expect_request("ACK");
    let heard = listen(&at_b, quiet_speaker(&at_a, sdp::audio(&answer), 96), |speaker| {
        speaker.press_all(&[7, 7, 11]);
    });
    sound_like(&heard, opus, Codec::Opus, "77#");
    assert!(heard.iter().all(|heard| header(heard).payload_type == opus));
    is_one_stream(&heard);
    let speaker = Speaker::new(&at_b, sdp::audio(&offer), 122).speaking(opus, 48_000, silence(Codec::Opus));
    let heard = listen(&at_a, speaker, |speaker| speaker.sound(Codec::Opus, "5580"));
    are_events(&heard, 96, 8000, &[5, 5, 8, 0]);
    nothing_sounds(&heard, 0, Codec::Pcmu, 4);
    is_one_stream(&heard);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    let record = &bed.finish(1)[0];
    check(record, "normal", 200, "caller", 1);
    assert_eq!(record.number("caller_media.digits"), 3);
    assert_eq!(record.number("called_media.digits"), 4);
}

/// Where both sides write tones nothing is converted: they pass bit for bit, and nobody counts them.
fn tones_to_tones_pass_as_they_are() {
    let bed = quick(|setup| {
        setup
            .key("b1", "dtmf = \"inband\"")
            .key("pbx", "dtmf = \"inband\"")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let talk = talk(&bed, &alice, &bob, Some(96));
    assert_eq!(talk.events, [None, None]);
    let heard = listen(&at_b, quiet_speaker(&at_a, talk.a_to, 96), |speaker| {
        speaker.sound(Codec::Pcmu, "19");
    });
    sound_like(&heard, 0, Codec::Pcmu, "19");
    is_one_stream(&heard);
    assert_eq!(header(&heard[0]).sequence, 65_520, "as it was sent");
    talk.hang_up();
    assert_eq!(bed.finish(1)[0].number("caller_media.digits"), 0);
}

on_both_engines! {
    tones_and_events_are_converted_into_each_other,
    tones_and_info_are_converted_into_each_other,
    tones_in_a_converted_call,
    tones_to_tones_pass_as_they_are,
}
