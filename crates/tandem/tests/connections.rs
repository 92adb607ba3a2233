//! Phones and registrars at the other end of a connection, browsers' WebSockets, IPv6.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod support;

use std::path::Path;

use sip_msg::HeaderId;
use support::connected::{C_TEST, WS, hold, options, registers, tcp, tls, up};
use support::phone::{Phone, Registrar, asked, bindings, wait_state};
use support::{NUMBER, hang_up, header, invite_of, is, is_answer, ms, page, reply_raw, target, until, uri};
use testbed::certs::Authority;
use testbed::stream::{Kind, dial, upgrade};
use testbed::{Bed, Setup, SipPeer, proc, sdp};

#[test]
fn a_call_crosses_from_websocket_to_udp_and_back() {
    let bed = support::bed(|base| {
        base.extra(&format!(
            "[[listen]]\ntransport = \"ws\"\nbind = \"{{sut.ip}}:{WS}\""
        ))
    });
    let (alice, bob) = (bed.connected("A", bed.places.a, WS, Kind::Ws), bed.peer_b1());
    let (call, leg) = up(&bed, &alice, &bob);
    hold(&bed, &call, &leg);
    hang_up(&leg, &call);
    assert_eq!(alice.connections().open(), 1);
    let sut = alice.sut();
    let refused = upgrade(dial(bed.places.x, sut).unwrap(), sut, "chat");
    assert!(refused.is_err(), "the subprotocol is sip (RFC 7118 §4)");
    drop(call);
    drop(alice);
    bed.finish(1);
}

/// RFC 7118 over TLS: the handshake, the upgrade, a call.
#[test]
fn a_call_crosses_from_a_protected_websocket() {
    let authority = Authority::default();
    let prepare = |dir: &Path, base: Setup| {
        let _ = authority.leaf(&["sut.test"]).write(dir, "sut");
        base.extra(&format!(
            "[[listen]]\ntransport = \"wss\"\nbind = \"{{sut.ip}}:{WS}\"\n\
             tls = {{ certificate = \"sut.pem\", key = \"sut.key\" }}"
        ))
    };
    let bed = Bed::start_with(env!("CARGO_BIN_EXE_tandem"), prepare);
    let kind = Kind::Wss {
        client: authority.client(None),
        name: "sut.test".to_owned(),
    };
    let (alice, bob) = (bed.connected("A", bed.places.a, WS, kind), bed.peer_b1());
    let (call, leg) = up(&bed, &alice, &bob);
    hold(&bed, &call, &leg);
    hang_up(&leg, &call);
    assert_eq!(alice.connections().open(), 1);
    drop(call);
    drop(alice);
    bed.finish(1);
}

// --- IPv6 ------------------------------------------------------------------------------------------

#[test]
fn a_call_crosses_from_tcp_to_tcp_over_ipv6() {
    let bed = tcp(|setup| {
        setup.ipv6().without("b1").without("b2").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                "sources = [\"{b1}\"]",
            ],
        )
    });
    let sut = bed.places.sut;
    let alice = bed.connected("A", bed.places.a, sut.port(), Kind::Tcp);
    let bob = bed.connected("B1", bed.places.b1, sut.port(), Kind::Tcp);
    let (call, leg) = up(&bed, &alice, &bob);
    let via = header(&invite_of(&leg), HeaderId::Via);
    assert!(via.starts_with(&format!("SIP/2.0/TCP {sut};")), "{via}");
    hold(&bed, &call, &leg);
    hang_up(&leg, &call);
    assert_eq!(
        (alice.connections().accepted(), bob.connections().accepted()),
        (0, 1)
    );
    drop((call, leg));
    drop((alice, bob));
    bed.finish(1);
}

// --- a connection that the other side has made ---------------------------------------------------------

/// RFC 5923: a carrier behind a firewall connects, says `alias`, and gets its calls over that connection.
#[test]
fn a_trunk_that_says_alias_is_called_over_its_own_connection() {
    let bed = tcp(|setup| {
        setup.without("b1").without("b2").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                "sources = [\"{b1}\"]",
                "alias = true",
            ],
        )
    });
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    bob.connections().stop_listening();
    let hello = options(&bob, 1).replace(";branch=", ";alias;branch=");
    bob.send_raw(bob.sut(), hello.as_bytes());
    bob.wait("an answer", is_answer(200, "OPTIONS"));
    let alice = bed.peer_a();
    let (call, leg) = up(&bed, &alice, &bob);
    hang_up(&call, &leg);
    assert_eq!((bob.connections().accepted(), bob.connections().open()), (0, 1));
    drop((call, leg));
    drop(bob);
    bed.finish(1);
}

/// Such a connection breaks with an INVITE under way: the next carrier is asked at once.
#[test]
fn lc_01_a_connection_that_stands_for_a_carrier_breaks() {
    let bed = tcp(|setup| {
        setup.without("b1").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                "sources = [\"{b1}\"]",
                "alias = true",
                "priority = 0",
            ],
        )
    });
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    bob.connections().stop_listening();
    let hello = options(&bob, 1).replace(";branch=", ";alias;branch=");
    bob.send_raw(bob.sut(), hello.as_bytes());
    bob.wait("an answer", is_answer(200, "OPTIONS"));
    let (alice, carol) = (bed.peer_a(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    drop(bob.incoming());
    let broken = std::time::Instant::now();
    bob.connections().close();
    let leg = carol.incoming();
    assert!(broken.elapsed() < ms(1500), "{:?}", broken.elapsed());
    support::connect(&call, &leg, &sdp::offer(bed.places.rtp_b2));
    hang_up(&call, &leg);
    drop((call, leg));
    drop(bob);
    bed.finish(1);
}

/// What a peer has no word for in so long is closed; the next call makes another connection.
#[test]
fn a_connection_that_nobody_uses_is_closed() {
    let bed = tcp(|setup| {
        setup
            .extra("[sip.connections]\nidle = \"1s\"")
            .without("b1")
            .trunk(
                "b1",
                &[
                    "role = \"carrier\"",
                    "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                    "sources = [\"{b1}\"]",
                    "priority = 0",
                ],
            )
    });
    let (alice, bob) = (bed.peer_a(), bed.connected("B1", bed.places.b1, 5060, Kind::Tcp));
    for accepted in [1, 2] {
        let (call, leg) = up(&bed, &alice, &bob);
        hang_up(&call, &leg);
        assert_eq!(bob.connections().accepted(), accepted);
        until("the connection is closed", || {
            bob.connections().look();
            bob.connections().open() == 0
        });
    }
    assert_eq!(bed.metrics().sum("tandem_connections"), Some(0.0));
    drop(bob);
    bed.finish(2);
}

// --- phones ----------------------------------------------------------------------------------------

const ALICE: (&str, &str) = ("alice", "wonder");
const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\" }]";

/// A phone registers by this transport, gets a call and a message over its connection, and closes it.
fn phone_until_it_closes(bed: &Bed, desk: &SipPeer) {
    let pbx = bed.peer_a();
    let phone = Phone::new(desk, ALICE);
    phone.comes();
    let (call, leg) = {
        let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
        let leg = desk.incoming();
        leg.answer(&sdp::offer(bed.places.rtp_x));
        call.expect(200);
        call.ack();
        leg.expect_request("ACK");
        (call, leg)
    };
    hang_up(&leg, &call);
    let text = [("Content-Type", "text/plain")];
    page(&pbx, "MESSAGE", &target(bed, "alice"), &text, "hello");
    let message = desk.wait("MESSAGE", is("MESSAGE")).message;
    reply_raw(desk, &message, 200, "d", &[], None);
    pbx.wait("200", is_answer(200, "MESSAGE"));
    let connections = desk.connections();
    assert_eq!((connections.accepted(), connections.open()), (0, 1));
    connections.close();
}

/// RFC 5626 §5.3: who can't be connected to is not registered any more when its connection is gone.
#[test]
fn a_websocket_phone_is_registered_for_as_long_as_it_is_connected() {
    let bed = support::bed(|base| {
        base.trunk("phones", &["role = \"customer\"", USERS])
            .extra(&format!(
                "[[listen]]\ntransport = \"ws\"\nbind = \"{{sut.ip}}:{WS}\""
            ))
    });
    let desk = bed.connected("desk", bed.places.x, WS, Kind::Ws);
    phone_until_it_closes(&bed, &desk);
    until("the registration ends", || bindings(&bed).is_empty());
    let pbx = bed.peer_a();
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(480);
    call.ack_failure();
    // It comes again.
    Phone::new(&desk, ALICE).comes();
    assert_eq!(bindings(&bed).len(), 1);
    drop(desk);
    until("the registration ends", || bindings(&bed).is_empty());
    bed.finish_lingering(2, 0);
}

/// A TCP phone that no NAT hides is connected to at its Contact.
#[test]
fn a_tcp_phone_is_connected_to_when_its_connection_is_gone() {
    let bed = tcp(|setup| setup.trunk("phones", &["role = \"customer\"", USERS]));
    let desk = bed.connected("desk", bed.places.x, 5060, Kind::Tcp);
    phone_until_it_closes(&bed, &desk);
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    let pbx = bed.peer_a();
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = desk.incoming();
    assert_eq!(desk.connections().accepted(), 1);
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    assert_eq!(bindings(&bed).len(), 1);
    drop(leg);
    drop(desk);
    bed.finish_lingering(2, 1);
}

// --- our own registrations -----------------------------------------------------------------------------

/// A registrar's URI says the transport; calls follow it there.
#[test]
fn we_register_by_tcp_and_are_called_over_that_connection() {
    const REGISTER: &str = "register = { uri = \"sip:{b1};transport=tcp\", username = \"tandem\", \
                            password = \"secret\", expires = \"300s\" }";
    let bed = tcp(|setup| setup.without("b2"));
    let b1 = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    let registrar = Registrar(&b1);
    registers(&bed, REGISTER);
    let register = registrar.next();
    assert!(header(&register.message, HeaderId::Via).starts_with("SIP/2.0/TCP "));
    assert!(header(&register.message, HeaderId::Contact).contains(";transport=tcp"));
    registrar.challenge(&register, "N1", "");
    let register = registrar.next();
    registrar.grant(&register, 300);
    wait_state(&bed, "b1", "registered");
    let alice = bed.peer_a();
    let (call, leg) = up(&bed, &alice, &b1);
    hang_up(&call, &leg);
    assert_eq!(b1.connections().accepted(), 1);
    drop((call, leg));
    taken_back(&bed, &registrar, 1);
}

/// The connection is no leftover; whoever takes the registration back makes another.
fn taken_back(bed: &Bed, registrar: &Registrar<'_>, calls: usize) {
    registrar.0.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    bed.assert_quiet(calls);
    proc::terminate(bed.pid());
    let last = registrar.next();
    assert_eq!(asked(&last), 0, "un-REGISTER");
    registrar.grant(&last, 0);
    until("the process ends", || !bed.is_alive());
}

/// The certificate has to be the registrar's.
#[test]
fn we_register_by_tls_with_whom_the_trunk_names() {
    const REGISTER: &str = "register = { uri = \"sip:{b1};transport=tls\", username = \"tandem\", \
                            password = \"secret\", expires = \"300s\" }";
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let b1 = tls.carrier("c.test", false);
    let registrar = Registrar(&b1);
    registers(bed, REGISTER);
    let register = registrar.next();
    assert!(header(&register.message, HeaderId::Via).starts_with("SIP/2.0/TLS "));
    assert_eq!(uri(&register.message), format!("sip:{}", bed.places.b1));
    registrar.grant(&register, 300);
    wait_state(bed, "b1", "registered");
    assert_eq!(b1.connections().asked().as_deref(), Some("c.test"));
    taken_back(bed, &registrar, 0);
}
