//! Where media may come from and where it goes: private addresses, strangers, peers that move.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{NUMBER, check, engines, is_answer, ms, quick, request, talk, text};
use testbed::bulk::Held;
use testbed::rtp::{Comparison, End, Header, Heard, RtpPeer, Stream};
use testbed::{Bed, Call, SipPeer, sdp};

const FRAME: Duration = Duration::from_millis(20);

fn at(base: SocketAddr, port: u16) -> SocketAddr {
    SocketAddr::new(base.ip(), port)
}

fn rtcp(rtp: SocketAddr) -> SocketAddr {
    at(rtp, rtp.port() + 1)
}

/// A sender report with this SSRC (RFC 3550 §6.4.1).
fn sender_report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0; 20]);
    packet
}

/// A caller behind a NAT: private addresses in Via, Contact and SDP, rport in Via. Gives the 200's tag and SDP address.
fn call_from_behind_nat<'p>(
    alice: &SipPeer,
    bob: &'p SipPeer,
    bed: &Bed,
    offer: &str,
) -> (Call<'p>, String, SocketAddr) {
    send_from_behind_nat(alice, "INVITE", 1, "", Some(offer));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    // It can only arrive where the request came from.
    let ok = alice.wait("200", is_answer(200, "INVITE")).message;
    let tag = format!(";tag={}", text(ok.to_tag().unwrap()));
    send_from_behind_nat(alice, "ACK", 1, &tag, None);
    leg.expect_request("ACK");
    (leg, tag, sdp::audio(&ok.body()))
}

fn send_from_behind_nat(alice: &SipPeer, method: &str, cseq: u32, tag: &str, body: Option<&str>) {
    let sut = alice.sut();
    let lines = [
        format!(
            "Via: SIP/2.0/UDP 10.1.33.103:5060;branch=z9hG4bK{method}{};rport",
            alice.mint("n")
        ),
        "From: <sip:+442071838750@10.1.33.103>;tag=natted".to_owned(),
        format!("To: <sip:{NUMBER}@{sut}>{tag}"),
        "Call-ID: nat@10.1.33.103".to_owned(),
        format!("CSeq: {cseq} {method}"),
        "Max-Forwards: 70".to_owned(),
        "Contact: <sip:alice@10.1.33.103:5060>".to_owned(),
    ];
    alice.send_raw(
        sut,
        request(method, &format!("sip:{NUMBER}@{sut}"), &lines, body).as_bytes(),
    );
}

/// RFC 7362, RFC 4961: A's SDP names an address that nobody can reach; from its first packet on its media and its RTCP go to where
/// they come from.
fn mr_01_media_goes_where_it_comes_from_when_sdp_is_private() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer = "v=0\r\no=- 1 1 IN IP4 10.1.33.103\r\ns=-\r\nc=IN IP4 10.1.33.103\r\nt=0 0\r\nm=audio 14264 RTP/AVP 0\r\n";
    let (leg, tag, a_to) = call_from_behind_nat(&alice, &bob, &bed, offer);
    let b_to = sdp::audio(&support::invite_of(&leg).body());
    let real = at(bed.places.rtp_a, 20_400);
    let [at_a, at_b, rtcp_a, rtcp_b] =
        [real, bed.places.rtp_b1, rtcp(real), rtcp(bed.places.rtp_b1)].map(RtpPeer::bind);
    let (from_a, from_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
    at_a.send(a_to, &from_a.packet(0));
    assert_eq!(at_b.collect(1, ms(1000))[0].packet, from_a.packet(0));
    at_b.send(b_to, &from_b.packet(0));
    assert_eq!(at_a.collect(1, ms(1000))[0].packet, from_b.packet(0));
    rtcp_a.send(rtcp(a_to), &sender_report(0xa1));
    assert_eq!(rtcp_b.collect(1, ms(1000))[0].packet, sender_report(0xa1));
    rtcp_b.send(rtcp(b_to), &sender_report(0xb2));
    assert_eq!(rtcp_a.collect(1, ms(1000))[0].packet, sender_report(0xb2));
    // In the kernel as soon as nobody can take A's place any more, five seconds after the answer.
    let end = |peer, to, stream| End { peer, to, stream };
    let (a, b) = (end(&at_a, a_to, from_a), end(&at_b, b_to, from_b));
    engines::settle(&bed, [&a, &b], 1);
    send_from_behind_nat(&alice, "BYE", 2, &tag, None);
    leg.ok("BYE");
    alice.wait("200", is_answer(200, "BYE"));
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The other side hangs up: the BYE goes where the messages of A come from, and not to its private Contact.
#[test]
fn mr_01_a_caller_behind_a_nat_is_hung_up_where_its_messages_come_from() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (leg, _, _) = call_from_behind_nat(&alice, &bob, &bed, &sdp::offer(bed.places.rtp_a));
    leg.bye();
    let bye = alice.wait("BYE", support::is("BYE")).message;
    assert_eq!(support::uri(&bye), "sip:alice@10.1.33.103:5060");
    support::reply_raw(&alice, &bye, 200, "", &[], None);
    leg.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "called", 1);
}

/// `symmetric_rtp = false`: the SDP holds, whatever comes from elsewhere.
fn mr_01_without_symmetric_rtp_the_sdp_holds() {
    let bed = quick(|setup| setup.key("pbx", "symmetric_rtp = false"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let elsewhere = RtpPeer::bind(at(bed.places.rtp_a, 20_400));
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let (from_a, from_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
    for n in 0..5 {
        elsewhere.send(talk.a_to, &from_a.packet(n));
        at_b.send(talk.b_to, &from_b.packet(n));
    }
    assert_eq!(
        at_a.collect(5, ms(300)).len(),
        5,
        "B1 is heard at the address in the SDP"
    );
    assert!(elsewhere.collect(1, ms(50)).is_empty() && at_b.collect(1, ms(50)).is_empty());
    let end = |peer, to, stream| End { peer, to, stream };
    let (a, b) = (end(&at_a, talk.a_to, from_a), end(&at_b, talk.b_to, from_b));
    engines::settle(&bed, [&a, &b], 5);
    talk.hang_up();
    let records = bed.finish(1);
    assert_eq!(records[0].number("caller_media.dropped"), 5);
}

/// What a stranger tries at every media port of the switch, over and over: RTP of his own, B1's stream continued, its end in RTCP.
fn flood(mallory: &RtpPeer, ports: (SocketAddr, u16), b1: &Stream, heard: &AtomicBool) {
    let mut n = 0;
    let evil = Stream::mark(0xee);
    let copied = Stream {
        ssrc: b1.ssrc,
        ..Stream::mark(0xee)
    };
    let mut bye = vec![0x81, 203, 0, 1];
    bye.extend(b1.ssrc.to_be_bytes());
    while !heard.load(Ordering::Acquire) {
        for port in (ports.0.port()..ports.1).step_by(2) {
            mallory.send(at(ports.0, port), &evil.packet(n));
            mallory.send(at(ports.0, port), &copied.packet(n));
            mallory.send(at(ports.0, port + 1), &bye);
        }
        n += 1;
        thread::sleep(ms(5));
    }
}

/// What the media ends heard during a flood.
struct Siege {
    a: Vec<Heard>,
    b: Vec<Heard>,
    rtcp_a: Vec<Heard>,
    x: Vec<Heard>,
}

/// A talks from the answer on, B1 a second later, a stranger all the time; in the middle B1 renews its offer. Nothing of the
/// stranger's arrives anywhere, nothing reaches him, and B1 is heard from its first packet on.
fn besieged(keys: &[(&str, &str)]) {
    const COUNT: usize = 100;
    let bed = quick(|setup| {
        let setup = setup.media_ports(10_000, 10_019);
        keys.iter()
            .fold(setup, |setup, (trunk, line)| setup.key(trunk, line))
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b, mallory, rtcp_a] = [
        bed.places.rtp_a,
        bed.places.rtp_b1,
        bed.places.rtp_x,
        rtcp(bed.places.rtp_a),
    ]
    .map(RtpPeer::bind);
    let (from_a, from_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
    let over = AtomicBool::new(false);
    let media = at(bed.places.sut, 10_000);
    let siege = thread::scope(|scope| {
        scope.spawn(|| flood(&mallory, (media, 10_020), &from_b, &over));
        let talk = talk(&bed, &alice, &bob);
        let (a_to, b_to) = (talk.a_to, talk.b_to);
        let ear_a = scope.spawn(|| at_a.collect(COUNT + 1, ms(1500)));
        let ear_b = scope.spawn(|| at_b.collect(COUNT + 51, ms(1500)));
        let (mouth_a, mouth_b, words_a, words_b) = (&at_a, &at_b, &from_a, &from_b);
        scope.spawn(move || mouth_a.stream(a_to, words_a, COUNT + 50, FRAME));
        let late = scope.spawn(move || {
            thread::sleep(ms(1000));
            mouth_b.stream(b_to, words_b, COUNT, FRAME);
        });
        alice.listen(ms(1800));
        talk.leg
            .reinvite(Some(&sdp::session(bed.places.rtp_b1, 1, "sendrecv")));
        talk.call.expect_request("INVITE");
        talk.call.answer(&sdp::session(bed.places.rtp_a, 1, "sendrecv"));
        talk.leg.expect(200);
        talk.leg.ack();
        talk.call.expect_request("ACK");
        late.join().unwrap();
        let (a, b) = (ear_a.join().unwrap(), ear_b.join().unwrap());
        over.store(true, Ordering::Release);
        talk.hang_up();
        let heard = |peer: &RtpPeer| peer.collect(1, ms(20));
        Siege {
            a,
            b,
            rtcp_a: heard(&rtcp_a),
            x: heard(&mallory),
        }
    });
    let from = |heard: &[Heard]| heard.first().map_or(bed.places.sut, |heard| heard.from);
    Comparison::of(&from_b, COUNT, &siege.a, from(&siege.a)).assert_clean();
    Comparison::of(&from_a, COUNT + 50, &siege.b, from(&siege.b)).assert_clean();
    assert!(siege.x.is_empty(), "a stranger got media");
    assert!(siege.rtcp_a.is_empty(), "a stranger's RTCP reached A");
    // Of 250 packets in all, those until each side was firm, and firm again after the renewal, are the process's.
    engines::assert_in_kernel(&bed, 60);
    let records = bed.finish(1);
    let dropped = |side: &str| records[0].number(&format!("{side}_media.dropped"));
    assert!(
        dropped("caller") > 0 && dropped("called") > 0,
        "{:#?}",
        records[0]
    );
}

fn mr_02_strangers_are_neither_heard_nor_answered() {
    besieged(&[]);
}

fn mr_02_nor_with_symmetric_rtp() {
    besieged(&[("b1", "symmetric_rtp = true"), ("pbx", "symmetric_rtp = true")]);
}

/// What lets a peer move (MR-03) lets nobody take its place while it speaks.
fn mr_02_nor_where_a_peer_may_move_anywhere() {
    let key = "rebind_any_address = true";
    besieged(&[("b1", key), ("pbx", key)]);
}

/// A stream that moves from one socket to another after a pause; how long it was until both ends heard each other again.
fn moves(bed: &Bed, talk: &Held<'_>, [old, new]: [&RtpPeer; 2], at_b: &RtpPeer) -> bool {
    let (from_a, from_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
    let lent = engines::until_in_kernel(bed, 1, |n| old.send(talk.a_to, &from_a.packet(n)));
    let said = lent + 30;
    for n in lent..said {
        old.send(talk.a_to, &from_a.packet(n));
        thread::sleep(ms(5));
    }
    assert_eq!(at_b.collect(said, ms(300)).len(), said);
    thread::sleep(ms(600));
    let start = Instant::now();
    let mut heard = false;
    for n in said..said + 30 {
        new.send(talk.a_to, &from_a.packet(n));
        at_b.send(talk.b_to, &from_b.packet(n));
        heard |= !new.collect(1, ms(20)).is_empty() && !at_b.collect(1, ms(20)).is_empty();
        if heard {
            break;
        }
    }
    assert!(!heard || start.elapsed() < ms(1000));
    heard
}

/// A NAT gives A another port, then another address: its stream goes on there when SSRC and sequence fit and the old place has
/// been silent; to another address only if the trunk says so.
fn mr_03_rebound_peer_is_found_again() {
    for (key, ports_only, follows) in [
        ("rebind_any_address = false", true, true),
        ("rebind_any_address = false", false, false),
        ("rebind_any_address = true", false, true),
    ] {
        let bed = quick(|setup| setup.key("pbx", key));
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let talk = talk(&bed, &alice, &bob);
        let elsewhere = if ports_only {
            at(bed.places.rtp_a, 20_500)
        } else {
            bed.places.rtp_x
        };
        let [old, new, at_b] = [bed.places.rtp_a, elsewhere, bed.places.rtp_b1].map(RtpPeer::bind);
        let moved = moves(&bed, &talk, [&old, &new], &at_b);
        assert_eq!(moved, follows, "{key} {elsewhere}");
        engines::assert_in_kernel(&bed, 30);
        talk.hang_up();
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// A re-INVITE moves B1's port: the new one is heard at once; what still comes from the old one never takes the stream back.
fn mr_04_source_moves_with_the_reinvite_and_not_back() {
    const COUNT: usize = 30;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let moved = at(bed.places.rtp_b1, 30_100);
    let [at_a, old, new] = [bed.places.rtp_a, bed.places.rtp_b1, moved].map(RtpPeer::bind);
    let stream = Stream::mark(0xb2);
    old.stream(talk.b_to, &stream, 60, ms(5));
    assert_eq!(at_a.collect(60, ms(300)).len(), 60);
    talk.leg.reinvite(Some(&sdp::session(moved, 1, "sendrecv")));
    talk.call.expect_request("INVITE");
    talk.call.answer(&sdp::session(bed.places.rtp_a, 1, "sendrecv"));
    talk.leg.expect(200);
    talk.leg.ack();
    talk.call.expect_request("ACK");
    let late = Stream {
        sequence: 1000,
        ..Stream::mark(0xb3)
    };
    let from_a = Stream::mark(0xa1);
    for n in 0..COUNT {
        new.send(talk.b_to, &stream.packet(60 + n));
        if n < 10 {
            old.send(talk.b_to, &late.packet(n));
        }
        at_a.send(talk.a_to, &from_a.packet(n));
        thread::sleep(FRAME);
    }
    let heard = at_a.collect(2 * COUNT, ms(200));
    let ours = heard
        .iter()
        .filter(|heard| Header::parse(&heard.packet).is_some_and(|h| h.ssrc == 0xb2))
        .count();
    assert!(ours + 3 >= COUNT, "{ours} of {COUNT} arrived");
    assert_eq!(
        new.collect(2 * COUNT, ms(200)).len(),
        COUNT,
        "A is heard at the new port"
    );
    assert!(old.collect(1, ms(20)).is_empty(), "and not at the old one");
    let end = |peer, to, stream| End { peer, to, stream };
    let (a, b) = (end(&at_a, talk.a_to, from_a), end(&new, talk.b_to, stream));
    engines::settle(&bed, [&a, &b], 60 + COUNT);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

on_both_engines! {
    mr_01_media_goes_where_it_comes_from_when_sdp_is_private,
    mr_01_without_symmetric_rtp_the_sdp_holds,
    mr_02_strangers_are_neither_heard_nor_answered,
    mr_02_nor_with_symmetric_rtp,
    mr_02_nor_where_a_peer_may_move_anywhere,
    mr_03_rebound_peer_is_found_again,
    mr_04_source_moves_with_the_reinvite_and_not_back,
}
