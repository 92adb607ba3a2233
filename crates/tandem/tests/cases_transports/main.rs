//! Calls over TCP, and what goes wrong on connections elsewhere: ones that are not used again, long requests that get lost, peers
//! that hold on to what they have.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

#[path = "../support/mod.rs"]
mod support;

mod long;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::connected::{hold, options, tcp, up};
use support::{MOMENT, NUMBER, hang_up, header, invite_of, ms, text, until, uri, values};
use testbed::stream::{Kind, dial};
use testbed::{Bed, SipPeer, sdp};

#[test]
fn a_call_crosses_from_tcp_to_udp_and_back_over_one_connection() {
    let bed = tcp(|setup| setup);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.peer_b1();
    let (call, leg) = up(&bed, &alice, &bob);
    let invite = invite_of(&leg);
    assert!(
        header(&invite, HeaderId::Via).starts_with("SIP/2.0/UDP "),
        "{invite:?}"
    );
    assert!(
        !header(&invite, HeaderId::Contact).contains("transport"),
        "{invite:?}"
    );
    hold(&bed, &call, &leg);
    // The called side hangs up: the BYE takes the caller's connection.
    hang_up(&leg, &call);
    let connections = alice.connections();
    assert_eq!((connections.accepted(), connections.open()), (0, 1));
    drop(call);
    drop(alice);
    bed.finish(1);
}

#[test]
fn a_call_crosses_from_udp_to_tcp_and_every_request_takes_the_one_connection() {
    let bed = tcp(|setup| {
        setup.without("b1").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                "sources = [\"{b1}\"]",
                "priority = 0",
            ],
        )
    });
    let alice = bed.peer_a();
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    for _ in 0..2 {
        let (call, leg) = up(&bed, &alice, &bob);
        let invite = invite_of(&leg);
        let via = header(&invite, HeaderId::Via);
        assert!(
            via.starts_with(&format!("SIP/2.0/TCP {}", bed.places.sut)),
            "{via}"
        );
        let contact = header(&invite, HeaderId::Contact);
        assert_eq!(contact, format!("<sip:{};transport=tcp>", bed.places.sut));
        assert_eq!(
            uri(&invite),
            format!("sip:{NUMBER}@{};transport=tcp", bed.places.b1)
        );
        hold(&bed, &call, &leg);
        hang_up(&call, &leg);
    }
    assert_eq!(bob.connections().accepted(), 1);
    // It goes; the next call makes another.
    bob.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    let (call, leg) = up(&bed, &alice, &bob);
    hang_up(&leg, &call);
    assert_eq!(bob.connections().accepted(), 2);
    drop((call, leg));
    drop(bob);
    bed.finish(3);
}

#[test]
fn an_answer_goes_by_a_new_connection_when_that_of_its_request_is_gone() {
    let bed = tcp(|setup| setup);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.peer_b1();
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    alice.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    assert_eq!(alice.connections().accepted(), 1, "to the port in its Via");
    call.ack();
    leg.expect_request("ACK");
    hang_up(&leg, &call);
    drop(call);
    drop(alice);
    bed.finish(1);
}

#[test]
fn a_carrier_that_nobody_listens_at_by_tcp_is_failed_over_at_once() {
    let bed = tcp(|setup| {
        setup.without("b1").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
                "priority = 0",
            ],
        )
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b2());
    let start = Instant::now();
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    hang_up(&call, &leg);
    bed.finish(1);
}

// --- cases of other families, by TCP ---------------------------------------------------------------

fn carrier_by_tcp(setup: testbed::Setup) -> testbed::Setup {
    setup.without("b1").trunk(
        "b1",
        &[
            "role = \"carrier\"",
            "targets = [{ uri = \"sip:{b1};transport=tcp\" }]",
            "sources = [\"{b1}\"]",
            "priority = 0",
        ],
    )
}

/// RFC 3261 §13.3.1.4: a 200 is repeated over any transport until its ACK comes; copies of the carrier's are ACKed.
#[test]
fn tx_01_tx_02_by_tcp() {
    let bed = tcp(carrier_by_tcp);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    leg.expect_request("ACK");
    call.expect(200);
    leg.repeat();
    bob.listen(ms(100));
    assert_eq!(bob.repeats(support::is("ACK")), 1);
    alice.listen(ms(500));
    assert!(alice.repeats(support::is_answer(200, "INVITE")) >= 2);
    call.ok("BYE");
    leg.ok("BYE");
    drop((call, leg));
    drop((alice, bob));
    support::check(&bed.finish(1)[0], "ack-timeout", 200, "switch", 1);
}

/// CANCEL crosses the 200, by TCP.
#[test]
fn tx_03_by_tcp() {
    let bed = tcp(carrier_by_tcp);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    call.cancel();
    let cancel = leg.expect_request("CANCEL");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    leg.reply_to(&cancel, 200, &[], None);
    call.expect(200);
    call.expect(487);
    call.ack_failure();
    leg.expect_request("ACK");
    leg.ok("BYE");
    alice.expect_silence(MOMENT);
    drop((call, leg));
    drop((alice, bob));
    support::check(&bed.finish_lingering(1, 1)[0], "cancelled", 487, "caller", 1);
}

/// The caller's connection goes in mid-call, and the carrier's with it: each end is reached anew, and may speak over another.
#[test]
fn sm_12_hold_over_new_connections() {
    let bed = tcp(carrier_by_tcp);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    let (call, leg) = up(&bed, &alice, &bob);
    alice.connections().close();
    bob.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    hold(&bed, &call, &leg);
    alice.connections().close();
    bob.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    bob.connections().connect(bob.sut()).unwrap();
    leg.reinvite(Some(&sdp::session(bed.places.rtp_b1, 7, "sendrecv")));
    call.expect_request("INVITE");
    call.answer(&sdp::session(bed.places.rtp_a, 7, "sendrecv"));
    leg.expect(200);
    leg.ack();
    call.expect_request("ACK");
    hang_up(&leg, &call);
    drop((call, leg));
    drop((alice, bob));
    bed.finish(1);
}

// --- framing ---------------------------------------------------------------------------------------

#[test]
fn px_03_messages_in_one_segment_and_a_message_in_many() {
    let bed = tcp(|setup| setup);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let sut = alice.sut();
    let many: String = (0..20).map(|n| options(&alice, n)).collect();
    alice.send_raw(sut, format!("\r\n{many}\r\n\r\n").as_bytes());
    for _ in 0..20 {
        alice.wait("an answer", support::is_answer(200, "OPTIONS"));
    }
    until("the keep-alive is answered", || {
        alice.connections().look();
        alice.connections().pongs() == 1
    });
    for piece in options(&alice, 99).as_bytes().chunks(7) {
        alice.send_raw(sut, piece);
    }
    alice.wait("an answer", support::is_answer(200, "OPTIONS"));
    assert_eq!(alice.connections().open(), 1);
    drop(alice);
    bed.finish(0);
}

#[test]
fn px_03_torture_messages_over_tcp_leave_a_switch_that_serves() {
    let bed = tcp(|setup| setup);
    let sut = SocketAddr::new(bed.places.sut.ip(), 5060);
    for case in sip_msg::torture::all() {
        let mut stream = dial(bed.places.x, sut).unwrap();
        let _ = stream.write_all(case.bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    let bob = bed.peer_b1();
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let (call, leg) = up(&bed, &alice, &bob);
    hang_up(&call, &leg);
    drop(call);
    drop(alice);
    bed.finish(1);
}

#[test]
fn px_03_a_message_that_ends_nowhere_is_refused_and_its_connection_closed() {
    let bed = tcp(|setup| setup);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let sut = alice.sut();
    let unended = options(&alice, 1).replace("Content-Length: 0\r\n", "");
    alice.send_raw(sut, unended.as_bytes());
    alice.wait("a refusal", support::is_answer(400, "OPTIONS"));
    until("it is closed", || {
        alice.connections().look();
        alice.connections().open() == 0
    });
    drop(alice);
    bed.finish(0);
}

// --- limits ----------------------------------------------------------------------------------------

/// Whether the other side has closed it within ten seconds.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn who_says_nothing_and_who_never_ends_are_disconnected() {
    let bed = tcp(|setup| setup.extra("[sip.connections]\nfirst_message = \"600ms\"\nframe = \"300ms\""));
    let sut = SocketAddr::new(bed.places.sut.ip(), 5060);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    alice.send_raw(sut, options(&alice, 1).as_bytes());
    alice.wait("an answer", support::is_answer(200, "OPTIONS"));
    let mut silent = dial(bed.places.x, sut).unwrap();
    let mut alive = dial(bed.places.x, sut).unwrap();
    let mut slow = dial(bed.places.x, sut).unwrap();
    let start = Instant::now();
    slow.write_all(b"OPTIONS sip:x SIP/2.0\r\nVia: ").unwrap();
    // An octet now and then does not help, nor do keep-alives.
    for _ in 0..20 {
        std::thread::sleep(ms(50));
        let _ = slow.write_all(b"x");
        let _ = alive.write_all(b"\r\n\r\n");
    }
    assert!(is_closed(&mut slow) && is_closed(&mut silent) && is_closed(&mut alive));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    // Who has said something may be silent.
    alice.send_raw(sut, options(&alice, 2).as_bytes());
    alice.wait("an answer", support::is_answer(200, "OPTIONS"));
    assert_eq!(alice.connections().open(), 1);
    assert_eq!(
        bed.metrics()
            .sum_where("tandem_connections_total", "fate=\"late\""),
        Some(3.0)
    );
    drop(alice);
    bed.finish(0);
}

#[test]
fn ten_thousand_connections_of_one_stranger_leave_room_for_others() {
    let bed = tcp(|setup| setup.extra("[sip.connections]\nmax = 120\nper_address = 100"));
    let sut = SocketAddr::new(bed.places.sut.ip(), 5060);
    let mut held = Vec::new();
    for _ in 0..10_000 {
        let Ok(stream) = dial(bed.places.x, sut) else {
            continue;
        };
        if held.len() < 150 {
            held.push(stream);
        }
    }
    let metrics = bed.metrics();
    assert!(
        metrics.sum("tandem_connections") <= Some(100.0),
        "{}",
        metrics.dump()
    );
    let bob = bed.peer_b1();
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let (call, leg) = up(&bed, &alice, &bob);
    hang_up(&call, &leg);
    assert!(
        bed.metrics()
            .sum_where("tandem_connections_total", "fate=\"refused\"")
            >= Some(9000.0)
    );
    drop(call);
    drop((alice, held));
    bed.finish(1);
}

#[test]
fn a_peer_that_stops_reading_is_disconnected_and_nobody_waits_for_it() {
    let bed = tcp(|setup| setup.extra("[sip.connections]\nwrite = \"500ms\""));
    let sut = SocketAddr::new(bed.places.sut.ip(), 5060);
    let mut deaf = dial(bed.places.x, sut).unwrap();
    deaf.set_nonblocking(true).unwrap();
    let _ = socket2::SockRef::from(&deaf).set_recv_buffer_size(4096);
    let helper = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let bob = bed.peer_b1();
    let mut number = 0;
    let mut pending: Vec<u8> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    let closed = loop {
        assert!(Instant::now() < deadline, "it is never disconnected");
        if pending.is_empty() {
            number += 1;
            pending = options(&helper, number).into_bytes();
        }
        match deaf.write(&pending) {
            Ok(count) => drop(pending.drain(..count)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(ms(5)),
            Err(_) => break true,
        }
        if number == 200 {
            let (call, leg) = up(&bed, &helper, &bob);
            hang_up(&call, &leg);
            number += 1;
        }
    };
    assert!(closed);
    drop((helper, deaf));
    bed.finish(1);
}

// --- STUN ------------------------------------------------------------------------------------------

#[test]
fn a_binding_request_on_the_sip_port_is_answered() {
    let bed = support::quick(|setup| setup);
    let socket = std::net::UdpSocket::bind(SocketAddr::new(bed.places.x.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    socket.send_to(&request, bed.places.sut).unwrap();
    let mut answer = [0; 100];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(
        (&answer[..2], &answer[8..20], length),
        (&[1, 1][..], &[7; 12][..], 32)
    );
    let port = u16::from_be_bytes([answer[26] ^ 0x21, answer[27] ^ 0x12]);
    assert_eq!(port, socket.local_addr().unwrap().port());
    bed.finish(0);
}

#[test]
fn values_of_a_via_come_back_as_they_were_and_rport_is_filled_in() {
    let bed = tcp(|setup| setup);
    let alice = bed.connected("A", bed.places.a, 5060, Kind::Tcp);
    let message = options(&alice, 1).replace(";branch=", ";rport;branch=");
    alice.send_raw(alice.sut(), message.as_bytes());
    let answer = alice
        .wait("an answer", support::is_answer(200, "OPTIONS"))
        .message;
    let via = values(&answer, HeaderId::Via).join(", ");
    assert!(
        via.contains(";received=") && via.contains(";rport=") && !via.contains(";rport;"),
        "{via}"
    );
    assert!(text(answer.raw()).contains("Content-Length: 0"), "{answer:?}");
    drop(alice);
    bed.finish(0);
}
