//! Our SRTP beside that of others: libsrtp, packet by packet and through the daemon in every suite, and baresip in calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use rtp_proto::srtp::{Keys, MAX_OVERHEAD, MasterKey, Mki, Receiver, Sender, Suite};
use std::net::SocketAddr;
use std::thread;
use support::secure::{self, HEARS, HalfSecured, SENDS, Secured, bytes, exchange, packets};
use support::speech::{assert_speech, pcmu, speak};
use support::{NUMBER, answered, check, invite_of, ms, quick, text};
use testbed::baresip::Baresip;
use testbed::rtp::RtpPeer;
use testbed::sdp;
use testbed::srtp::{Libsrtp, Line, SUITES};

fn keys(line: &Line, mki: &[u8]) -> Keys {
    let suite = Suite::ALL.into_iter().find(|suite| suite.name() == line.suite);
    let suite = suite.expect("a suite of ours");
    let key = MasterKey::new(suite, &line.material, Mki::new(mki).ok(), None).unwrap();
    Keys::new(suite, vec![key]).unwrap()
}

fn sealed(sender: &mut Sender, packet: &[u8], rtcp: bool) -> Vec<u8> {
    let mut buffer = [packet, &[0; MAX_OVERHEAD]].concat();
    let length = if rtcp {
        sender.protect_rtcp(&mut buffer, packet.len())
    } else {
        sender.protect_rtp(&mut buffer, packet.len())
    };
    buffer.truncate(length.unwrap());
    buffer
}

fn opened(receiver: &mut Receiver, packet: &[u8], rtcp: bool) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    let length = if rtcp {
        receiver.unprotect_rtcp(&mut buffer)
    } else {
        receiver.unprotect_rtp(&mut buffer)
    };
    buffer.truncate(length.unwrap());
    buffer
}

/// All that libsrtp has right. It derives the keys of AES-192 with AES-256 (its issue 763, put right in 2025); ours are those
/// of RFC 6188 §7.4.
fn suites() -> impl Iterator<Item = (&'static str, usize, usize)> {
    SUITES
        .into_iter()
        .filter(|(name, ..)| !name.starts_with("AES_192"))
}

/// Every suite, with and without MKI: the same bytes as libsrtp's, over a wrap, with CSRCs and extensions, and each opens what
/// the other sealed.
#[test]
fn our_packets_are_libsrtps_byte_for_byte() {
    let mut libsrtp = Libsrtp::start();
    for (suite, _, _) in suites() {
        for mki in [&[][..], &[7], &[1, 2, 3, 4]] {
            let line = Line::new(1, suite, 5);
            libsrtp.sender_with_mki(SENDS, &line, mki);
            libsrtp.receiver(HEARS, &line);
            let (mut sender, mut receiver) = (Sender::new(keys(&line, mki)), Receiver::new(keys(&line, mki)));
            let mut plain = packets(1, 65_500, 60, 0xa1);
            plain.extend(packets(2, 5, 5, 0xa2));
            plain.extend(packets(1, 24, 5, 0xa3));
            for (n, packet) in plain.iter_mut().enumerate() {
                match n % 4 {
                    1 => {
                        packet[0] = 0x92;
                        packet.splice(12..12, [[7; 8], [0xbe, 0xde, 0, 1, 0x10, 9, 0, 0]].concat());
                    }
                    2 => packet.truncate(12 + n),
                    _ => {}
                }
                let theirs = libsrtp.rtp(SENDS, packet).unwrap();
                assert_eq!(theirs, sealed(&mut sender, packet, false), "{suite} {mki:?} {n}");
                assert_eq!(
                    opened(&mut receiver, &theirs, false),
                    *packet,
                    "{suite} {mki:?} {n}"
                );
                if mki.is_empty() {
                    assert_eq!(libsrtp.rtp(HEARS, &theirs).as_ref(), Ok(&*packet));
                }
            }
            let report = [&[0x80, 200, 0, 6, 0, 0, 0, 0xb][..], &[7; 20]].concat();
            for n in 0..3 {
                // The first index is ours to choose (RFC 3711 §3.4): libsrtp begins with 1, we with 0.
                let ours = sealed(&mut sender, &report, true);
                let theirs = libsrtp.rtcp(SENDS, &report).unwrap();
                assert_eq!(ours.len(), theirs.len(), "{suite} {mki:?} {n}");
                assert_eq!(opened(&mut receiver, &theirs, true), report, "{suite} {mki:?}");
                if mki.is_empty() {
                    assert_eq!(libsrtp.rtcp(HEARS, &ours).as_ref(), Ok(&report), "{suite} {n}");
                }
            }
        }
    }
}

/// Every suite through the daemon: RTP and RTCP, both ways.
#[test]
fn every_suite_with_libsrtp_through_the_daemon() {
    let all: Vec<String> = suites().map(|(name, ..)| format!("\"{name}\"")).collect();
    let bed = quick(|setup| {
        setup
            .key("pbx", "srtp = \"required\"")
            .key("pbx", &format!("srtp_suites = [{}]", all.join(", ")))
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let next = |at: SocketAddr| SocketAddr::new(at.ip(), at.port() + 1);
    for (suite, _, overhead) in suites() {
        let own = Line::new(1, suite, 3);
        let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&own));
        assert_eq!(up.ours.suite, suite);
        let mut a = Secured::new(bed.places.rtp_a, &own, &up.ours);
        let b = RtpPeer::bind(bed.places.rtp_b1);
        let (from_a, from_b) = (packets(0xa, 65_520, 40, 0xa1), packets(0xb, 65_520, 40, 0xb2));
        let sealed = a.seal(&from_a);
        let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
        assert!(bytes(&at_b) == from_a, "{suite}: {} of 40 at B1", at_b.len());
        assert_eq!(at_a[0].packet.len(), from_b[0].len() + overhead, "{suite}");
        assert!(a.open(&at_a) == from_b, "{suite}");
        let [rtcp_a, rtcp_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(|at| RtpPeer::bind(next(at)));
        let report = [&[0x80, 200, 0, 6, 0, 0, 0, 0xa][..], &[7; 20]].concat();
        rtcp_a.send(next(up.a_to), &a.libsrtp.rtcp(SENDS, &report).unwrap());
        assert_eq!(rtcp_b.collect(1, ms(500))[0].packet, report, "{suite}");
        rtcp_b.send(next(up.b_to), &report);
        let heard = rtcp_a.collect(1, ms(500));
        assert_eq!(a.libsrtp.rtcp(HEARS, &heard[0].packet), Ok(report), "{suite}");
        up.hang_up();
        thread::sleep(ms(50));
    }
    let _ = bed.finish(suites().count());
}

/// baresip is the carrier: it answers keys under RTP/SAVP, and under RTP/AVP.
#[test]
fn baresip_is_called_with_srtp() {
    for (policy, encryption, proto) in [
        ("required", "srtp-mand", "RTP/SAVP"),
        ("optional", "srtp", "RTP/AVP"),
    ] {
        let bed = quick(|setup| setup.key("b1", &format!("srtp = \"{policy}\"")));
        let mut baresip = Baresip::start(bed.dir(), bed.places.b1, NUMBER, encryption, None);
        let alice = bed.peer_a();
        let a = RtpPeer::bind(bed.places.rtp_a);
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let answer = answered(&call);
        assert_eq!(secure::profile(&answer), "RTP/AVP");
        call.ack();
        let heard = speak(&a, sdp::audio(&answer));
        assert_speech(&heard, 8000, "A");
        let log = baresip.log();
        assert!(log.contains("SRTP is Enabled"), "{proto}: {log}");
        call.bye();
        call.expect(200);
        baresip.quit();
        assert_speech(&pcmu(&baresip.heard()), 8000, "baresip");
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// baresip is the caller: with keys it may do without, with keys it insists on, and with feedback.
#[test]
fn baresip_calls_with_srtp() {
    for (encryption, proto) in [
        ("srtp", "RTP/AVP"),
        ("srtp-mand", "RTP/SAVP"),
        ("srtp-mandf", "RTP/SAVPF"),
    ] {
        let bed = quick(|setup| setup.key("pbx", "srtp = \"required\""));
        let bob = bed.peer_b1();
        let number = format!("sip:{NUMBER}@{}", bed.places.sut);
        let mut baresip = Baresip::start(bed.dir(), bed.places.a, "baresip", encryption, Some(&number));
        let leg = bob.incoming();
        let told = invite_of(&leg).body();
        let plain = if proto == "RTP/SAVPF" {
            "RTP/AVPF"
        } else {
            "RTP/AVP"
        };
        assert_eq!(secure::profile(&told), plain, "{}", text(&told));
        let b = RtpPeer::bind(bed.places.rtp_b1);
        leg.answer(&sdp::offer(bed.places.rtp_b1).replace("RTP/AVP", plain));
        leg.expect_request("ACK");
        let heard = speak(&b, sdp::audio(&told));
        assert_speech(&heard, 8000, "B1");
        let log = baresip.log();
        assert!(log.contains("SRTP is Enabled"), "{proto}: {log}");
        thread::scope(|scope| {
            scope.spawn(|| baresip.quit());
            leg.ok("BYE");
        });
        assert_speech(&pcmu(&baresip.heard()), 8000, "baresip");
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}
