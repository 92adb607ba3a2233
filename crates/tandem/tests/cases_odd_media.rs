//! MR-10 through the daemon, for calls of every sort: ten thousand datagrams of every kind that is odd, at every port of a call
//! that goes on. None of them is relayed, each is counted by its reason, the talk loses nothing, and nothing is left over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use audio::Codec;
use rtp_proto::srtp::Receiver;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::browser::Browser;
use support::odd::{Dice, Kind, never, of_others};
use support::secure::{HalfSecured, Secured};
use support::siege::{Outcome, PER_PORT, Siege, Talker, apart, has_mark, next};
use support::voice::{Voice, assert_whole, purity};
use support::{NUMBER, check, connect, engines, invite_of, ms, quick, talk};
use testbed::bulk::Held;
use testbed::rtp::{Comparison, End, Heard, RtpPeer, Stream};
use testbed::srtp::Line;
use testbed::{Bed, Record, SipPeer, proc, sdp};

/// Packets that a side may say: more than there is time for.
const LONG: usize = 1_500;

fn packets(stream: &Stream) -> Vec<Vec<u8>> {
    (0..LONG).map(|n| stream.packet(n)).collect()
}

/// One record, whose drops are all that was sent and not taken.
fn assert_record(bed: Bed, outcome: &Outcome) {
    let reasons = bed.metrics().sum("tandem_media_dropped_total");
    let records: Vec<Record> = bed.finish(1);
    check(&records[0], "normal", 200, "caller", 1);
    let dropped = |side: &str| records[0].number(&format!("{side}_media.dropped"));
    let all = dropped("caller") + dropped("called");
    assert_eq!(all, (outcome.sent - outcome.taken) as u64, "{:#?}", records[0]);
    assert_eq!(reasons, Some(all as f64));
}

/// A plain call: every packet arrives as it was sent, in order, and nothing else does.
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_plain_call() {
    let bed = apart(quick(|setup| setup));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let (from_a, from_b) = (Stream::speech(0xa1), Stream::speech(0xb2));
    let a = Talker::plain(bed.places.rtp_a, held.a_to, packets(&from_a));
    let b = Talker::plain(bed.places.rtp_b1, held.b_to, packets(&from_b));
    let mut siege = Siege::new(&bed, [a, b], 0);
    siege.settle();
    let outcome = siege.besiege();
    siege.lift();
    assert_eq!(outcome.taken, 0);
    let [a, b] = &siege.talkers;
    Comparison::of(&from_b, b.said, &a.heard, a.to).assert_clean();
    Comparison::of(&from_a, a.said, &b.heard, b.to).assert_clean();
    assert!(a.said > 100 && !b.heard.iter().any(|heard| has_mark(&heard.packet)));
    held.hang_up();
    engines::assert_in_kernel(&bed, a.said);
    assert_record(bed, &outcome);
}

/// What was said already, what is not quite what was said, and the same under another key: none of it is its speaker's.
fn of_secured(said: &[Vec<u8>], of_another: Vec<Vec<u8>>) -> Vec<Kind> {
    let said = said[..20].to_vec();
    let (tags, cuts, pick) = (said.clone(), said.clone(), |dice: &mut Dice| dice.below(20));
    vec![
        Box::new(move |dice| said[pick(dice)].clone()),
        Box::new(move |dice| {
            let mut packet = tags[pick(dice)].clone();
            let at = packet.len() - 1 - dice.below(8);
            packet[at] ^= 1 + dice.below(255) as u8;
            packet
        }),
        Box::new(move |dice| {
            let packet = &cuts[pick(dice)];
            packet[..packet.len() - 1 - dice.below(packet.len() - 1)].to_vec()
        }),
        Box::new(move |dice| of_another[pick(dice)].clone()),
    ]
}

fn assert_reasons(bed: &Bed, reasons: &[&str]) {
    let metrics = bed.metrics();
    for reason in reasons {
        let count = metrics.sum_where("tandem_media_dropped_total", &format!("reason=\"{reason}\""));
        assert!(count.is_some_and(|count| count > 20.0), "{reason}: {count:?}");
    }
}

/// The caller's leg is encrypted under keys from the SDP.
#[test]
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_an_srtp_call() {
    let bed = apart(quick(|setup| setup.key("pbx", "srtp = \"required\"")));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let suite = "AES_CM_128_HMAC_SHA1_80";
    let own = Line::new(1, suite, 1);
    let up = HalfSecured::begin(&bed, &alice, &bob, std::slice::from_ref(&own));
    let mut secured = Secured::new(bed.places.rtp_a, &own, &up.ours);
    let elsewhere = SocketAddr::new(bed.places.x.ip(), 0);
    let mut forger = Secured::new(elsewhere, &Line::new(1, suite, 66), &up.ours);
    let (from_a, from_b) = (Stream::speech(0xa1), Stream::speech(0xb2));
    let (said, plain) = (secured.seal(&packets(&from_a)), packets(&from_b));
    let of_another = forger.seal(&packets(&from_a)[..20]);
    let (rtp, mut libsrtp) = (secured.peer, secured.libsrtp);
    let a = Talker::secured(rtp, Some(RtpPeer::bind(next(bed.places.rtp_a))), up.a_to, said);
    let b = Talker::plain(bed.places.rtp_b1, up.b_to, plain);
    let more = of_secured(&a.says, of_another);
    let mut siege = Siege::new(&bed, [a, b], 0);
    siege.more = more;
    siege.settle();
    let outcome = siege.besiege();
    siege.lift();
    assert_eq!(outcome.taken, 0);
    let [a, b] = &siege.talkers;
    Comparison::of(&from_a, a.said, &b.heard, b.to).assert_clean();
    let open = |heard: &Heard| libsrtp.rtp(support::secure::HEARS, &heard.packet).unwrap();
    let opened: Vec<_> = a.heard.iter().map(open).collect();
    assert!(
        opened == packets(&from_b)[..b.said],
        "{} of {}",
        opened.len(),
        b.said
    );
    up.hang_up();
    assert_reasons(&bed, &["invalid", "misplaced", "source", "unauthentic", "replay"]);
    assert_record(bed, &outcome);
}

/// The caller is a browser: checks and a handshake on its one port, then media under the keys of that.
fn besieged_browser(ice: bool, reasons: &[&str]) {
    let bed = apart(quick(|setup| setup.key("pbx", "srtp = \"required\"")));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let browser = Browser::new(bed.places.rtp_a, ice);
    let call = alice.invite(NUMBER, Some(&browser.offer()));
    let leg = bob.incoming();
    let b_to = sdp::audio(&invite_of(&leg).body());
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let answer = call.expect(200).body();
    call.ack();
    leg.expect_request("ACK");
    let mut keyed = browser.connect(&answer);
    let (from_a, from_b) = (Stream::speech(0xa1), Stream::speech(0xb2));
    let said: Vec<_> = packets(&from_a).iter().map(|packet| keyed.seal(packet)).collect();
    let forged = packets(&Stream::mark(support::odd::MARK));
    let more = of_secured(&said, forged);
    let a = Talker::secured(keyed.rtp, None, sdp::audio(&answer), said);
    let b = Talker::plain(bed.places.rtp_b1, b_to, packets(&from_b));
    let mut siege = Siege::new(&bed, [a, b], keyed.sent);
    siege.more = more;
    siege.settle();
    let outcome = siege.besiege();
    siege.lift();
    // The peer's own address is its, as far as a handshake can tell before it has looked.
    assert!(outcome.taken < PER_PORT / 5, "{} taken", outcome.taken);
    let [a, b] = &siege.talkers;
    Comparison::of(&from_a, a.said, &b.heard, b.to).assert_clean();
    assert!(opened(&mut keyed.receiver, &a.heard) == packets(&from_b)[..b.said]);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    assert_reasons(&bed, reasons);
    assert_record(bed, &outcome);
}

/// What of it is media, opened; all of that has to open.
fn opened(receiver: &mut Receiver, heard: &[Heard]) -> Vec<Vec<u8>> {
    let is_media = |packet: &[u8]| packet[0] >> 6 == 2 && !(200..=204).contains(&packet[1]);
    let media = heard.iter().filter(|heard| is_media(&heard.packet));
    let open = |heard: &Heard| {
        let mut packet = heard.packet.clone();
        let length = receiver.unprotect_rtp(&mut packet).unwrap();
        packet.truncate(length);
        packet
    };
    media.map(open).collect()
}

#[test]
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_browsers_call() {
    let reasons = ["invalid", "misplaced", "source", "unauthentic", "replay", "check"];
    besieged_browser(true, &reasons);
}

#[test]
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_dtls_call_without_ice() {
    besieged_browser(
        false,
        &["invalid", "misplaced", "source", "unauthentic", "replay"],
    );
}

/// A call between one who speaks this payload type alone and one who speaks PCMU.
fn converted<'p>(bed: &Bed, (alice, bob): (&'p SipPeer, &'p SipPeer), payload_type: u8) -> Held<'p> {
    let of = |at, list: u8| sdp::offer(at).replace("RTP/AVP 0 8 101", &format!("RTP/AVP {list}"));
    let call = alice.invite(NUMBER, Some(&of(bed.places.rtp_a, payload_type)));
    let leg = bob.incoming();
    let b_to = sdp::audio(&invite_of(&leg).body());
    let a_to = connect(&call, &leg, &of(bed.places.rtp_b1, 0));
    Held {
        call,
        leg,
        a_to,
        b_to,
    }
}

/// The caller speaks G.722, the carrier PCMU: each hears the other's tone and nothing beside it.
#[test]
fn mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_converted_call() {
    let bed = apart(quick(|setup| {
        setup.key("b1", "codecs = [\"PCMU\"]").without("b2")
    }));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = converted(&bed, (&alice, &bob), 9);
    let says = |codec, payload_type, hertz| {
        let mut voice = Voice::new(codec, payload_type, hertz);
        (0..LONG).map(|n| voice.packet(n)).collect()
    };
    let a = Talker::plain(bed.places.rtp_a, held.a_to, says(Codec::G722, 9, 700.0));
    let b = Talker::plain(bed.places.rtp_b1, held.b_to, says(Codec::Pcmu, 0, 1100.0));
    let mut siege = Siege::new(&bed, [a, b], 0);
    siege.is_converted = true;
    siege.settle();
    let outcome = siege.besiege();
    siege.speak(50);
    assert_eq!(outcome.taken, 0);
    for (talker, codec, payload_type, hertz) in [
        (&siege.talkers[0], Codec::G722, 9, 1100.0),
        (&siege.talkers[1], Codec::Pcmu, 0, 700.0),
    ] {
        let heard: Vec<_> = talker.heard.iter().map(|heard| heard.packet.clone()).collect();
        assert_whole(&heard);
        let purity = purity(codec, payload_type, &heard, hertz);
        assert!(
            purity > 0.95,
            "{codec:?}: {purity:.3} of what is heard is the tone"
        );
        assert!(
            heard.len() > talker.said * 9 / 10,
            "{} of {}",
            heard.len(),
            talker.said
        );
    }
    siege.lift();
    held.hang_up();
    assert_record(bed, &outcome);
}

/// A packet with CSRCs, an extension and padding, as RFC 3550 §5.1 allows.
fn dressed(packet: &[u8]) -> Vec<u8> {
    let (head, payload) = packet.split_at(12);
    let mut dressed = head.to_vec();
    dressed[0] |= 0x32;
    dressed.extend([0xc5; 8]);
    dressed.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]);
    dressed.extend(payload);
    dressed.extend([0x77; 19]);
    dressed.push(20);
    dressed
}

/// What is odd and good passes as it is.
fn mr_10_padding_extension_and_csrcs_are_relayed_as_they_came() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let end = |peer, to, stream| End { peer, to, stream };
    let (a, b) = (
        end(&at_a, held.a_to, Stream::speech(0xa1)),
        end(&at_b, held.b_to, Stream::speech(0xb2)),
    );
    let next = engines::settle(&bed, [&a, &b], 0);
    let said: Vec<_> = (next..next + 50).map(|n| dressed(&a.stream.packet(n))).collect();
    for packet in &said {
        at_a.send(held.a_to, packet);
        std::thread::sleep(ms(2));
    }
    let heard = at_b.collect(50, ms(500)).into_iter();
    let heard: Vec<_> = heard.map(|heard| heard.packet).collect();
    assert!(heard == said, "{} of 50 arrived as they were", heard.len());
    engines::assert_in_kernel(&bed, 2 * 25 + 50);
    held.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// Where audio is converted, padding and extension are no audio: the listener hears the tone alone. Law to law, octet by octet,
/// and from codec to codec.
#[test]
fn mr_10_padding_and_extension_are_no_audio() {
    for (codec, payload_type) in [(Codec::Pcma, 8), (Codec::G722, 9)] {
        let bed = quick(|setup| setup.key("b1", "codecs = [\"PCMU\"]").without("b2"));
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let held = converted(&bed, (&alice, &bob), payload_type);
        let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
        let mut voice = Voice::new(codec, payload_type, 700.0);
        for n in 0..60 {
            at_a.send(held.a_to, &dressed(&voice.packet(n)));
            std::thread::sleep(ms(20));
        }
        // One whose law alone is changed keeps its dress.
        let heard = at_b.waiting().into_iter();
        let bare: Vec<_> = heard.map(|heard| undressed(&heard.packet)).collect();
        assert!(bare.len() >= 50, "{codec:?}: {} of 60", bare.len());
        let purity = purity(Codec::Pcmu, 0, &bare, 700.0);
        assert!(
            purity > 0.95,
            "{codec:?}: {purity:.3} of what is heard is the tone"
        );
        held.hang_up();
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// Header and payload of a packet, whatever else it has.
fn undressed(packet: &[u8]) -> Vec<u8> {
    let reader = rtp_rs::RtpReader::new(packet).unwrap();
    [&packet[..12], reader.payload()].concat()
}

fn wait(for_what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "waited for {for_what}");
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// The same at the SIP port: it is no SIP, and is counted as that. Both the trunk's own port and a stranger's send it.
#[test]
fn mr_10_ten_thousand_odd_datagrams_at_the_sip_port() {
    // A stranger that sends so is banned otherwise, and the rest of it is counted as that.
    let bed = apart(quick(|setup| setup.extra("[edge]\nallow = [\"{x.ip}/32\"]")));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mallory = bed.peer("X", bed.places.x);
    let held = talk(&bed, &alice, &bob);
    let dropped = || bed.metrics().sum("tandem_sip_dropped_total").unwrap() as usize;
    let (before, mut dice, mut asked) = (dropped(), Dice(0x51b), 0);
    let (odd, others) = (never(), of_others(0xa1));
    let kinds: Vec<&Kind> = odd.iter().chain(&others).collect();
    for n in 0..PER_PORT {
        let datagram = kinds[n % kinds.len()](&mut dice);
        let from = [&alice, &mallory][n / kinds.len() % 2];
        // Keep-alives of both sorts are none of them (RFC 5626 §3.5).
        let is_stun = sip_net::stun::answer(&datagram, from.local()).is_some();
        asked += usize::from(is_stun || datagram.iter().all(|byte| b"\r\n".contains(byte)));
        from.send_raw(bed.places.sut, &datagram);
        if n % 50 == 49 {
            wait("the SIP port to be read", || {
                proc::udp_waiting(bed.places.sut) == 0
            });
        }
    }
    assert_eq!(bed.drops(), 0);
    let odd = before + PER_PORT - asked;
    wait("every one to be counted", || dropped() >= odd);
    assert_eq!(dropped(), odd);
    held.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

on_both_engines! {
    mr_10_padding_extension_and_csrcs_are_relayed_as_they_came,
    mr_10_ten_thousand_odd_datagrams_at_each_port_of_a_plain_call,
}
