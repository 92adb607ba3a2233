//! Emergency calls of users who call from everywhere, and of customers while there is too much to do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_proto::{Flow, ListenerId, PeerId, Transport};
use switch::{Now, Sifted, Switch, SwitchConfig};
use testkit::bed::{A, B1, Bed, CONFIG, X, addr};
use testkit::{Party, Sip};

use super::registrations::register;

const PHONES: &str = "[[trunk]]\nname = \"phones\"\nrole = \"customer\"\nusers = [{ username = \"alice\", password = \"secret\" }]\n";

/// Alice's INVITE to a number: challenged, she answers with this password. What comes then.
fn call(bed: &mut Bed, alice: &mut Party, number: &str, password: &str) -> Option<Sip> {
    let uri = format!("sip:{number}@127.0.0.1:5060");
    alice.target = uri.clone();
    alice.remote = format!("<{uri}>");
    let invite = alice.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(X, &invite);
    bed.wait(10);
    let challenge = bed.drain(X).pop()?.1;
    let ack = alice.ack(&challenge);
    bed.send(X, &ack);
    let answer = testkit::answer(
        challenge.need("WWW-Authenticate"),
        "INVITE",
        &uri,
        "alice",
        password,
    );
    let invite = alice.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(X, &invite.with("Authorization", answer));
    bed.wait(10);
    bed.drain(X)
        .into_iter()
        .map(|(_, sip)| sip)
        .find(|sip| sip.status() != 100)
}

/// Where nobody is known a ban is a ban.
#[test]
fn a_user_who_is_banned_may_call_for_help_from_where_users_are_known() {
    let mut bed = Bed::with(&format!("{CONFIG}{PHONES}"));
    let switch = bed.world.switch_addr();
    let rng = bed.world.rng.fork();
    let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
    bed.world.ban(addr(X).ip(), Duration::from_secs(60));
    assert!(
        call(&mut bed, &mut alice, "112", "secret").is_none(),
        "nobody is known there"
    );
    bed.world.unban(addr(X).ip());
    let contact = format!("<sip:alice@{X}>");
    let mut registers = alice.twin();
    registers.target = format!("sip:{switch}");
    registers.remote = format!("<sip:alice@{switch}>");
    register(
        &mut bed,
        &mut registers,
        &[("Contact", &contact), ("Expires", "600")],
    );
    bed.world.ban(addr(X).ip(), Duration::from_secs(600));
    let mut other = alice.twin();
    assert!(call(&mut bed, &mut other, "+4420", "secret").is_none());
    // Who does not know the password gets no further.
    let mut thief = alice.twin();
    let refused = call(&mut bed, &mut thief, "112", "guessed").unwrap();
    assert_eq!(refused.status(), 401);
    let ack = thief.ack(&refused);
    bed.send(X, &ack);
    let rng = bed.world.rng.fork();
    let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
    call(&mut bed, &mut alice, "112", "secret");
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(at_b.uri(), "sip:112@127.0.0.20:5080");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let gauges = bed.world.switch().gauges();
    assert_eq!((gauges.bans, gauges.counters.emergency_calls), (1, 1));
}

/// While most new calls are turned away, and one that waits would wait for long.
#[test]
fn an_overloaded_switch_turns_no_customers_emergency_call_away() {
    let mut now = Now {
        at: Instant::now(),
        unix_ms: 1_767_225_600_000,
    };
    let config = SwitchConfig {
        shard: 0,
        seed: [7; 32],
    };
    let mut switch = Switch::new(config, testkit::snapshot(CONFIG), now);
    for _ in 0..20 {
        now.at += Duration::from_millis(50);
        switch.waited(now, Duration::from_millis(30));
    }
    assert!(switch.is_overloaded());
    let mut sift = |from: &str, number: &str, n: u32| {
        let remote: SocketAddr = addr(from);
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote,
            conn: None,
            peer: PeerId::default(),
        };
        let text = format!(
            "INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{n};rport\r\n\
             From: <sip:a@{from}>;tag=a{n}\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: c{n}\r\nCSeq: 1 INVITE\r\n\
             Max-Forwards: 70\r\nContact: <sip:a@{from}>\r\nContent-Length: 0\r\n\r\n"
        );
        let ahead = Some(Duration::from_secs(1));
        let sifted = switch.sift(now, flow, text.as_bytes(), ahead, &mut Vec::new());
        matches!(sifted, Sifted::Waits { .. })
    };
    for n in 0..50 {
        assert!(!sift(A, "+442079460000", 100 + n));
        assert!(sift(A, "112", 200 + n));
        assert!(!sift(X, "112", 300 + n), "nobody we know");
    }
}
