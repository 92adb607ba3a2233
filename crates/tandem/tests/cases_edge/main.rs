//! Who is kept out: strangers, scanners, whoever tries passwords; calls that come back; numbers that cost too much.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod loops;
mod refused;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message};
use support::phone::Phone;
use support::{
    MOMENT, NUMBER, check, header, invite_of, is, is_acceptance, is_answer, ms, quick, request, talk, text,
};
use testbed::{Bed, Setup, SipPeer, digest, proc, sdp};

const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\" }, { username = \"bob\", password = \"builder\" }]";

fn phones(setup: Setup) -> Setup {
    setup.trunk("phones", &["role = \"customer\"", USERS])
}

/// A place on the stranger's address: behind one NAT all have one address.
fn port(bed: &Bed, offset: u16) -> SocketAddr {
    SocketAddr::new(bed.places.x.ip(), 20_000 + offset)
}

/// A request that begins something, of whoever is at `from`.
fn opener(method: &str, from: SocketAddr, sut: SocketAddr, n: usize, lines: &[&str]) -> String {
    let mut all = vec![
        format!("Via: SIP/2.0/UDP {from};branch=z9hG4bKo{n};rport"),
        format!("From: <sip:probe@{from}>;tag=o{n}"),
        format!("To: <sip:100@{sut}>"),
        format!("Call-ID: o{n}@{from}"),
        format!("CSeq: 1 {method}"),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:probe@{from}>"),
    ];
    all.extend(lines.iter().map(|line| (*line).to_owned()));
    request(method, &format!("sip:100@{sut}"), &all, None)
}

fn send(peer: &SipPeer, method: &str, n: usize, lines: &[&str]) {
    let text = opener(method, peer.local(), peer.sut(), n, lines);
    peer.send_raw(peer.sut(), text.as_bytes());
}

/// What `/v1/bans` lists.
fn bans(bed: &Bed) -> Vec<serde_json::Value> {
    serde_json::from_str(&bed.get("/v1/bans").body).expect("a list")
}

fn wait_bans(bed: &Bed, count: usize) -> Vec<serde_json::Value> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let bans = bans(bed);
        if bans.len() == count {
            return bans;
        }
        assert!(Instant::now() < end, "{bans:?}\n{}", bed.log());
        std::thread::sleep(ms(10));
    }
}

fn dropped(bed: &Bed, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    bed.metrics()
        .sum_where("tandem_sip_dropped_total", &label)
        .unwrap_or_default()
}

/// A call from A to B1, from its INVITE to its BYE.
fn one_call(bed: &Bed, alice: &SipPeer, bob: &SipPeer) {
    let held = talk(bed, alice, bob);
    held.call.bye();
    held.leg.ok("BYE");
    held.call.expect(200);
}

/// Every message of the answers that have come to `peer` so far.
fn answers(peer: &SipPeer) -> Vec<Message> {
    let mut all = Vec::new();
    while let Some(next) = peer.wait_for("an answer", ms(300), |incoming| {
        incoming.message.status().is_some()
    }) {
        all.push(next.message);
    }
    all
}

/// SE-04 (a): twenty phones behind one address register again and again, and one of them has an old password. That one is banned, by its
/// name; nobody else is, and nobody is limited.
#[test]
fn se_04_a_phones_behind_one_address_are_not_hit_for_one_of_them() {
    let bed = quick(|setup| phones(setup).extra("[edge.ban]\nduration = \"1h\""));
    let peers: Vec<SipPeer> = (0..20).map(|n| bed.peer("phone", port(&bed, n))).collect();
    let phones: Vec<Phone<'_>> = peers
        .iter()
        .enumerate()
        .map(|(n, peer)| {
            Phone::new(
                peer,
                if n % 2 == 0 {
                    ("alice", "wonder")
                } else {
                    ("bob", "builder")
                },
            )
        })
        .collect();
    let contact = |phone: &Phone<'_>| format!("Contact: {}", phone.contact());
    let old = bed.peer("old", port(&bed, 100));
    let wrong = Phone::new(&old, ("alice", "old"));
    for round in 0..2 {
        for phone in &phones {
            let answer = phone.register(&[&contact(phone), "Expires: 600"]);
            assert_eq!(answer.status(), Some(200), "round {round}");
        }
    }
    let challenge = header(&wrong.send(&[]), HeaderId::WwwAuthenticate);
    let uri = format!("sip:{}", bed.places.sut);
    for n in 0..60 {
        let credentials = digest::answer(&challenge, wrong.who, "REGISTER", &uri, n + 1);
        let lines = [format!("Authorization: {credentials}"), "Expires: 60".to_owned()];
        let text = opener(
            "REGISTER",
            old.local(),
            old.sut(),
            n as usize,
            &[&lines[0], &lines[1]],
        );
        let text = text.replacen("REGISTER sip:100@", "REGISTER sip:", 1);
        old.send_raw(old.sut(), text.as_bytes());
    }
    let banned = wait_bans(&bed, 1);
    assert_eq!(banned[0]["user"], "alice", "{banned:?}");
    assert!(answers(&old).len() <= 25);
    // Bob's phones go on. Alice's have to wait, behind this address: somebody there is trying her passwords.
    for phone in phones.iter().filter(|phone| phone.who.0 == "bob") {
        assert_eq!(
            phone.register(&[&contact(phone), "Expires: 600"]).status(),
            Some(200)
        );
    }
    assert!(bed.log().contains("banned"), "{}", bed.log());
    bed.finish(0);
}

/// SE-04 (b): whoever tries passwords gets some answers and then none, be it known as a scanner or not. A ban ends by itself, and honest
/// calls never notice.
#[test]
fn se_04_b_whoever_tries_passwords_hears_no_more_until_the_ban_ends() {
    let bed = quick(|setup| phones(setup).extra("[edge.ban]\nduration = \"2s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let x = bed.peer("X", port(&bed, 1));
    let challenge = header(
        &Phone::new(&x, ("alice", "?")).send(&[]),
        HeaderId::WwwAuthenticate,
    );
    let uri = format!("sip:{}", bed.places.sut);
    for n in 0..500 {
        let user = format!("user{}", n % 50);
        let credentials = digest::answer(&challenge, (&user, "guess"), "REGISTER", &uri, n + 1);
        let line = format!("Authorization: {credentials}");
        let text =
            opener("REGISTER", x.local(), x.sut(), n as usize, &[&line]).replacen("sip:100@", "sip:", 1);
        x.send_raw(x.sut(), text.as_bytes());
        if n % 100 == 50 {
            one_call(&bed, &alice, &bob);
        }
    }
    let banned = bans(&bed);
    assert_eq!(banned.len(), 1, "{banned:?}");
    assert_eq!(banned[0]["address"], bed.places.x.ip().to_string());
    assert_eq!(banned[0]["why"], "unknown-user");
    let heard = answers(&x).len();
    assert!((5..=25).contains(&heard), "{heard} answers");
    assert!(dropped(&bed, "banned") > 400.0);
    // It ends, and a phone at the address may register.
    let end = Instant::now() + Duration::from_secs(10);
    while !bans(&bed).is_empty() {
        assert!(Instant::now() < end);
        std::thread::sleep(ms(50));
    }
    Phone::new(&bed.peer("phone", port(&bed, 2)), ("alice", "wonder")).comes();
    // Who says that it is a scanner gets no answer at all. From an address with an honest phone only its port is banned.
    let scanner = bed.peer("scanner", port(&bed, 3));
    for n in 0..500 {
        send(&scanner, "REGISTER", n, &["User-Agent: friendly-scanner"]);
    }
    let banned = wait_bans(&bed, 1);
    assert_eq!(
        (&banned[0]["port"], &banned[0]["why"]),
        (
            &serde_json::json!(scanner.local().port()),
            &serde_json::json!("scanner")
        )
    );
    scanner.expect_silence(MOMENT);
    Phone::new(&bed.peer("another", port(&bed, 4)), ("bob", "builder")).comes();
    assert_eq!(bed.log().matches("banned").count(), 2, "one line for each");
    bed.finish(5);
}

/// SE-04 (c): a flood of INVITEs, each from an address of its own, leaves nothing behind, and calls go on.
#[test]
fn se_04_c_a_flood_from_everywhere_leaves_nothing() {
    let bed = quick(phones);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    one_call(&bed, &alice, &bob);
    let (sut, pid) = (bed.places.sut, bed.pid());
    let before = proc::private_kb(pid);
    let flood: u32 = if is_acceptance() { 1_000_000 } else { 5_000 };
    let calls = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            for n in 0..flood {
                let from =
                    Ipv4Addr::from_bits(0x7f80_0000 | (n.wrapping_mul(2_654_435_761) & 0x003f_ffff) << 1 | 1);
                let Ok(socket) = UdpSocket::bind((from, 0)) else {
                    continue;
                };
                let from = socket.local_addr().unwrap();
                let text = opener("INVITE", from, sut, n as usize, &[]);
                let _ = socket.send_to(text.as_bytes(), sut);
                // The peers of the test repeat nothing: what a full socket loses is lost.
                if n % 10 == 0 {
                    std::thread::sleep(ms(4));
                }
            }
        });
        let mut calls = 0;
        while !sender.is_finished() {
            one_call(&bed, &alice, &bob);
            calls += 1;
        }
        calls
    });
    let after = proc::private_kb(pid);
    assert!(
        after < before + 50_000,
        "{before} kB before, {after} kB after {flood} INVITEs"
    );
    assert!(dropped(&bed, "source-unproved") > f64::from(flood) * 0.9);
    bed.finish(calls + 1);
}

/// SE-04 (d): what comes from a trunk's address bans nobody, whoever wrote it.
#[test]
fn se_04_d_nobody_can_have_a_trunk_banned() {
    let bed = quick(|setup| phones(setup).extra("[edge]\nsource_rate = 1\nsource_burst = 1"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let uri = format!("sip:{}", bed.places.sut);
    let challenge = "Digest realm=\"bed\", nonce=\"abc\", qop=\"auth\", algorithm=MD5";
    for n in 0..300 {
        let credentials = digest::answer(challenge, ("nobody", "guess"), "REGISTER", &uri, n + 1);
        let line = format!("Authorization: {credentials}");
        send(
            &bob,
            "REGISTER",
            n as usize,
            &["User-Agent: friendly-scanner", &line],
        );
        bob.send_raw(bob.sut(), b"REGISTER sip:x SIP/2.0\r\nnonsense\r\n\r\n");
        if n % 100 == 99 {
            while bob
                .wait_for("answers", ms(20), |incoming| incoming.message.status().is_some())
                .is_some()
            {}
            one_call(&bed, &alice, &bob);
        }
    }
    assert!(bans(&bed).is_empty());
    // Nor from another port of it, for what comes from the right one.
    let beside = bed.peer("beside", SocketAddr::new(bed.places.b1.ip(), 9));
    for n in 0..100 {
        send(&beside, "OPTIONS", n, &["User-Agent: friendly-scanner"]);
    }
    wait_bans(&bed, 1);
    beside.expect_silence(MOMENT);
    one_call(&bed, &alice, &bob);
    let inbound = bob.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b1)));
    inbound.expect(404);
    inbound.ack();
    bed.finish_lingering(5, 1);
}

/// `tandem ban`, `tandem bans`, `tandem unban`; a trunk's address is not banned, and the operator is told where to go.
#[test]
fn an_operator_bans_and_lifts_bans() {
    let bed = quick(|setup| setup);
    let x = bed.peer("X", bed.places.x);
    let tandem = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(args)
            .arg("--config")
            .arg(bed.config())
            .output()
            .unwrap();
        (out.status.success(), text(&out.stdout), text(&out.stderr))
    };
    let address = bed.places.x.ip().to_string();
    assert!(tandem(&["ban", &address, "--for", "60"]).0);
    send(&x, "OPTIONS", 1, &[]);
    x.expect_silence(MOMENT);
    let (_, listed, _) = tandem(&["bans"]);
    assert!(
        listed.contains(&address) && listed.contains("command"),
        "{listed}"
    );
    let (_, listed, _) = tandem(&["bans", "--json"]);
    let row: serde_json::Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!(
        (&row["address"], &row["dropped"]),
        (&serde_json::json!(address), &serde_json::json!(1))
    );
    assert_eq!(bed.metrics().sum("tandem_bans"), Some(1.0));
    assert!(tandem(&["unban", &address]).0);
    send(&x, "OPTIONS", 2, &[]);
    x.wait("an answer", is_answer(200, "OPTIONS"));
    let (done, _, why) = tandem(&["unban", &address]);
    assert!(!done && why.contains(&address), "{why}");
    let (done, _, why) = tandem(&["ban", &bed.places.b1.ip().to_string()]);
    assert!(
        !done && why.contains("b1") && why.contains("enabled = false"),
        "{why}"
    );
    assert_eq!(bed.ask("POST", "/v1/bans?address=example.com").status, 400);
    bed.finish(0);
}

/// sipvicious's scanners, as Debian has them, learn nothing and are banned, from an address where an honest phone is, too. The trunk and the
/// phone go on.
#[test]
fn se_04_sipvicious_finds_nothing_and_is_banned() {
    let bed = quick(phones);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let sut = bed.places.sut;
    let run = |tool: &str, from: Ipv4Addr, port: u16, args: &[&str]| {
        let source = from.to_string();
        let out = Command::new("timeout")
            .args(["20", tool, "-b", &source, "-x", &source, "-P", &port.to_string()])
            .args(args)
            .current_dir(bed.dir())
            .env("HOME", bed.dir())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{tool}: {error}; the tests need Debian's sipvicious"));
        text(&out.stdout) + &text(&out.stderr)
    };
    let std::net::IpAddr::V4(x) = bed.places.x.ip() else {
        panic!("IPv4")
    };
    let honest = bed.peer("phone", port(&bed, 1));
    let scanner = |last: u8| Ipv4Addr::from_bits(x.to_bits() & !0xff | u32::from(last));
    let (sut_ip, sut_port) = (sut.ip().to_string(), sut.port().to_string());
    let tools: [(&str, Vec<&str>); 3] = [
        ("svmap", vec!["-p", &sut_port, &sut_ip]),
        ("svwar", vec!["-p", &sut_port, "-e", "100-120", &sut_ip]),
        (
            "svcrack",
            vec!["-p", &sut_port, "-u", "alice", "-r", "1000-1020", &sut_ip],
        ),
    ];
    for (n, (tool, args)) in tools.iter().enumerate() {
        let said = run(tool, scanner(100 + n as u8), 5090, args);
        let learnt = said.contains("wonder")
            || said.contains("reqauth")
            || said.contains("| SIP Device") && said.contains(&format!("{sut_ip}:"));
        assert!(!learnt, "{tool}: {said}");
        let banned = wait_bans(&bed, 1);
        // Not all of them bind the address that they are told to.
        let its = [scanner(100 + n as u8), Ipv4Addr::LOCALHOST].map(|ip| ip.to_string());
        let latest = &banned[0];
        assert!(
            its.iter().any(|ip| latest["address"] == ip.as_str()),
            "{tool}: {banned:?}\n{said}"
        );
        assert_eq!(latest["why"], "scanner", "{tool}: {said}");
        assert!(
            bed.ask(
                "DELETE",
                &format!("/v1/bans/{}", latest["address"].as_str().unwrap())
            )
            .status
                < 300
        );
        one_call(&bed, &alice, &bob);
    }
    Phone::new(&honest, ("alice", "wonder")).comes();
    let said = run("svmap", x, 5091, &["-p", &sut_port, &sut_ip]);
    assert!(!said.contains(&format!("{sut_ip}:{sut_port}")), "{said}");
    let banned = wait_bans(&bed, 1);
    assert!(banned.iter().any(|ban| ban["port"] == 5091), "{banned:?}");
    Phone::new(&honest, ("alice", "wonder")).comes();
    one_call(&bed, &alice, &bob);
    bed.finish(4);
}
