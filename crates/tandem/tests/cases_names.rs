//! Targets that are names: services with several places, one of which is down, and name servers that are slow, silent or wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::HeaderId;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};
use support::{MOMENT, NUMBER, check, invite_of, is, is_answer, ms, quick, text};
use testbed::dns::{Dns, kind};
use testbed::{Bed, Call, Record, Setup, SipPeer, sdp};

/// One carrier that is a domain, asked of a name server of the test's.
fn named(setup: Setup) -> Setup {
    setup
        .without("b1")
        .without("b2")
        .trunk(
            "c",
            &[
                "role = \"carrier\"",
                "targets = [{ uri = \"sip:c.test\" }]",
                "sources = [\"{b1}\", \"{b2}\"]",
            ],
        )
        .extra("[dns]\nservers = [\"{dns}\"]")
}

/// A name server with the service `c.test` at B1, and then at B2. The bare name is somewhere else, where nobody may be called.
fn service(bed: &Bed) -> (Dns, UdpSocket) {
    let dns = Dns::start(bed.places.dns);
    dns.srv_at("_sip._udp.c.test", [10, 1], bed.places.b1, 60);
    dns.srv_at("_sip._udp.c.test", [20, 1], bed.places.b2, 60);
    dns.address("c.test", bed.places.x.ip(), 60);
    let bare = UdpSocket::bind(SocketAddr::new(bed.places.x.ip(), 5060)).unwrap();
    bare.set_nonblocking(true).unwrap();
    (dns, bare)
}

/// Nobody asked for the address of the bare name, nor called it.
fn assert_untouched(dns: &Dns, bare: &UdpSocket) {
    assert_eq!(dns.count("c.test", kind::A), 0);
    assert!(bare.recv_from(&mut [0; 9]).is_err(), "the bare name was called");
}

/// A call that this peer takes, and that its caller ends.
fn call_through<'p>(bed: &Bed, alice: &'p SipPeer, to: &SipPeer) -> Call<'p> {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = to.incoming();
    finish(bed, &call, &leg);
    call
}

fn finish(bed: &Bed, call: &Call<'_>, leg: &Call<'_>) {
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
}

/// Outcome and address of each attempt.
fn attempts(record: &Record) -> Vec<(String, String)> {
    (0..record.count("attempts"))
        .map(|at| {
            let of = |key: &str| record.text(&format!("attempts.{at}.{key}")).to_owned();
            (of("outcome"), of("address"))
        })
        .collect()
}

fn tried(list: &[(&str, SocketAddr)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(word, at)| ((*word).to_owned(), at.to_string()))
        .collect()
}

/// RG-08 T1. The first place's port is closed: the second has the INVITE at once. A place is no attempt: one is allowed here.
#[test]
fn rg_08_a_closed_port_leads_to_the_next_place_at_once() {
    // Where it took longer the machine may have been busy.
    let quick = (0..3).any(|_| past_a_closed_port() <= 100);
    assert!(quick, "three times more than 100 ms");
}

/// Milliseconds between the two INVITEs.
fn past_a_closed_port() -> u64 {
    let bed = quick(|setup| named(setup).key("c", "failover = { attempts = 1 }"));
    let (dns, bare) = service(&bed);
    let (alice, carol) = (bed.peer_a(), bed.peer_b2());
    call_through(&bed, &alice, &carol);
    assert_untouched(&dns, &bare);
    let (b1, b2) = (bed.places.b1, bed.places.b2);
    let records = bed.finish(1);
    check(&records[0], "normal", 200, "caller", 2);
    assert_eq!(
        attempts(&records[0]),
        tried(&[("unreachable", b1), ("answered", b2)])
    );
    records[0].number("attempts.1.offset_ms") - records[0].number("attempts.0.offset_ms")
}

/// RG-08 T2. The first place is silent: the second is asked when its time to say 100 is over, long before the transaction's.
#[test]
fn rg_08_a_silent_place_has_its_time_and_no_more() {
    let bed = quick(|setup| named(setup).key("c", "failover = { trying = \"300ms\" }"));
    let (dns, bare) = service(&bed);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    call_through(&bed, &alice, &carol);
    bob.wait("INVITE", is("INVITE"));
    assert_untouched(&dns, &bare);
    let (b1, b2) = (bed.places.b1, bed.places.b2);
    let records = bed.finish(1);
    assert_eq!(
        attempts(&records[0]),
        tried(&[("timeout-trying", b1), ("answered", b2)])
    );
    let took = records[0].number("attempts.1.offset_ms") - records[0].number("attempts.0.offset_ms");
    assert!((300..1000).contains(&took), "{took} ms");
}

/// RG-08 T3 and T5. The first place refuses with 503: its ACK goes to it, on the INVITE's branch, and the second place takes the call. The
/// next call goes straight there; when the first has rested, one call tries it again.
#[test]
fn rg_08_a_place_that_refuses_is_acked_passed_over_and_tried_again() {
    let bed = quick(|setup| named(setup).key("c", "failover = { rest = \"2s\" }"));
    let (dns, bare) = service(&bed);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let refused = bob.incoming();
    refused.reply(503);
    let since = Instant::now();
    let ack = refused.expect_request("ACK");
    let branch = |message: &sip_msg::Message| text(message.top_via().branch().unwrap_or_default());
    assert_eq!(branch(&ack), branch(&invite_of(&refused)));
    let leg = carol.incoming();
    assert_ne!(leg.call_id(), refused.call_id());
    finish(&bed, &call, &leg);

    call_through(&bed, &alice, &carol);
    bob.expect_silence(ms(0));
    thread::sleep(ms(2100).saturating_sub(since.elapsed()));
    call_through(&bed, &alice, &bob);
    assert_untouched(&dns, &bare);
    assert_eq!(dns.count("_sip._udp.c.test", kind::SRV), 1);
    let records = bed.finish_lingering(3, 1);
    let counts: Vec<usize> = records.iter().map(|record| record.count("attempts")).collect();
    assert_eq!(counts, [2, 1, 1]);
}

/// RG-08 T4. Both refuse: the caller hears that, and the bare name is not called in their place.
#[test]
fn rg_08_when_all_places_refuse_the_call_fails() {
    let bed = quick(named);
    let (dns, bare) = service(&bed);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    for peer in [&bob, &carol] {
        let leg = peer.incoming();
        leg.reply(503);
        leg.expect_request("ACK");
    }
    call.expect(503);
    call.ack_failure();
    assert_untouched(&dns, &bare);
    // A target whose places have all failed is asked all the same: there is no other.
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    finish(&bed, &call, &leg);
    let records = bed.finish_lingering(2, 2);
    check(&records[0], "no-carrier", 503, "switch", 2);
}

/// RG-08. The called party's word is no place's fault: nobody is rung twice.
#[test]
fn rg_08_busy_is_not_asked_for_twice() {
    let bed = quick(named);
    let _dns = service(&bed);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    carol.expect_silence(MOMENT);
    bed.finish_lingering(1, 1);
}

/// RG-08. OPTIONS are sent to each place; a dead one does not take the carrier down, and calls go to the one that answers
/// without having to try.
#[test]
fn rg_08_pings_follow_the_place_that_lives() {
    let bed = quick(|setup| named(setup).key("c", "options_interval = \"200ms\""));
    let (_dns, _bare) = service(&bed);
    let (alice, carol) = (bed.peer_a(), bed.peer_b2());
    for _ in 0..5 {
        let ping = carol.wait("OPTIONS", is("OPTIONS")).message;
        support::reply_raw(&carol, &ping, 200, "pinged", &[], None);
    }
    let trunks = bed.get("/v1/trunks").body;
    assert!(trunks.contains("\"up\":true"), "{trunks}");
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = carol.incoming();
    finish(&bed, &call, &leg);
    let records = bed.finish_lingering(1, 9);
    assert_eq!(records[0].count("attempts"), 1, "{records:#?}");
}

/// RG-08. A registration that finds the first place silent is at the second when a call would be, and refreshed there.
#[test]
fn rg_08_a_registration_goes_on_to_the_place_that_lives() {
    let bed = quick(|setup| {
        // A transaction takes 12.8 s to come to nothing.
        named(setup.t1_ms(200)).key(
            "c",
            "failover = { trying = \"300ms\" }\nregister = { uri = \"sip:c.test\", username = \"us\", password = \"secret\" }",
        )
    });
    let (dns, bare) = service(&bed);
    let (bob, carol) = (bed.peer_b1(), bed.peer_b2());
    let register = bob.wait("REGISTER", is("REGISTER"));
    let at = Instant::now();
    let second = carol.wait("REGISTER", is("REGISTER")).message;
    assert!(at.elapsed() < Duration::from_secs(3), "{:?}", at.elapsed());
    // Whoever lives has the time of a transaction.
    support::reply_raw(&carol, &second, 100, "", &[], None);
    carol.expect_silence(ms(500));
    let contact = format!("{};expires=1", support::header(&second, HeaderId::Contact));
    support::reply_raw(&carol, &second, 200, "r", &[("Contact", &contact)], None);
    let refresh = carol.wait("REGISTER", is("REGISTER")).message;
    assert_eq!(refresh.call_id(), register.message.call_id());
    let contact = contact.replace("expires=1", "expires=300");
    support::reply_raw(&carol, &refresh, 200, "r", &[("Contact", &contact)], None);
    support::until("not registered", || {
        bed.get("/v1/trunks").body.contains("\"state\":\"registered\"")
    });
    bob.expect_silence(MOMENT);
    assert_untouched(&dns, &bare);
    drop(bed);
}

/// RG-08. Of places with the same priority each has its share by weight (RFC 2782).
#[test]
fn rg_08_weights_share_the_calls() {
    let bed = quick(named);
    let dns = Dns::start(bed.places.dns);
    dns.srv_at("_sip._udp.c.test", [10, 1], bed.places.b1, 60);
    dns.srv_at("_sip._udp.c.test", [10, 3], bed.places.b2, 60);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let mut shares = [0u32; 2];
    const CALLS: usize = 60;
    for _ in 0..CALLS {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let (at, leg) = loop {
            let peers = [&bob, &carol].into_iter().enumerate();
            let asked = peers.filter_map(|(at, peer)| {
                let got = peer.wait_for("INVITE", ms(5), is("INVITE"))?;
                Some((at, peer.taken(&got.message, got.from)))
            });
            if let Some(found) = asked.into_iter().next() {
                break found;
            }
        };
        shares[at] += 1;
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
    }
    // A quarter; four standard deviations are 13.
    assert!((2..=28).contains(&shares[0]), "{shares:?}");
    bed.finish_lingering(CALLS, CALLS);
}

/// Three carriers for three kinds of numbers: one whose name is answered late, one whose name is not there, one that is an address. The
/// first two have the last for their second.
fn three(setup: Setup) -> Setup {
    let carrier = |setup: Setup, name: &str| {
        let target = format!("targets = [{{ uri = \"sip:{name}.test\" }}]");
        setup.trunk(
            name,
            &["role = \"carrier\"", &target, "failover = { trying = \"500ms\" }"],
        )
    };
    let rules = "[[number]]\nmatch = \"+441*\"\nto = [\"slow\", \"b1\"]\n[[number]]\nmatch = \"+442*\"\nto = [\"nx\", \"b1\"]\n\
                 [[number]]\nmatch = \"*\"\nto = \"b1\"";
    carrier(carrier(setup.without("b2"), "slow"), "nx")
        .extra("[dns]\nservers = [\"{dns}\"]")
        .extra(rules)
}

/// RG-09. Fifty calls wait for a name server while others go through as ever; a name that is not there leads to the next carrier at
/// once, one that is not answered when the target's time is over. Nobody asks for an address that is written, and nobody twice.
#[test]
fn rg_09_a_slow_name_server_stalls_nobody() {
    // B1 is one socket: sixty INVITEs are not to be repeated while it is at work on them.
    let bed = support::bed(|setup| three(setup.t1_ms(200)));
    let dns = Dns::start(bed.places.dns);
    for name in ["slow.test", "_sip._udp.slow.test"] {
        dns.delay(name, Duration::from_secs(8));
    }
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer = sdp::offer(bed.places.rtp_a);
    let mut waiting: Vec<Call<'_>> = (0..50)
        .map(|n| alice.invite(&format!("+4410000{n:02}"), Some(&offer)))
        .collect();
    // None of those is at B1 yet, and these are.
    for n in 0..10 {
        let number = format!("+4930000{n}");
        let call = alice.invite(&number, Some(&offer));
        let leg = bob.incoming();
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
    }
    for n in 0..10 {
        waiting.push(alice.invite(&format!("+4420000{n:02}"), Some(&offer)));
    }
    for _ in 0..waiting.len() {
        let leg = bob.incoming();
        leg.reply(486);
        leg.expect_request("ACK");
    }
    for call in &waiting {
        call.expect(486);
        call.ack_failure();
    }
    let asked = dns.asked();
    assert!(
        asked
            .iter()
            .all(|(name, _)| name.ends_with("slow.test") || name.ends_with("nx.test")),
        "{asked:?}"
    );
    for name in ["slow.test", "nx.test"] {
        let srv = dns.count(&format!("_sip._udp.{name}"), kind::SRV);
        // Those that are not answered are sent again.
        assert!((1..=4).contains(&srv), "{asked:?}");
    }
    let records = bed.finish_lingering(70, 70);
    let slow = |record: &&Record| record.text("attempts.0.trunk") == "slow";
    assert_eq!(records.iter().filter(slow).count(), 50);
    for record in &records {
        // After some misses such a target comes last.
        let first = (record.text("attempts.0.trunk"), record.text("attempts.0.outcome"));
        let until_next = || record.number("attempts.1.offset_ms");
        match first {
            ("slow", "unreachable") => assert!((500..1500).contains(&until_next()), "{record:#?}"),
            ("nx", "unreachable") => assert!(until_next() <= 500, "{record:#?}"),
            ("b1", "refused") => assert_eq!(record.count("attempts"), 1),
            _ => panic!("{record:#?}"),
        }
    }
}

/// RG-09. A name is asked for once in its TTL, however many calls go there; when the servers fall silent what they last said
/// serves on.
#[test]
fn rg_09_an_answer_holds_for_its_ttl_and_beyond_when_there_is_no_other() {
    let bed = quick(named);
    let dns = Dns::start(bed.places.dns);
    dns.srv_at("_sip._udp.c.test", [10, 1], bed.places.b1, 3);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let began = Instant::now();
    for _ in 0..10 {
        call_through(&bed, &alice, &bob);
    }
    if began.elapsed() < ms(2900) {
        assert_eq!(dns.count("_sip._udp.c.test", kind::SRV), 1, "{:?}", dns.asked());
    }
    thread::sleep(ms(3100).saturating_sub(began.elapsed()));
    dns.silence(true);
    call_through(&bed, &alice, &bob);
    assert!(dns.count("_sip._udp.c.test", kind::SRV) > 1, "it was asked again");
    bed.finish(11);
}

/// TX-04 (c). The caller hangs up while the name server takes its time: nobody is called.
#[test]
fn tx_04_cancel_during_a_lookup_calls_nobody() {
    let bed = quick(named);
    let (dns, _bare) = service(&bed);
    dns.delay("_sip._udp.c.test", Duration::from_secs(1));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    alice.wait("100", is_answer(100, "INVITE"));
    call.cancel();
    alice.wait("200 to CANCEL", is_answer(200, "CANCEL"));
    call.expect(487);
    call.ack_failure();
    bob.expect_silence(ms(1300));
    bed.finish(1);
}

/// SE-03. A trunk's sources may be a name: every place behind it may call, nobody else, and no caller waits for a lookup.
#[test]
fn se_03_a_source_may_be_a_name() {
    let bed = quick(|setup| {
        named(setup)
            .without("c")
            .trunk(
                "c",
                &[
                    "role = \"carrier\"",
                    "targets = [{ uri = \"sip:{b1}\" }]",
                    "source_names = [\"c.test\"]",
                ],
            )
            .extra("[[number]]\nmatch = \"*\"\nto = \"pbx\"")
    });
    let strangers = bed.peer_b2();
    let call = strangers.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b2)));
    call.expect(403);
    call.ack_failure();
    let (_dns, _bare) = service(&bed);
    // The next lookup comes with the reload.
    let toml = std::fs::read_to_string(bed.config()).unwrap();
    bed.write_config(&format!("{toml}\n"));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !bed.log().contains("the addresses of a source") {
        assert!(Instant::now() < deadline, "{}", bed.log());
        thread::sleep(ms(20));
    }
    let alice = bed.peer_a();
    for (peer, rtp) in [
        (&bed.peer_b1(), bed.places.rtp_b1),
        (&strangers, bed.places.rtp_b2),
    ] {
        let call = peer.invite(NUMBER, Some(&sdp::offer(rtp)));
        let leg = alice.incoming();
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
    }
    let other = bed.peer("X", bed.places.x);
    let call = other.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    call.expect(403);
    call.ack_failure();
    bed.finish_lingering(2, 2);
}

/// What the rules say of transports that we don't have is passed over, and the service that they name is the one that is asked for.
#[test]
fn rules_name_the_service() {
    let bed = quick(named);
    let dns = Dns::start(bed.places.dns);
    dns.naptr("c.test", 10, "SIPS+D2T", "_sips._tcp.tls.test", 60);
    dns.naptr("c.test", 20, "SIP+D2U", "_sip._udp.edge.test", 60);
    dns.srv_at("_sip._udp.edge.test", [1, 1], bed.places.b1, 60);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    call_through(&bed, &alice, &bob);
    call_through(&bed, &alice, &bob);
    assert_eq!(dns.count("c.test", kind::NAPTR), 1);
    assert_eq!(dns.count("_sips._tcp.tls.test", kind::SRV), 0);
    bed.finish(2);
}

/// A carrier without a service is its addresses, at 5060; where a port is written nothing else is asked for.
#[test]
fn a_bare_name_is_its_addresses() {
    let bed = quick(|setup| {
        let port = "targets = [{ uri = \"sip:h.test:5080\" }]";
        named(setup).trunk(
            "p",
            &["role = \"carrier\"", port, "priority = 2", "sources = [\"{x}\"]"],
        )
    });
    let dns = Dns::start(bed.places.dns);
    let bare = Ipv4Addr::from(match bed.places.b2 {
        SocketAddr::V4(at) => at.ip().octets(),
        SocketAddr::V6(_) => unreachable!(),
    });
    dns.address("c.test", bare.into(), 60);
    dns.address("h.test", bed.places.b1.ip(), 60);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let plain = bed.peer("5060", SocketAddr::from((bare, 5060)));
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = plain.incoming();
    assert!(support::header(&invite_of(&leg), HeaderId::To).contains("@c.test>"));
    leg.reply(503);
    leg.expect_request("ACK");
    let leg = bob.incoming();
    finish(&bed, &call, &leg);
    let h: Vec<u16> = dns
        .asked()
        .into_iter()
        .filter(|(name, _)| name.ends_with("h.test"))
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(h, [kind::A]);
    bed.finish_lingering(1, 1);
}
