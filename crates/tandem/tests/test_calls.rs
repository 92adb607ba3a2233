//! Test calls by the clock, and feedback of applications: through the daemon, with carriers that are good and bad, and what is learned of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use support::{NUMBER, hang_up, invite_of, ms, quick, talk, until};
use testbed::{Bed, SipPeer, sdp};

/// Who calls in tests; not the number that a bed's peers call from.
const CALLER: &str = "+442079460123";

/// A daemon that tests b1 when it is told to, with these keys.
fn testing(keys: &str) -> Bed {
    let table = format!(
        "[[test_call]]\nname = \"round\"\ntrunks = [\"b1\"]\nevery = \"24h\"\ntalk = \"2s\"\ncaller = \"{CALLER}\"\n{keys}"
    );
    quick(|setup| setup.extra(&table))
}

fn json(bed: &Bed, path: &str) -> Value {
    serde_json::from_str(&bed.get(path).body).unwrap()
}

fn b1(bed: &Bed) -> Value {
    let trunks = json(bed, "/v1/trunks");
    let list = trunks.as_array().unwrap();
    list.iter().find(|trunk| trunk["name"] == "b1").unwrap().clone()
}

/// Has the schedule make a call now.
fn run(bed: &Bed) {
    let answer = bed.ask("POST", "/v1/test-calls/round");
    assert_eq!(answer.status, 202, "{}", answer.body);
}

/// The results, once there are so many: the latest first.
fn results(bed: &Bed, many: usize) -> Vec<Value> {
    let all = || {
        json(bed, "/v1/test-calls")[0]["results"]
            .as_array()
            .unwrap()
            .clone()
    };
    until("a result", || all().len() >= many);
    all()
}

/// What a carrier does with media, until it is dropped.
struct Media {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Media {
    fn run(works: Vec<Box<dyn Fn() + Send>>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let each = |work: Box<dyn Fn() + Send>| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    work();
                }
            })
        };
        Self {
            threads: works.into_iter().map(each).collect(),
            over,
        }
    }

    fn socket(at: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(ms(50))).unwrap();
        socket
    }

    /// Says what it hears.
    fn echo(at: SocketAddr) -> Self {
        let socket = Self::socket(at);
        Self::run(vec![Box::new(move || {
            let mut packet = [0; 2048];
            if let Ok((length, from)) = socket.recv_from(&mut packet) {
                socket.send_to(&packet[..length], from).unwrap();
            }
        })])
    }

    /// Says nothing, in packets.
    fn silence(at: SocketAddr, to: SocketAddr) -> Self {
        let socket = Self::socket(at);
        let count = std::sync::atomic::AtomicU16::new(1);
        Self::run(vec![Box::new(move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let mut packet = vec![0x80, 0];
            packet.extend_from_slice(&n.to_be_bytes());
            packet.extend_from_slice(&(u32::from(n) * 160).to_be_bytes());
            packet.extend_from_slice(&[1, 2, 3, 4]);
            packet.extend_from_slice(&[0xff; 160]);
            socket.send_to(&packet, to).unwrap();
            thread::sleep(ms(20));
        })])
    }

    /// Hands on what comes at each place from the other.
    fn bridge(one: (SocketAddr, SocketAddr), other: (SocketAddr, SocketAddr)) -> Self {
        let (a, b) = (Self::socket(one.0), Self::socket(other.0));
        let way = |from: &UdpSocket, by: &UdpSocket, to: SocketAddr| -> Box<dyn Fn() + Send> {
            let (from, by) = (from.try_clone().unwrap(), by.try_clone().unwrap());
            Box::new(move || {
                let mut packet = [0; 2048];
                if let Ok((length, _)) = from.recv_from(&mut packet) {
                    by.send_to(&packet[..length], to).unwrap();
                }
            })
        };
        Self::run(vec![way(&a, &b, other.1), way(&b, &a, one.1)])
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// The carrier answers, with this media, until it is hung up.
fn answered(bed: &Bed, bob: &SipPeer, media: impl Fn(SocketAddr) -> Media) {
    let leg = bob.incoming();
    let media = media(sdp::audio(&invite_of(&leg).body()));
    leg.reply(180);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    leg.expect_request("ACK");
    leg.ok("BYE");
    media.end();
}

fn lines(bed: &Bed, of: &str) -> Vec<String> {
    let log = bed.log();
    let lines = log.lines().filter(|line| line.contains(of));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_carrier_that_echoes_passes_and_one_that_is_silent_fails_and_changes_are_told_once() {
    let expect = "expect = { echo = true, codec = [\"PCMU\"], mos = 3.5 }";
    let bed = testing(&format!("numbers = [\"{NUMBER}\"]\n{expect}"));
    let bob = bed.peer_b1();
    let echo = |_| Media::echo(bed.places.rtp_b1);
    let silence = |to| Media::silence(bed.places.rtp_b1, to);
    run(&bed);
    // Never two at once to a trunk.
    let again = bed.ask("POST", "/v1/test-calls/round");
    assert_eq!(again.status, 409);
    assert!(again.body.contains("it is being tested"), "{}", again.body);
    answered(&bed, &bob, echo);
    let first = results(&bed, 1)[0].clone();
    assert_eq!(
        (&first["passed"], &first["trunk"], &first["number"]),
        (&true.into(), &"b1".into(), &NUMBER.into()),
        "{first:#}"
    );
    assert!(
        first["mos_in"].as_f64().unwrap() > 4.0 && first["tone"] == true,
        "{first:#}"
    );
    assert_eq!(first["codec"], "PCMU/8000");
    for many in [2, 3] {
        run(&bed);
        answered(&bed, &bob, silence);
        let last = results(&bed, many)[0].clone();
        assert_eq!(last["passed"], false, "{last:#}");
        assert!(
            last["why"][0].as_str().unwrap().contains("audio in: silence"),
            "{last:#}"
        );
    }
    until("an event", || !lines(&bed, "test-failed").is_empty());
    let told = lines(&bed, "test-failed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("audio in: silence") && told[0].contains("b1"),
        "{told:?}"
    );
    run(&bed);
    answered(&bed, &bob, echo);
    results(&bed, 4);
    until("an event", || lines(&bed, "test-passed-again").len() == 1);
    let trunk = b1(&bed);
    assert_eq!(
        (&trunk["tests"]["passed"], &trunk["tests"]["total"]),
        (&2.into(), &4.into())
    );
    let figures = &trunk["quality"];
    assert!(
        (figures["tests"]["mean"].as_f64().unwrap() - 0.5).abs() < 0.05,
        "{figures:#}"
    );
    // What a test is, it is by itself: no attempt and no call is learned of it.
    assert_eq!(figures["attempts"], 0.0, "{figures:#}");
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["trunks", "--config"])
        .arg(bed.config())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("2/4: audio in: silence"), "{printed}");
    let records = bed.finish(4);
    assert!(records.iter().all(|record| record.0["test"] == true));
}

/// The carrier brings the call back to our number, with these headers, and carries media between both.
fn brought_back(bed: &Bed, bob: &SipPeer, headers: &[(&str, &str)]) {
    let out = bob.incoming();
    let there = sdp::audio(&invite_of(&out).body());
    let back = bob.invite_with(NUMBER, headers, Some(&sdp::offer(bed.places.rtp_b2)));
    back.expect(180);
    let here = sdp::audio(&back.expect(200).body());
    back.ack();
    let media = Media::bridge((bed.places.rtp_b1, there), (bed.places.rtp_b2, here));
    out.answer(&sdp::offer(bed.places.rtp_b1));
    out.expect_request("ACK");
    out.ok("BYE");
    hang_back(&back);
    media.end();
}

fn hang_back(back: &testbed::Call<'_>) {
    back.bye();
    back.expect(200);
}

#[test]
fn a_number_of_ours_proves_both_ways_digits_and_who_calls() {
    let bed = testing(&format!(
        "own = [\"{NUMBER}\"]\nexpect = {{ dtmf = true, mos = 3.5 }}"
    ));
    let bob = bed.peer_b1();
    let identity = format!("<sip:{CALLER}@carrier>");
    run(&bed);
    brought_back(&bed, &bob, &[("P-Asserted-Identity", &identity)]);
    let first = results(&bed, 1)[0].clone();
    assert_eq!(first["passed"], true, "{first:#}");
    assert_eq!(first["digits"], serde_json::json!(["15", "90"]));
    assert_eq!(
        (&first["caller_id"], &first["tone"]),
        (&true.into(), &true.into())
    );
    assert!(first["mos_out"].as_f64().unwrap() > 4.0, "{first:#}");
    // Another number arrives.
    run(&bed);
    brought_back(&bed, &bob, &[]);
    let last = results(&bed, 2)[0].clone();
    assert_eq!(
        (&last["passed"], &last["caller_id"]),
        (&false.into(), &false.into()),
        "{last:#}"
    );
    assert!(
        last["why"][0]
            .as_str()
            .unwrap()
            .contains("caller-id: the call came back as from"),
        "{last:#}"
    );
    let records = bed.finish(4);
    assert!(records.iter().all(|record| record.0["test"] == true));
    assert_eq!(
        records
            .iter()
            .filter(|record| record.text("to_trunk") == "(test)")
            .count(),
        2
    );
}

#[test]
fn what_the_budget_does_not_have_is_not_called() {
    let bed = testing(&format!(
        "numbers = [\"{NUMBER}\"]\nbudget = {{ calls_per_day = 1 }}"
    ));
    let bob = bed.peer_b1();
    run(&bed);
    let leg = bob.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    let last = results(&bed, 1)[0].clone();
    assert!(
        last["why"][0].as_str().unwrap().contains("not answered: 486"),
        "{last:#}"
    );
    let answer = bed.ask("POST", "/v1/test-calls/round");
    assert_eq!(answer.status, 409);
    assert!(
        answer.body.contains("budget.calls_per_day: 1 calls"),
        "{}",
        answer.body
    );
    assert_eq!(bed.ask("POST", "/v1/test-calls/other").status, 404);
    assert_eq!(bed.ask("POST", "/v1/test-calls/round?trunk=b2").status, 404);
    bed.finish_lingering(1, 1);
}

#[test]
fn the_clock_makes_calls_by_itself() {
    let table =
        format!("[[test_call]]\nname = \"often\"\nnumbers = [\"{NUMBER}\"]\nevery = \"10s\"\ntalk = \"2s\"");
    let bed = quick(|setup| setup.extra(&table));
    let peers = [bed.peer_b1(), bed.peer_b2()];
    for peer in &peers {
        peer.set_patience(ms(15_000));
        let leg = peer.incoming();
        leg.reply(503);
        leg.expect_request("ACK");
    }
    results(&bed, 2);
    let trunk = b1(&bed);
    assert_eq!(trunk["tests"]["total"], 1, "{trunk:#}");
}

#[test]
fn a_carrier_that_has_got_worse_is_tested_again_soon() {
    let bed = testing(&format!("numbers = [\"{NUMBER}\"]\nagain = \"10s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    for _ in 0..25 {
        let held = talk(&bed, &alice, &bob);
        hang_up(&held.call, &held.leg);
    }
    let refuse = || {
        let leg = bob.incoming();
        leg.reply(503);
        leg.expect_request("ACK");
    };
    // Its next turn is a day away; what it fails of those that an operator asks for makes it known as worse.
    for made in 1..=8 {
        run(&bed);
        refuse();
        results(&bed, made);
    }
    bob.set_patience(ms(15_000));
    for made in 9..=10 {
        refuse();
        results(&bed, made);
    }
    let all = results(&bed, 10);
    let at = |index: usize| all[index]["at_ms"].as_u64().unwrap();
    assert!(at(0) - at(1) >= 9_500, "{all:#?}");
    let demoted = lines(&bed, "demoted");
    assert!(demoted.iter().any(|line| line.contains("b1")), "{demoted:?}");
    let _ = bed.wait_records(35);
}

/// `POST` with a body.
fn post(bed: &Bed, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(bed.places.api).unwrap();
    stream.set_read_timeout(Some(ms(5000))).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text)
}

#[test]
fn feedback_is_kept_with_the_call_counts_once_and_outlives_a_crash() {
    let mut bed = quick(|setup| setup);
    let id = {
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let held = talk(&bed, &alice, &bob);
        let id = json(&bed, "/v1/calls")[0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/calls/{id}/feedback");
        let (status, said) = post(&bed, &path, "{\"score\": 9}");
        assert_eq!(status, 400, "{said}");
        assert!(said.contains("write 1 (bad) to 5 (good)"), "{said}");
        assert_eq!(post(&bed, "/v1/calls/nobody/feedback", "{\"score\": 3}").0, 404);
        // While it is up.
        let (status, said) = post(&bed, &path, "{\"score\": 5}");
        assert_eq!(status, 201, "{said}");
        assert_eq!(json(&bed, &format!("/v1/calls/{id}"))["feedback"]["score"], 5);
        hang_up(&held.call, &held.leg);
        let _ = bed.wait_records(1);
        // Over: it takes the place of the first.
        let (status, said) = post(
            &bed,
            &path,
            "{\"score\": 2, \"issues\": [\"Choppy\", \"one way audio\"]}",
        );
        assert_eq!(status, 200, "{said}");
        id
    };
    let quality = b1(&bed)["quality"].clone();
    assert!(
        (quality["score"].as_f64().unwrap() - 2.0).abs() < 0.01,
        "{quality:#}"
    );
    assert!(quality["issues"]["mean"].as_f64().unwrap() > 0.99, "{quality:#}");
    let groups = json(&bed, "/v1/trunks/b1/quality");
    assert_eq!(groups[0]["group"], "everywhere");
    assert!(
        bed.get("/metrics")
            .body
            .contains("tandem_trunk_score{trunk=\"b1\"} ")
    );
    assert_eq!(bed.get("/v1/trunks/nobody/quality").status, 404);
    bed.crash_and_restart();
    let record = bed.records().remove(0);
    assert_eq!(
        record.0["feedback"]["issues"],
        serde_json::json!(["choppy", "one-way-audio"])
    );
    let tandem = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        let output = command
            .args(words)
            .arg("--config")
            .arg(bed.config())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = tandem(&["call", &id]);
    assert!(
        shown.contains("score: 2") && shown.contains("issues: choppy"),
        "{shown}"
    );
    assert!(tandem(&["trunk", "quality", "b1"]).contains("nothing is known"));
}
