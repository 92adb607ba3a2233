//! Networks that are kept apart: signalling and media of each side by its own, nothing of the one visible in the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use sip_msg::{HeaderId, Message};
use std::net::SocketAddr;
use std::time::Duration;
use support::{NUMBER, bed, check, engines, header, invite_of, is, ms, quick, text};
use testbed::rtp::{End, RtpPeer, Stream, converse};
use testbed::{Bed, Setup, SipPeer, sdp};

/// What the outside is told of us: addresses that nobody has here.
const SIP_OUTSIDE: &str = "203.0.113.10";
const MEDIA_OUTSIDE: &str = "203.0.113.11";

/// The customer inside, carriers outside, where we stand behind a NAT.
fn inside_and_outside(setup: Setup) -> Setup {
    setup
        .listen("network = \"inside\"")
        .listener(
            "{sut2}",
            &["network = \"outside\"", "advertise = \"203.0.113.10:5060\""],
        )
        .key("pbx", "network = \"inside\"")
        .key("b1", "network = \"outside\"")
        .key("b2", "network = \"outside\"")
        .extra("[[network]]\nname = \"inside\"")
        .extra("[[network]]\nname = \"outside\"\nbind = \"{sut2.ip}\"\nadvertise = \"203.0.113.11\"")
}

/// B1, who knows the switch by its outside.
fn outside(bed: &Bed) -> SipPeer {
    SipPeer::bind("B1", bed.places.b1, bed.places.sut2)
}

fn assert_hides(message: &Message, secrets: &[String]) {
    let text = text(message.raw());
    for secret in secrets {
        // 127.0.0.2 is no part of 127.0.0.21.
        let mut shown = text.match_indices(secret.as_str());
        let shows = shown.any(|(at, _)| !text[at + secret.len()..].starts_with(|c: char| c.is_ascii_digit()));
        assert!(!shows, "{secret:?} shows in\n{text}");
    }
}

/// The address that SDP names, which has to be what the network advertises, as the socket behind it.
fn media(body: &[u8], advertised: &str, bound: SocketAddr) -> SocketAddr {
    let named = sdp::audio(body);
    assert_eq!(named.ip().to_string(), advertised, "{}", text(body));
    SocketAddr::new(bound.ip(), named.port())
}

on_both_engines!(
    se_01_each_network_sees_its_own_addresses_only,
    a_call_fails_over_into_another_network,
    ipv4_and_ipv6_talk_with_each_other,
);

/// A call from inside to outside, moved by a re-INVITE from each side: what each side reads names its own network's
/// addresses, what it hears comes from there.
fn se_01_each_network_sees_its_own_addresses_only() {
    let bed = quick(inside_and_outside);
    let places = &bed.places;
    let (alice, bob) = (bed.peer_a(), outside(&bed));
    let inside = [places.sut.ip().to_string(), places.a.ip().to_string()];
    let outside = [
        SIP_OUTSIDE.to_owned(),
        MEDIA_OUTSIDE.to_owned(),
        places.sut2.ip().to_string(),
        places.b1.ip().to_string(),
    ];
    let call = alice.invite(NUMBER, Some(&sdp::offer(places.rtp_a)));
    let incoming = bob.wait("INVITE", is("INVITE"));
    assert_eq!(incoming.from, places.sut2);
    let invite = incoming.message;
    assert_hides(&invite, &inside);
    for id in [HeaderId::Via, HeaderId::Contact, HeaderId::From] {
        assert!(
            header(&invite, id).contains(SIP_OUTSIDE),
            "{}",
            text(invite.raw())
        );
    }
    let b_to = media(&invite.body(), MEDIA_OUTSIDE, places.sut2);
    let leg = bob.taken(&invite, incoming.from);
    leg.answer(&sdp::offer(places.rtp_b1));
    let answer = call.expect(200);
    assert_hides(&answer, &outside);
    assert!(header(&answer, HeaderId::Contact).contains(&places.sut.to_string()));
    let a_to = media(&answer.body(), &places.sut.ip().to_string(), places.sut);
    call.ack();
    assert_hides(&leg.expect_request("ACK"), &inside);

    let (rtp_a, rtp_b) = (RtpPeer::bind(places.rtp_a), RtpPeer::bind(places.rtp_b1));
    let (stream_a, stream_b) = (Stream::speech(0xa), Stream::speech(0xb));
    let ends = [
        End {
            peer: &rtp_a,
            to: a_to,
            stream: stream_a,
        },
        End {
            peer: &rtp_b,
            to: b_to,
            stream: stream_b,
        },
    ];
    engines::settle(&bed, [&ends[0], &ends[1]], 0);

    // A moves to another port, then B1.
    let moved = |at: SocketAddr| SocketAddr::new(at.ip(), at.port() + 100);
    let (new_a, new_b) = (moved(places.rtp_a), moved(places.rtp_b1));
    call.reinvite(Some(&sdp::session(new_a, 1, "sendrecv")));
    let offered = leg.expect_request("INVITE");
    assert_hides(&offered, &inside);
    assert_eq!(media(&offered.body(), MEDIA_OUTSIDE, places.sut2), b_to);
    leg.answer(&sdp::offer(places.rtp_b1));
    let answered = call.expect(200);
    assert_hides(&answered, &outside);
    assert_eq!(
        media(&answered.body(), &places.sut.ip().to_string(), places.sut),
        a_to
    );
    call.ack();
    leg.expect_request("ACK");
    leg.reinvite(Some(&sdp::session(new_b, 1, "sendrecv")));
    let offered = call.expect_request("INVITE");
    assert_hides(&offered, &outside);
    assert_eq!(
        media(&offered.body(), &places.sut.ip().to_string(), places.sut),
        a_to
    );
    call.answer(&sdp::session(new_a, 1, "sendrecv"));
    let answered = leg.expect(200);
    assert_hides(&answered, &inside);
    assert_eq!(media(&answered.body(), MEDIA_OUTSIDE, places.sut2), b_to);
    leg.ack();
    call.expect_request("ACK");
    let (rtp_a, rtp_b) = (RtpPeer::bind(new_a), RtpPeer::bind(new_b));
    let ends = [
        End {
            peer: &rtp_a,
            to: a_to,
            stream: Stream::speech(0x1a),
        },
        End {
            peer: &rtp_b,
            to: b_to,
            stream: Stream::speech(0x1b),
        },
    ];
    engines::settle(&bed, [&ends[0], &ends[1]], 0);
    // In userspace, too, what is heard comes from the network's own address.
    for heard in converse(&ends[0], &ends[1], 5) {
        assert_eq!(heard.misplaced, 0, "{heard:?}");
    }

    leg.bye();
    let bye = call.ok("BYE");
    assert_hides(&bye, &outside);
    assert_hides(&leg.expect(200), &inside);
    bed.finish(1);
}

/// The carrier outside plays something early and refuses; the next one is inside: its leg is on the inside's addresses, and
/// what is said there arrives.
fn a_call_fails_over_into_another_network() {
    let bed = quick(|setup| {
        setup
            .listen("network = \"inside\"")
            .listener("{sut2}", &["network = \"outside\""])
            .key("pbx", "network = \"inside\"")
            .key("b1", "network = \"outside\"")
            .key("b2", "network = \"inside\"")
            .extra("[[network]]\nname = \"inside\"\n[[network]]\nname = \"outside\"")
    });
    let places = &bed.places;
    let (alice, bob, carol) = (bed.peer_a(), outside(&bed), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(places.rtp_a)));
    let leg = bob.incoming();
    let early_to = sdp::audio(&invite_of(&leg).body());
    assert_eq!(early_to.ip(), places.sut2.ip());
    leg.reply_sdp(183, &sdp::offer(places.rtp_b1));
    let a_to = sdp::audio(&call.expect(183).body());
    let (rtp_a, rtp_b1) = (RtpPeer::bind(places.rtp_a), RtpPeer::bind(places.rtp_b1));
    let early = Stream::speech(0xe);
    let end = |peer, to, ssrc| End {
        peer,
        to,
        stream: Stream::speech(ssrc),
    };
    rtp_b1.send(early_to, &early.packet(0));
    let heard = rtp_a.collect(1, Duration::from_secs(2));
    assert_eq!(heard.first().map(|heard| heard.from), Some(a_to));
    leg.reply(503);
    leg.expect_request("ACK");

    let incoming = carol.wait("INVITE", is("INVITE"));
    assert_eq!(incoming.from, places.sut);
    assert_hides(
        &incoming.message,
        &[places.sut2.ip().to_string(), places.b1.ip().to_string()],
    );
    let b2_to = sdp::audio(&incoming.message.body());
    assert_eq!(b2_to.ip(), places.sut.ip());
    let leg = carol.taken(&incoming.message, incoming.from);
    leg.answer(&sdp::offer(places.rtp_b2));
    assert_eq!(sdp::audio(&call.expect(200).body()), a_to);
    call.ack();
    leg.expect_request("ACK");
    let rtp_b2 = RtpPeer::bind(places.rtp_b2);
    let (a, b2) = (end(&rtp_a, a_to, 0xa), end(&rtp_b2, b2_to, 0xb2));
    // What A hears is one stream over the change of carrier: its numbers are ours.
    let [at_a, at_b2] = converse(&a, &b2, 25);
    at_b2.assert_clean();
    assert_eq!(
        (at_a.misplaced, at_a.foreign + at_a.identical),
        (0, 25),
        "{at_a:?}"
    );
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    let records = bed.finish_lingering(1, 1);
    check(&records[0], "normal", 200, "caller", 2);
}

/// The customer speaks IPv4, the carrier IPv6: addresses of each kind stay on their side, and media crosses.
fn ipv4_and_ipv6_talk_with_each_other() {
    let bed = quick(|setup| {
        setup
            .mixed()
            .listen("network = \"four\"")
            .listener("{sut2}", &["network = \"six\""])
            .key("pbx", "network = \"four\"")
            .key("b1", "network = \"six\"")
            .key("b2", "network = \"six\"")
            .extra("[[network]]\nname = \"four\"\n[[network]]\nname = \"six\"")
    });
    let places = &bed.places;
    let (alice, bob) = (bed.peer_a(), outside(&bed));
    for from_inside in [true, false] {
        let (from, to) = if from_inside {
            (&alice, &bob)
        } else {
            (&bob, &alice)
        };
        let (rtp_from, rtp_to) = if from_inside {
            (places.rtp_a, places.rtp_b1)
        } else {
            (places.rtp_b1, places.rtp_a)
        };
        let call = from.invite(NUMBER, Some(&sdp::offer(rtp_from)));
        let leg = to.incoming();
        let invite = invite_of(&leg);
        assert_hides(
            &invite,
            &[from.sut().ip().to_string(), from.local().ip().to_string()],
        );
        let kind = if from_inside { "IN IP6" } else { "IN IP4" };
        assert!(text(&invite.body()).contains(kind), "{}", text(&invite.body()));
        let to_of_to = sdp::audio(&invite.body());
        leg.answer(&sdp::offer(rtp_to));
        let answer = call.expect(200);
        assert_hides(&answer, &[to.sut().ip().to_string(), to.local().ip().to_string()]);
        call.ack();
        leg.expect_request("ACK");
        let (peer_from, peer_to) = (RtpPeer::bind(rtp_from), RtpPeer::bind(rtp_to));
        let to_of_from = sdp::audio(&answer.body());
        let ends = [
            End {
                peer: &peer_from,
                to: to_of_from,
                stream: Stream::speech(1),
            },
            End {
                peer: &peer_to,
                to: to_of_to,
                stream: Stream::speech(2),
            },
        ];
        for heard in converse(&ends[0], &ends[1], 25) {
            heard.assert_clean();
        }
        leg.bye();
        call.ok("BYE");
        leg.expect(200);
        if from_inside {
            // The carrier's calls go to the customer.
            let setup = Setup::default().t1_ms(25).mixed();
            let rule = "[[number]]\nmatch = \"*\"\nto = \"pbx\"";
            let networks = "[[network]]\nname = \"four\"\n[[network]]\nname = \"six\"";
            let setup = setup
                .listen("network = \"four\"")
                .listener("{sut2}", &["network = \"six\""])
                .key("pbx", "network = \"four\"")
                .key("pbx", "targets = [{ uri = \"sip:{a}\" }]")
                .key("b1", "network = \"six\"")
                .key("b2", "network = \"six\"")
                .extra(networks)
                .extra(rule);
            bed.write_config(&bed.toml(&engines::chosen(setup)));
            assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
        }
    }
    bed.finish(2);
}

/// The same private address is one customer inside and another one outside; and who is known in one network is nobody in the other.
#[test]
fn se_03_a_source_is_known_in_its_own_network_only() {
    let bed = quick(|setup| {
        setup
            .listen("network = \"inside\"")
            .listener("{sut2}", &["network = \"outside\""])
            .key("pbx", "network = \"inside\"")
            .key("b1", "network = \"outside\"")
            .key("b2", "network = \"outside\"")
            .trunk(
                "twin",
                &[
                    "role = \"customer\"",
                    "sources = [\"{a.ip}\"]",
                    "network = \"outside\"",
                ],
            )
            .trunk(
                "insider",
                &[
                    "role = \"customer\"",
                    "sources = [\"{x}\"]",
                    "network = \"inside\"",
                ],
            )
            .extra("[[network]]\nname = \"inside\"\n[[network]]\nname = \"outside\"")
    });
    let places = &bed.places;
    let bob = outside(&bed);
    let other_port = SocketAddr::new(places.a.ip(), places.a.port() + 2);
    let (alice, twin) = (bed.peer_a(), SipPeer::bind("A outside", other_port, places.sut2));
    for caller in [&alice, &twin] {
        let call = caller.invite(NUMBER, Some(&sdp::offer(places.rtp_a)));
        let leg = bob.incoming();
        leg.answer(&sdp::offer(places.rtp_b1));
        call.expect(200);
        call.ack();
        leg.expect_request("ACK");
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    let stray = SipPeer::bind("X", places.x, places.sut2);
    let call = stray.invite(NUMBER, Some(&sdp::offer(places.rtp_x)));
    call.expect(403);
    call.ack_failure();
    let from: Vec<String> = bed
        .finish(2)
        .iter()
        .map(|record| record.text("from_trunk").to_owned())
        .collect();
    assert_eq!(from, ["pbx", "twin"]);
}

/// Pings of a trunk leave by its network and name its addresses.
#[test]
fn pings_leave_by_the_trunks_network() {
    let bed = bed(|setup| inside_and_outside(setup).key("b1", "options_interval = \"200ms\""));
    let bob = outside(&bed);
    let ping = bob.wait("OPTIONS", is("OPTIONS"));
    assert_eq!(ping.from, bed.places.sut2);
    assert_hides(&ping.message, &[bed.places.sut.ip().to_string()]);
    for id in [HeaderId::Via, HeaderId::Contact, HeaderId::From] {
        assert!(header(&ping.message, id).contains(SIP_OUTSIDE));
    }
    bed.finish_lingering(0, 1);
}

/// A reload gives a network other addresses, and moves a trunk to another network; the call that is up keeps what it began with.
#[test]
fn a_reload_moves_trunks_and_addresses() {
    let bed = quick(inside_and_outside);
    let places = &bed.places;
    let (alice, bob) = (bed.peer_a(), outside(&bed));
    let dial = || {
        let call = alice.invite(NUMBER, Some(&sdp::offer(places.rtp_a)));
        let incoming = bob.wait("INVITE", is("INVITE"));
        let leg = bob.taken(&incoming.message, incoming.from);
        leg.answer(&sdp::offer(places.rtp_b1));
        call.expect(200);
        call.ack();
        leg.expect_request("ACK");
        (call, leg, incoming)
    };
    let old = dial();
    let text = bed.toml(&inside_and_outside(Setup::default().t1_ms(25)));
    let (head, tail) = text.split_once("name = \"b1\"").unwrap();
    let tail = tail
        .replacen("network = \"outside\"", "network = \"inside\"", 1)
        .replace(MEDIA_OUTSIDE, "203.0.113.12");
    bed.write_config(&format!("{head}name = \"b1\"{tail}"));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    let new = dial();
    assert_eq!(new.2.from, places.sut);
    assert_eq!(sdp::audio(&new.2.message.body()).ip(), places.sut.ip());
    old.0.reinvite(Some(&sdp::session(places.rtp_a, 1, "sendonly")));
    let offered = old.1.expect_request("INVITE");
    assert!(header(&offered, HeaderId::Contact).contains(SIP_OUTSIDE));
    assert_eq!(sdp::audio(&offered.body()).ip().to_string(), MEDIA_OUTSIDE);
    old.1.answer(&sdp::session(places.rtp_b1, 1, "recvonly"));
    old.0.expect(200);
    old.0.ack();
    old.1.expect_request("ACK");
    for (call, leg, _) in [&old, &new] {
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    bed.finish(2);
}

/// After a crash each leg is hung up by its own network.
#[test]
fn a_dead_process_leaves_calls_that_are_hung_up_by_their_networks() {
    let mut bed = quick(inside_and_outside);
    let (alice, bob) = (bed.peer_a(), outside(&bed));
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    alice.listen(ms(150));
    bed.crash_and_restart();
    let at_a = alice.wait("BYE", is("BYE"));
    call.reply_to(&at_a.message, 200, &[], None);
    let at_b = bob.wait("BYE", is("BYE"));
    leg.reply_to(&at_b.message, 200, &[], None);
    assert_eq!((at_a.from, at_b.from), (bed.places.sut, bed.places.sut2));
    assert!(header(&at_b.message, HeaderId::Via).contains(SIP_OUTSIDE));
    bed.finish(1);
}
