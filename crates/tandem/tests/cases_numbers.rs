//! Numbers through the daemon: dial plans, who serves a ported number (asked over HTTP and HTTPS), and calls for help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Instant;

use sip_msg::HeaderId;
use support::{header, invite_of, ms, quick, uri};
use testbed::certs::Authority;
use testbed::http::HttpServer;
use testbed::https::{HttpsServer, Page};
use testbed::{Bed, Setup, SipPeer, sdp};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORTED: &str = "+12125550123";
const ROUTED: &str = "{\"rn\":\"+12015550000\",\"npdi\":true}";

/// Alice calls; whoever of the carriers gets the call is busy. The Request-URI there, and whether it was the second.
fn busy(bed: &Bed, alice: &SipPeer, number: &str, second: bool) -> String {
    let carrier = if second { bed.peer_b2() } else { bed.peer_b1() };
    let call = alice.invite(number, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = carrier.incoming();
    let uri = uri(&invite_of(&leg));
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    alice.listen(ms(2));
    uri
}

/// A daemon whose first carrier is cheaper for numbers of New York and the second for those of New Jersey, and that asks `url`.
fn dipped(url: &str, more: &str) -> Bed {
    let setup = Setup::default()
        .t1_ms(25)
        .key("b1", "deck = \"b1.csv\"")
        .key("b2", "deck = \"b2.csv\"")
        .extra(&format!("[portability]\nurl = \"{url}\"\n{more}"));
    Bed::start_with(env!("CARGO_BIN_EXE_tandem"), |dir, _| {
        fs::write(dir.join("b1.csv"), "prefix,rate\n1212,0.01\n1201,0.04\n").unwrap();
        fs::write(dir.join("b2.csv"), "prefix,rate\n1212,0.02\n1201,0.03\n").unwrap();
        setup
    })
}

#[test]
fn a_dial_plan_makes_numbers_of_what_is_dialled() {
    let plan = "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nrules = [{ match = \"9*\", strip = 1 }]\n";
    let bed = quick(|setup| setup.key("pbx", "dial_plan = \"uk\"").extra(plan));
    let alice = bed.peer_a();
    let host = bed.places.b1;
    for (dialled, called) in [
        ("02079460000", "+442079460000"),
        ("902079460000", "+442079460000"),
        ("0012125550123", "+12125550123"),
    ] {
        assert_eq!(busy(&bed, &alice, dialled, false), format!("sip:{called}@{host}"));
    }
    let call = alice.invite("101", Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(484);
    call.ack_failure();
    let records = bed.finish_lingering(4, 4);
    assert!(records[0].text("dialled") == "02079460000" && records[0].text("called") == "+442079460000");
    assert!(records[3].text("cause.kind") == "misdialled" && !records[3].has("dialled"));
    let said = records[3].text("decision.0").to_owned();
    assert!(
        said.starts_with("dial plan \"uk\": 101 has too few digits"),
        "{said}"
    );
}

#[test]
fn a_ported_number_goes_to_whoever_is_cheapest_for_its_network() {
    let server = HttpServer::start(LOCAL);
    let path = "/v1/12125550123";
    server.put(path, Page::of(ROUTED));
    let bed = dipped(&server.url("/v1/{number}"), "");
    let alice = bed.peer_a();
    for _ in 0..3 {
        let uri = busy(&bed, &alice, PORTED, true);
        assert_eq!(
            uri,
            format!("sip:{PORTED}@{}", bed.places.b2),
            "the number itself is dialled"
        );
    }
    assert_eq!(server.asked(path), 1, "then it is known");
    // 404: not ported.
    busy(&bed, &alice, "+12125550199", false);
    assert_eq!((server.asked("/v1/12125550199"), server.connections()), (1, 1));
    // It comes with the call.
    busy(&bed, &alice, "+12125550177;npdi;rn=+12015550000", true);
    assert_eq!(server.asked("/v1/12125550177"), 0);
    let metrics = bed.metrics();
    for (what, count) in [("asked", 2.0), ("cached", 2.0), ("given", 1.0), ("failed", 0.0)] {
        let label = format!("what=\"{what}\"");
        let found = metrics.sum_where("tandem_number_lookups_total", &label);
        assert_eq!(found, Some(count), "{what}");
    }
    let records = bed.finish_lingering(5, 5);
    assert!(records[0].text("routed") == "+12015550000" && records[0].text("called") == PORTED);
    assert!(!records[3].has("routed"));
    assert!(records[4].text("routed") == "+12015550000");
}

#[test]
fn an_answer_over_https_counts_from_who_is_trusted_only() {
    let (authority, stranger) = (Authority::root("numbers"), Authority::root("nobody's"));
    for (trusted, second) in [(&authority, true), (&stranger, false)] {
        let leaf = authority.leaf(&[&LOCAL.to_string()]);
        let server = HttpsServer::start(LOCAL, authority.server(&leaf, false));
        server.put("/12125550123", Page::of(ROUTED));
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        fs::write(&ca, trusted.pem()).unwrap();
        let url = server.url("/{number}");
        // A handshake in a debug build takes its time.
        let more = format!("ca = \"{}\"\ndeadline = \"5s\"\n", ca.display());
        let bed = dipped(&url, &more);
        busy(&bed, &bed.peer_a(), PORTED, second);
        bed.finish_lingering(1, 1);
    }
}

#[test]
fn a_server_that_hangs_or_is_gone_costs_a_call_its_deadline_and_no_more() {
    let server = HttpServer::start(LOCAL);
    server.put("/12125550123", Page::Hangs);
    let bed = dipped(
        &server.url("/{number}"),
        "deadline = \"300ms\"\nfailures = 2\nrest = \"1h\"\n",
    );
    let alice = bed.peer_a();
    let start = Instant::now();
    busy(&bed, &alice, PORTED, false);
    let took = start.elapsed();
    assert!(took >= ms(300) && took < ms(2000), "{took:?}");
    drop(server);
    // Refused at once; then nobody is asked.
    for _ in 0..3 {
        busy(&bed, &alice, "+12125550199", false);
    }
    let metrics = bed.metrics();
    let count = |what: &str| metrics.sum_where("tandem_number_lookups_total", &format!("what=\"{what}\""));
    assert_eq!(
        (count("late"), count("failed"), count("rests")),
        (Some(1.0), Some(2.0), Some(1.0))
    );
    let records = bed.finish_lingering(4, 4);
    assert!(records.iter().all(|record| !record.has("routed")));
}

#[test]
fn an_emergency_call_is_answered_whatever_its_customer_may_do() {
    let route = "[emergency]\ncountry = \"GB\"\n[[emergency.route]]\nto = \"b2\"\n";
    let bed = quick(|setup| {
        setup
            .key("pbx", "max_calls = 1\ndestinations = { deny = [\"*\"] }")
            .key("b2", "number_format = \"e164\"")
            .extra(route)
    });
    let (alice, psap) = (bed.peer_a(), bed.peer_b2());
    let refused = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
    refused.expect(403);
    refused.ack_failure();
    let mut held = Vec::new();
    for _ in 0..2 {
        let headers = [
            ("Geolocation", "<https://lis.example.com/1>"),
            ("Priority", "emergency"),
        ];
        let call = alice.invite_with("999", &headers, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = psap.incoming();
        let invite = invite_of(&leg);
        assert_eq!(uri(&invite), format!("sip:999@{}", bed.places.b2));
        assert_eq!(header(&invite, HeaderId::Geolocation), headers[0].1);
        assert_eq!(header(&invite, HeaderId::Priority), "emergency");
        support::connect(&call, &leg, &sdp::offer(bed.places.rtp_b2));
        held.push((call, leg));
    }
    let calls = bed.get("/v1/calls").body;
    assert_eq!(calls.matches("\"emergency\":true").count(), 2, "{calls}");
    for (call, leg) in &held {
        support::hang_up(call, leg);
    }
    assert_eq!(bed.log().matches(" emergency: +").count(), 2, "{}", bed.log());
    let begun = bed
        .metrics()
        .sum_where("tandem_emergency_calls_total", "what=\"begun\"");
    assert_eq!(begun, Some(2.0));
    drop(held);
    let records = bed.finish_lingering(3, 1);
    let emergency: Vec<bool> = records.iter().map(|record| record.has("emergency")).collect();
    assert_eq!(emergency, [false, true, true]);
}

#[test]
fn check_advises_to_say_where_emergency_calls_go() {
    let bed = quick(|setup| setup);
    let run = |json: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command.arg("check").arg(bed.config());
        let output = command.args(json.then_some("--json")).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(false).contains("note: there is no [[emergency.route]]: emergency calls of customers"));
    let json: serde_json::Value = serde_json::from_str(&run(true)).unwrap();
    assert_eq!(json["advice"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(0));
    bed.finish(0);
}
