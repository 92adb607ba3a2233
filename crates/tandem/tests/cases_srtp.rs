//! SRTP. The secured side of each call is libsrtp.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::thread;
use support::secure::{self, HEARS, HalfSecured, SENDS, Secured, bytes, exchange, packets, profile};
use support::{NUMBER, check, invite_of, ms, quick};
use testbed::bulk::ends;
use testbed::rtp::{Header, RtpPeer, Stream};
use testbed::srtp::{Libsrtp, Line, lines};
use testbed::{Bed, sdp};

const CM80: &str = "AES_CM_128_HMAC_SHA1_80";
const CM32: &str = "AES_CM_128_HMAC_SHA1_32";

/// The caller's trunk takes SRTP when it is offered.
fn bed() -> Bed {
    quick(|setup| setup.key("pbx", "srtp = \"optional\""))
}

/// RFC 3711 §3.3.1, appendix A: the sequence number wraps on both sides, and every packet is decrypted and encrypted.
#[test]
fn sr_01_the_sequence_number_wraps_both_ways() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let own = Line::new(1, CM80, 1);
    let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&own));
    let mut a = Secured::new(bed.places.rtp_a, &own, &up.ours);
    let b = RtpPeer::bind(bed.places.rtp_b1);
    let (from_a, from_b) = (packets(0xa, 65_400, 400, 0xa1), packets(0xb, 65_400, 400, 0xb2));
    let sealed = a.seal(&from_a);
    let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
    assert!(bytes(&at_b) == from_a, "{} of 400 at B1", at_b.len());
    assert!(a.open(&at_a) == from_b, "{} of 400 at A", at_a.len());
    up.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// A stream that is the switch's own (here: converted) begins below 2^15, so that a receiver which loses its first packets still
/// guesses the rollover counter right (RFC 3711 §3.3.1).
#[test]
fn sr_03_our_own_streams_begin_below_half_the_numbers() {
    const AT_ONCE: usize = 25;
    let bed = quick(|setup| {
        setup
            .key("pbx", "srtp = \"required\"")
            .key("b1", "codecs = [\"PCMU\"]")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut libsrtp = Libsrtp::start();
    let mut first = Vec::new();
    for _ in 0..200 / AT_ONCE {
        let mut calls = Vec::new();
        for (n, (at_a, at_b)) in ends(&bed, AT_ONCE).into_iter().enumerate() {
            let [a, b] = [at_a, at_b].map(RtpPeer::bind);
            let offer = secure::body(at_a, 0, "RTP/SAVP", &[Line::new(1, CM80, 1)]);
            let call = alice.invite(NUMBER, Some(&offer.replace("RTP/SAVP 0 8 101", "RTP/SAVP 9")));
            let leg = bob.incoming();
            let b_to = sdp::audio(&invite_of(&leg).body());
            leg.answer(&sdp::offer(at_b).replace("RTP/AVP 0 8 101", "RTP/AVP 0"));
            libsrtp.receiver(n as u8, &secure::only_line(&call.expect(200).body()));
            call.ack();
            leg.expect_request("ACK");
            calls.push((call, leg, a, b, b_to));
        }
        let stream = Stream::mark(0xb2);
        for n in 0..10 {
            for (_, _, _, b, b_to) in &calls {
                b.send(*b_to, &stream.packet(n));
            }
            thread::sleep(ms(20));
        }
        for (n, (call, leg, a, _, _)) in calls.iter().enumerate() {
            let heard = a.collect(1, ms(1000));
            let opened = libsrtp.rtp(n as u8, &heard[0].packet).unwrap();
            let header = Header::parse(&opened).unwrap();
            assert_eq!(header.payload_type, 9, "G.722");
            first.push(header.sequence);
            call.bye();
            leg.ok("BYE");
            call.expect(200);
        }
    }
    assert!(first.iter().all(|sequence| *sequence < 0x8000), "{first:?}");
    first.sort_unstable();
    first.dedup();
    assert!(first.len() > 150, "and can't be guessed: {first:?}");
    let _ = bed.finish(200);
}

/// RFC 3711 §3.2.1, §3.2.3: each SSRC has its own rollover counter, a new one begins at 0, and one that comes back goes on.
#[test]
fn sr_04_a_source_that_changes_after_a_wrap_and_comes_back() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let own = Line::new(1, CM80, 1);
    let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&own));
    let mut a = Secured::new(bed.places.rtp_a, &own, &up.ours);
    let b = RtpPeer::bind(bed.places.rtp_b1);
    let spans = |byte: u8| -> Vec<Vec<u8>> {
        [(1, 65_500, 100), (2, 5, 50), (1, 64, 100), (2, 55, 50)]
            .into_iter()
            .flat_map(|(ssrc, first, count)| packets(ssrc, first, count, byte))
            .collect()
    };
    let (from_a, from_b) = (spans(0xa1), spans(0xb2));
    let sealed = a.seal(&from_a);
    let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
    assert!(bytes(&at_b) == from_a, "{} of 300 at B1", at_b.len());
    // libsrtp begins a new SSRC with 0: that all of it opens says that ours does.
    assert!(a.open(&at_a) == from_b, "{} of 300 at A", at_a.len());
    up.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// What A does in mid-call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    SameKey,
    NewKeyCounterReset,
    NewKeyCounterKept,
}

/// RFC 4568 §7.1.4, RFC 3711 §3.3.1: a re-INVITE with the same key changes nothing; with a new one the peer's rollover counter
/// may go on or begin again. Our own key stays. What still comes under the old key goes nowhere.
#[test]
fn sr_05_a_reinvite_with_the_same_or_a_new_key() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let renewals = [
        Renewal::SameKey,
        Renewal::NewKeyCounterReset,
        Renewal::NewKeyCounterKept,
    ];
    for renewal in renewals {
        let first = Line::new(1, CM80, 1);
        let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&first));
        let mut a = Secured::new(bed.places.rtp_a, &first, &up.ours);
        let b = RtpPeer::bind(bed.places.rtp_b1);
        let (from_a, from_b) = (packets(0xa, 65_500, 100, 0xa1), packets(0xb, 65_500, 100, 0xb2));
        let sealed = a.seal(&from_a);
        let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
        assert!(
            bytes(&at_b) == from_a && a.open(&at_a) == from_b,
            "before: {renewal:?}"
        );

        // 20 packets under the old key that will be late, beside others that are not.
        let late = a.seal(&packets(0xa, 64, 20, 0xee));
        let next = match renewal {
            Renewal::SameKey => first.clone(),
            Renewal::NewKeyCounterReset | Renewal::NewKeyCounterKept => Line::new(1, CM80, 2),
        };
        let again = up.reinvite(&bed, 1, std::slice::from_ref(&next));
        assert_eq!(again, up.ours, "our key stays: {renewal:?}");
        if renewal != Renewal::SameKey {
            a.libsrtp.sender(SENDS, &next);
        }
        if renewal == Renewal::NewKeyCounterKept {
            a.libsrtp.rtp(SENDS, &packets(0xa, 50, 1, 0)[0]).unwrap();
            a.libsrtp.set_roc(SENDS, 0xa, 1);
        }
        let (from_a, from_b) = (packets(0xa, 100, 100, 0xa3), packets(0xb, 64, 100, 0xb4));
        let mut sealed = a.seal(&from_a);
        if renewal != Renewal::SameKey {
            for (n, packet) in late.into_iter().enumerate() {
                sealed.insert(3 * n, packet);
            }
        }
        let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
        let heard = bytes(&at_b);
        assert!(
            heard.iter().all(|packet| from_a.contains(packet)),
            "noise at B1: {renewal:?}"
        );
        let least = if renewal == Renewal::SameKey { 100 } else { 95 };
        assert!(heard.len() >= least, "{} of 100: {renewal:?}", heard.len());
        assert!(a.open(&at_a) == from_b, "{} of 100 at A: {renewal:?}", at_a.len());
        up.hang_up();
        thread::sleep(ms(50));
    }
    let records = bed.finish(3);
    for record in records {
        check(&record, "normal", 200, "caller", 1);
    }
}

/// One offer of SR-07: its lines, the tag that has to be answered, the MKI that the caller's packets carry.
struct Offer {
    lines: Vec<Line>,
    tag: u32,
    mki: &'static [u8],
}

fn with(tag: u32, suite: &str, rest: &str) -> Line {
    let mut line = Line::new(tag, suite, tag as u8);
    line.rest = rest.to_owned();
    line
}

fn offers() -> Vec<Offer> {
    let offer = |lines: Vec<Line>, tag| Offer { lines, tag, mki: &[] };
    let mut many: Vec<Line> = (1..=12)
        .map(|tag| match tag {
            7 => with(7, CM32, ""),
            n if n % 3 == 0 => with(n, "AES_256_CM_HMAC_SHA1_80", ""),
            n if n % 3 == 1 => with(n, "AES_192_CM_HMAC_SHA1_80", ""),
            n => with(n, "AEAD_AES_256_GCM", ""),
        })
        .collect();
    // Only one of them has a key that its suite can use.
    for line in many.iter_mut().filter(|line| line.tag != 7) {
        line.material.truncate(20);
    }
    vec![
        offer(vec![with(1, CM80, "|2^31")], 1),
        offer(vec![with(1, CM80, "|1048576")], 1),
        Offer {
            lines: vec![with(1, CM80, "|2^31|1:1")],
            tag: 1,
            mki: &[1],
        },
        Offer {
            lines: vec![with(3, CM80, "|1066:4")],
            tag: 3,
            mki: &[0, 0, 4, 42],
        },
        offer(
            vec![with(1, CM80, "|2^48 UNENCRYPTED_SRTCP"), with(2, CM80, "")],
            2,
        ),
        offer(many, 7),
        offer(vec![with(9, CM32, " WSH=128 -odd=1")], 9),
    ]
}

/// RFC 4568 §6.1, §6.3, §5.1.2: lifetime, MKI and session parameters are read; only the line that can't be used is passed over;
/// the answer has its tag and suite, and a key of our own.
#[test]
fn sr_07_lifetimes_mki_session_parameters_and_many_suites() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offers = offers();
    let count = offers.len();
    for Offer { lines, tag, mki } in offers {
        let up = HalfSecured::begin(&bed, &alice, &bob, &lines);
        let own = lines.iter().find(|line| line.tag == tag).unwrap();
        assert_eq!((up.ours.tag, &up.ours.suite), (tag, &own.suite));
        assert_ne!(up.ours.material, own.material, "our own key");
        assert_eq!(
            up.ours.rest.is_empty(),
            !own.rest.contains("2^31") && !own.rest.contains("1048576")
        );
        let mut a = Secured::new(bed.places.rtp_a, own, &up.ours);
        if !mki.is_empty() {
            a.libsrtp.sender_with_mki(SENDS, own, mki);
        }
        let b = RtpPeer::bind(bed.places.rtp_b1);
        let (from_a, from_b) = (packets(0xa, 100, 25, 0xa1), packets(0xb, 100, 25, 0xb2));
        let sealed = a.seal(&from_a);
        let [at_a, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &from_b));
        assert!(bytes(&at_b) == from_a && a.open(&at_a) == from_b, "{lines:?}");
        up.hang_up();
        thread::sleep(ms(50));
    }
    // No usable line.
    let unusable = [
        vec![with(1, CM80, " UNENCRYPTED_SRTP")],
        vec![with(1, CM80, " UNAUTHENTICATED_SRTP"), with(2, CM80, "|2^50")],
        vec![],
    ];
    for lines in &unusable {
        let offer = secure::body(bed.places.rtp_a, 0, "RTP/SAVP", lines);
        let call = alice.invite(NUMBER, Some(&offer));
        call.expect(488);
        call.ack_failure();
    }
    bob.expect_silence(ms(100));
    let _ = bed.finish(count + unusable.len());
}

/// Neither plain nor forged nor repeated packets, whoever sends them, reach the other side, and each is counted by its reason.
#[test]
fn what_is_not_authentic_goes_nowhere() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let own = Line::new(1, CM80, 1);
    let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&own));
    let mut a = Secured::new(bed.places.rtp_a, &own, &up.ours);
    let (b, x) = (RtpPeer::bind(bed.places.rtp_b1), RtpPeer::bind(bed.places.rtp_x));
    let mut forger = Secured::new(
        std::net::SocketAddr::new(bed.places.rtp_a.ip(), 0),
        &Line::new(1, CM80, 66),
        &up.ours,
    );
    let plain = packets(0xa, 1, 20, 0xee);
    let forged = forger.seal(&plain);
    // Before the caller has said anything: from its own place, from its host, from elsewhere.
    for sender in [&a.peer, &forger.peer, &x] {
        for packet in plain.iter().chain(&forged) {
            sender.send(up.a_to, packet);
        }
    }
    assert!(b.collect(1, ms(300)).is_empty());
    let from_a = packets(0xa, 1, 50, 0xa1);
    let sealed = a.seal(&from_a);
    let [_, at_b] = exchange((&a.peer, up.a_to, &sealed), (&b, up.b_to, &[]));
    assert!(bytes(&at_b) == from_a, "{} of 50", at_b.len());
    for sender in [&a.peer, &forger.peer, &x] {
        for packet in sealed.iter().chain(&forged) {
            sender.send(up.a_to, packet);
        }
    }
    assert!(b.collect(1, ms(300)).is_empty());
    // The stream to the caller has not moved.
    let from_b = packets(0xb, 1, 20, 0xb2);
    let [at_a, _] = exchange((&a.peer, up.a_to, &[]), (&b, up.b_to, &from_b));
    assert!(a.open(&at_a) == from_b);
    thread::sleep(ms(1100));
    let metrics = bed.metrics();
    for reason in ["unauthentic", "replay"] {
        let counted = metrics.sum_where("tandem_media_dropped_total", &format!("reason=\"{reason}\""));
        assert!(
            counted.is_some_and(|count| count >= 20.0),
            "{reason}: {counted:?}"
        );
    }
    up.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The carrier insists: it is offered keys, a plain caller hears nothing of them, and RTCP is encrypted too.
#[test]
fn a_plain_caller_and_a_carrier_that_wants_srtp() {
    for (policy, proto) in [("required", "RTP/SAVP"), ("optional", "RTP/AVP")] {
        let bed = quick(|setup| setup.key("b1", &format!("srtp = \"{policy}\"")));
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let told = invite_of(&leg).body();
        assert_eq!(profile(&told), proto);
        let ours = lines(&told);
        let taken = ours.iter().find(|line| line.suite == "AEAD_AES_128_GCM").unwrap();
        let own = Line::new(taken.tag, &taken.suite, 9);
        leg.answer(&secure::body(
            bed.places.rtp_b1,
            0,
            proto,
            std::slice::from_ref(&own),
        ));
        let answer = call.expect(200).body();
        assert_eq!((profile(&answer).as_str(), lines(&answer).len()), ("RTP/AVP", 0));
        call.ack();
        leg.expect_request("ACK");
        let (a_to, b_to) = (sdp::audio(&answer), sdp::audio(&told));
        let a = RtpPeer::bind(bed.places.rtp_a);
        let mut b = Secured::new(bed.places.rtp_b1, &own, taken);
        let (from_a, from_b) = (packets(0xa, 65_530, 50, 0xa1), packets(0xb, 65_530, 50, 0xb2));
        let sealed = b.seal(&from_b);
        let [at_a, at_b] = exchange((&a, a_to, &from_a), (&b.peer, b_to, &sealed));
        assert!(bytes(&at_a) == from_b && b.open(&at_b) == from_a);
        let next = |at: std::net::SocketAddr| std::net::SocketAddr::new(at.ip(), at.port() + 1);
        let [rtcp_a, rtcp_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(|at| RtpPeer::bind(next(at)));
        let report = [&[0x80, 200, 0, 6, 0, 0, 0, 0xb][..], &[7; 20]].concat();
        rtcp_b.send(next(b_to), &report);
        assert!(rtcp_a.collect(1, ms(200)).is_empty(), "a plain report");
        let sealed = b.libsrtp.rtcp(SENDS, &report).unwrap();
        rtcp_b.send(next(b_to), &sealed);
        assert_eq!(rtcp_a.collect(1, ms(500))[0].packet, report);
        rtcp_a.send(next(a_to), &report);
        let heard = rtcp_b.collect(1, ms(500));
        assert_eq!(b.libsrtp.rtcp(HEARS, &heard[0].packet), Ok(report));
        call.bye();
        leg.ok("BYE");
        call.expect(200);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// `required`: no call without.
#[test]
fn a_caller_that_has_to_encrypt_and_does_not_is_refused() {
    let bed = quick(|setup| setup.key("pbx", "srtp = \"required\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(488);
    call.ack_failure();
    bob.expect_silence(ms(100));
    check(&bed.finish(1)[0], "unusable-offer", 488, "switch", 0);
}
