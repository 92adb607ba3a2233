//! T.38 in mid-call (SM-17).

use rtp_proto::control::StreamKind;
use testkit::bed::{A, B1, Bed};
use testkit::{Sip, sdp};

const T38: &str = "m=image 30020 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

fn body(ip: &str, version: u32, media: &str) -> String {
    format!("v=0\r\no=peer 4711 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{media}")
}

fn fax_lines(sip: &Sip) -> (sdp::Stream, bool) {
    let stream = sdp::live(sip.sdp().unwrap());
    let kept = stream
        .lines
        .iter()
        .any(|line| line == "a=T38FaxRateManagement:transferredTCF");
    (stream, kept)
}

/// SM-17 a.
#[test]
fn a_change_to_fax_is_relayed_and_back() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let invite = b.invite(Some(&body("127.0.0.20", 2, T38)));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    let (stream, kept) = fax_lines(&got);
    assert_eq!(
        (
            stream.kind.as_str(),
            stream.proto.as_str(),
            stream.formats.as_slice()
        ),
        ("image", "udptl", &["t38".to_owned()][..])
    );
    assert!(kept, "{}", got.write());
    let answer = body("127.0.0.10", 2, &T38.replace("30020", "20020"));
    bed.send(A, &a.reply(&got, 200, Some(&answer)));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let (stream, kept) = fax_lines(&ok);
    assert_eq!((stream.kind.as_str(), stream.proto.as_str()), ("image", "udptl"));
    assert!(kept);
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    let legs = bed.world.media.legs();
    assert!(legs.iter().all(|leg| leg.kind == StreamKind::Udptl));
    assert_eq!(legs[1].remote.unwrap().rtp.to_string(), "127.0.0.20:30020");
    assert_eq!(legs[0].remote.unwrap().rtp.to_string(), "127.0.0.10:20020");
    // And back to audio.
    let audio = "m=audio 30000 RTP/AVP 8\r\n";
    let invite = b.invite(Some(&body("127.0.0.20", 3, audio)));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    bed.send(
        A,
        &a.reply(
            &got,
            200,
            Some(&body("127.0.0.10", 3, "m=audio 20000 RTP/AVP 8\r\n")),
        ),
    );
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).kind, "audio");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.kind == StreamKind::Rtp)
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-17 b.
#[test]
fn a_change_to_fax_that_is_refused_leaves_the_audio_and_the_next_offer_is_answered() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let legs = bed.world.media.legs().clone();
    let invite = b.invite(Some(&body("127.0.0.20", 2, T38)));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    bed.send(A, &a.reply(&got, 488, None));
    bed.expect(A, "ACK");
    let refusal = bed.expect(B1, "488 INVITE");
    let ack = b.ack(&refusal);
    bed.send(B1, &ack);
    bed.wait(20);
    assert_eq!(*bed.world.media.legs(), legs);
    let invite = b.invite(Some(&body("127.0.0.20", 3, "m=audio 30000 RTP/AVP 8\r\n")));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    bed.send(
        A,
        &a.reply(
            &got,
            200,
            Some(&body("127.0.0.10", 2, "m=audio 20000 RTP/AVP 8\r\n")),
        ),
    );
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8"]);
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The same as a second stream, the audio refused (as many gateways write it).
#[test]
fn fax_as_a_second_stream_is_relayed() {
    let mut bed = Bed::new();
    let (mut a, mut b) = bed.connect();
    let invite = b.invite(Some(&body(
        "127.0.0.20",
        2,
        &format!("m=audio 0 RTP/AVP 0\r\n{T38}"),
    )));
    bed.send(B1, &invite);
    let got = bed.expect(A, "INVITE");
    let streams = sdp::media(got.sdp().unwrap());
    let live: Vec<&str> = streams
        .iter()
        .filter(|s| s.port != 0)
        .map(|s| s.kind.as_str())
        .collect();
    assert_eq!(live, ["image"], "{}", got.write());
    let lines: String = streams
        .iter()
        .map(|s| {
            if s.port == 0 {
                format!("m={} 0 {} {}\r\n", s.kind, s.proto, s.formats.join(" "))
            } else {
                T38.replace("30020", "20020")
            }
        })
        .collect();
    bed.send(A, &a.reply(&got, 200, Some(&body("127.0.0.10", 2, &lines))));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let kinds: Vec<(String, bool)> = sdp::media(ok.sdp().unwrap())
        .into_iter()
        .map(|s| (s.kind, s.port != 0))
        .collect();
    assert_eq!(kinds, [("audio".to_owned(), false), ("image".to_owned(), true)]);
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    assert!(
        bed.world
            .media
            .legs()
            .iter()
            .all(|leg| leg.kind == StreamKind::Udptl)
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
