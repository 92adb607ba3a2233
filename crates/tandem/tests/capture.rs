//! Ladders of calls, up and over, their capture files, and the copy of every message at a capture server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::process::Command;

use serde_json::Value;
use support::{NUMBER, ms, quick};
use testbed::{Bed, Setup, sdp};

/// B1 challenges us, then refuses; B2 takes the call.
fn play(bed: &Bed, while_up: impl FnOnce(&str)) -> String {
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let first = bob.incoming();
    let challenge = "Digest realm=\"b1\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    first.reply_with(407, &[("Proxy-Authenticate", challenge)], None);
    first.expect_request("ACK");
    first.expect_request("INVITE");
    first.reply(503);
    first.expect_request("ACK");
    let second = carol.incoming();
    second.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    second.expect_request("ACK");
    let calls: Value = serde_json::from_str(&bed.get("/v1/calls").body).unwrap();
    let id = calls[0]["id"].as_str().unwrap().to_owned();
    while_up(&id);
    call.bye();
    second.ok("BYE");
    call.expect(200);
    assert_eq!(bed.wait_records(1).len(), 1);
    id
}

fn with_credentials(setup: Setup) -> Setup {
    setup.key("b1", "auth = { username = \"tandem\", password = \"secret\" }")
}

fn ladder(bed: &Bed, id: &str) -> Vec<Value> {
    let answer = bed.get(&format!("/v1/calls/{id}/ladder"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Who said what to whom: `b1<INVITE`, `b1>407`.
fn steps(bed: &Bed, ladder: &[Value]) -> Vec<String> {
    let places = &bed.places;
    let names: BTreeMap<String, &str> = [(places.a, "a"), (places.b1, "b1"), (places.b2, "b2")]
        .map(|(address, name)| (address.to_string(), name))
        .into();
    ladder
        .iter()
        .map(|message| {
            let way = if message["outgoing"] == true { '<' } else { '>' };
            let summary = message["summary"].as_str().unwrap();
            let word = summary.split(' ').next().unwrap();
            format!("{}{way}{word}", names[message["remote"].as_str().unwrap()])
        })
        .collect()
}

/// What [`play`] plays, by and large in this order: the first nine steps follow from each other, later ones may cross.
const STEPS: [&str; 17] = [
    "a>INVITE",
    "a<100",
    "b1<INVITE",
    "b1>407",
    "b1<ACK",
    "b1<INVITE",
    "b1>503",
    "b1<ACK",
    "b2<INVITE",
    "b2>200",
    "b2<ACK",
    "a<200",
    "a>ACK",
    "a>BYE",
    "b2<BYE",
    "b2>200",
    "a<200",
];

fn sorted(mut steps: Vec<String>) -> Vec<String> {
    steps.sort_unstable();
    steps
}

/// All legs, the failed attempt's too, in the order in which they went; while the call is up and when it is over; the proof of the
/// password is masked.
#[test]
fn a_call_has_a_ladder_of_all_its_legs_while_it_is_up_and_after() {
    let bed = quick(with_credentials);
    let expected: Vec<String> = STEPS.map(str::to_owned).to_vec();
    let id = play(&bed, |id| {
        // The caller's ACK may still be on its way.
        let up = until(|| ladder(&bed, id), |ladder| ladder.len() == 13);
        assert_eq!(sorted(steps(&bed, &up)), sorted(expected[..13].to_vec()));
    });
    let after = ladder(&bed, &id);
    let said = steps(&bed, &after);
    assert_eq!(sorted(said.clone()), sorted(expected));
    assert_eq!(said[..9], STEPS[..9]);
    let times: Vec<u64> = after.iter().map(|m| m["at_us"].as_u64().unwrap()).collect();
    assert!(times.is_sorted());
    let texts: String = after.iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert!(
        texts.contains("Digest username=\"tandem\"")
            && texts.contains("response=\"********************************\"")
    );
    let drawn = tandem(&bed, &["call", &id]);
    assert!(
        drawn.contains("from_trunk: pbx") && drawn.contains("- INVITE (SDP) -"),
        "{drawn}"
    );
    assert_eq!(drawn.matches("503 Service Unavailable").count(), 1, "{drawn}");
    assert_eq!(
        tandem(&bed, &["call", &id, "--messages"])
            .matches("CSeq: ")
            .count(),
        17
    );
    assert_eq!(bed.get("/v1/calls/nobody/ladder").status, 404);
    bed.finish_lingering(1, 2);
}

/// Asks again until it is as it should be, or it has been long enough; the last answer.
fn until<T>(ask: impl Fn() -> T, done: impl Fn(&T) -> bool) -> T {
    for _ in 0..200 {
        let answer = ask();
        if done(&answer) {
            return answer;
        }
        std::thread::sleep(ms(10));
    }
    ask()
}

fn tandem(bed: &Bed, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(words)
        .arg("--config")
        .arg(bed.config())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The file holds as many packets as the ladder has messages; tshark reads SIP in each.
#[test]
fn a_capture_file_is_read_by_wireshark() {
    let bed = quick(with_credentials);
    let id = play(&bed, |_| {});
    let file = bed.dir().join("call.pcap");
    tandem(&bed, &["call", &id, "--pcap", file.to_str().unwrap()]);
    let output = Command::new("tshark")
        .args([
            "-r",
            file.to_str().unwrap(),
            "-T",
            "fields",
            "-e",
            "sip.CSeq.method",
        ])
        .output()
        .expect("tshark");
    assert!(output.status.success(), "{output:?}");
    let methods = String::from_utf8(output.stdout).unwrap();
    let seen = methods.lines().filter(|line| !line.is_empty()).count();
    // A busy machine's peers may make us say something twice.
    assert!(seen >= 17, "{methods}");
    assert_eq!(seen, ladder(&bed, &id).len(), "{methods}");
    bed.finish_lingering(1, 2);
}

#[test]
fn without_memory_for_it_there_is_no_ladder() {
    let bed = quick(|setup| with_credentials(setup).extra("[capture]\nmemory = \"off\""));
    let id = play(&bed, |_| {});
    let answer = bed.get(&format!("/v1/calls/{id}/ladder"));
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("capture.memory"));
    assert!(tandem(&bed, &["call", &id]).contains("not, or no longer, in memory"));
    bed.finish_lingering(1, 2);
}

/// The chunks of a HEP packet, by type.
fn chunks(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    assert_eq!(&packet[..4], b"HEP3");
    let mut chunks = BTreeMap::new();
    let mut rest = &packet[6..];
    while !rest.is_empty() {
        let word = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
        let length = usize::from(word(4));
        chunks.insert(word(2), rest[6..length].to_vec());
        rest = &rest[length..];
    }
    chunks
}

/// Each message has its copy, in our name, and the copies of all legs name one call. With a server that nobody is at calls go on.
#[test]
fn a_capture_server_gets_every_message_with_the_call_it_belongs_to() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(ms(5000))).unwrap();
    let address = server.local_addr().unwrap();
    let bed = quick(|setup| {
        let hep = format!("[hep]\nserver = \"{address}\"\nid = 77\nkey = \"open sesame\"");
        with_credentials(setup).extra(&hep)
    });
    let id = play(&bed, |_| {});
    let mut calls = BTreeSet::new();
    for _ in 0..17 {
        let mut packet = vec![0; 4096];
        let length = server.recv(&mut packet).expect("a copy");
        let chunks = chunks(&packet[..length]);
        assert_eq!(chunks[&0x0c], 77_u32.to_be_bytes());
        assert_eq!(chunks[&0x0e], b"open sesame");
        let text = String::from_utf8_lossy(&chunks[&0x0f]).into_owned();
        assert!(
            !text.contains("response=\"") || text.contains("response=\"***"),
            "{text}"
        );
        calls.insert(String::from_utf8(chunks[&0x11].clone()).unwrap());
    }
    assert_eq!(calls, [id].into());
    drop(server);
    play_again(&bed);
    // Without the key there is no mirror, and no socket of its.
    bed.write_config(&bed.toml(&with_credentials(Setup::default().t1_ms(25))));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    until(|| bed.left_over(2), Vec::is_empty);
    bed.finish_lingering(2, 2);
}

/// Another call.
fn play_again(bed: &Bed) {
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
}
