//! Requests that are too long for a datagram: by TCP, and by UDP after all where that is not to be had (RFC 3261 §18.1.1).

use super::*;

/// An INVITE of 4 kB: its body has many attributes that nobody knows.
fn long_offer(bed: &Bed) -> String {
    let mut offer = sdp::offer(bed.places.rtp_a);
    for n in 0..60 {
        offer.push_str(&format!("a=x-padding-{n}:{}\r\n", "x".repeat(40)));
    }
    offer
}

/// A long call, then a short one. `bob` gets the long one within `time`; gives its transport.
fn long_then_short(bed: &Bed, bob: &SipPeer, udp: &SipPeer, time: Duration) {
    let alice = bed.peer_a();
    let start = Instant::now();
    let call = alice.invite(NUMBER, Some(&long_offer(bed)));
    let leg = bob.incoming();
    assert!(start.elapsed() < time, "{:?}", start.elapsed());
    let invite = invite_of(&leg);
    assert!(invite.raw().len() > 2500, "{}", invite.raw().len());
    let via = header(&invite, HeaderId::Via);
    assert!(via.starts_with(&format!("SIP/2.0/{} ", bob.via())), "{via}");
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    // His Contact says where he wants the rest of the call.
    leg.expect_request("ACK");
    let short = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let second = udp.incoming();
    let via = header(&invite_of(&second), HeaderId::Via);
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
    second.reply(486);
    second.expect_request("ACK");
    short.expect(486);
    short.ack_failure();
    hang_up(&call, &leg);
    // Nothing more came anywhere: one INVITE for each call.
    bob.expect_silence(MOMENT);
    udp.expect_silence(MOMENT);
}

#[test]
fn px_09_a_long_request_goes_by_tcp_and_a_short_one_by_udp() {
    let bed = tcp(|setup| setup.without("b2"));
    let udp = bed.peer_b1();
    let bob = bed.connected("B1", bed.places.b1, 5060, Kind::Tcp);
    long_then_short(&bed, &bob, &udp, Duration::from_secs(2));
    drop(bob);
    bed.finish_lingering(2, 1);
}

#[test]
fn px_09_b_a_long_request_goes_by_udp_where_tcp_is_refused() {
    let bed = tcp(|setup| setup.without("b2"));
    let bob = bed.peer_b1();
    long_then_short(&bed, &bob, &bob, ms(500));
    bed.finish_lingering(2, 1);
}

#[test]
fn px_09_c_a_long_request_goes_by_udp_where_tcp_vanishes() {
    let bed = tcp(|setup| setup.without("b2"));
    // A listener whose queue is full: what comes on top gets no answer.
    let hole = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    hole.bind(&bed.places.b1.into()).unwrap();
    hole.listen(0).unwrap();
    let mut stuffing = Vec::new();
    for _ in 0..4 {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&bed.places.b1.into());
        stuffing.push(socket);
    }
    let bob = bed.peer_b1();
    long_then_short(&bed, &bob, &bob, Duration::from_secs(3));
    bed.finish_lingering(2, 1);
}

#[test]
fn px_09_d_a_long_request_stays_with_udp_where_the_trunk_says_so() {
    let bed = tcp(|setup| setup.without("b2").key("b1", "udp_only = true"));
    let trap = TcpListener::bind(bed.places.b1).unwrap();
    trap.set_nonblocking(true).unwrap();
    let bob = bed.peer_b1();
    long_then_short(&bed, &bob, &bob, ms(500));
    assert!(trap.accept().is_err(), "nobody asked by TCP");
    bed.finish_lingering(2, 1);
}

/// The connection takes the INVITE and breaks before anybody has answered: it goes by UDP, at once.
#[test]
fn px_09_e_a_long_request_goes_by_udp_where_the_connection_breaks() {
    for reset in [false, true] {
        let bed = tcp(|setup| setup.without("b2"));
        let trap = TcpListener::bind(bed.places.b1).unwrap();
        let taker = std::thread::spawn(move || {
            let (mut stream, _) = trap.accept().unwrap();
            let mut taken = [0; 4096];
            let count = stream.read(&mut taken).unwrap();
            assert!(text(&taken[..count]).starts_with("INVITE "));
            if reset {
                socket2::SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            }
        });
        let bob = bed.peer_b1();
        long_then_short(&bed, &bob, &bob, ms(1000));
        taker.join().unwrap();
        bed.finish_lingering(2, 1);
    }
}

/// The same for an offer in mid-call, and for what breaks after a 100: nobody is asked twice.
#[test]
fn px_09_f_a_long_offer_in_mid_call_goes_by_udp_where_the_connection_breaks() {
    let bed = tcp(|setup| setup.without("b2"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (call, leg) = up(&bed, &alice, &bob);
    let trap = TcpListener::bind(bed.places.b1).unwrap();
    let taker = std::thread::spawn(move || {
        let (mut stream, _) = trap.accept().unwrap();
        let mut taken = [0; 4096];
        stream.read(&mut taken).unwrap()
    });
    let hold = long_offer(&bed).replace("a=sendrecv", "a=sendonly");
    call.reinvite(Some(&hold));
    let reinvite = leg.expect_request("INVITE");
    assert!(reinvite.raw().len() > 2500);
    assert!(taker.join().unwrap() > 0);
    leg.answer(&sdp::session(bed.places.rtp_b1, 1, "recvonly"));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    bob.expect_silence(MOMENT);
    hang_up(&call, &leg);
    bed.finish(1);
}
