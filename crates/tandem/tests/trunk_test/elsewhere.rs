//! Trunks by other transports, and in networks of their own.

use super::*;

/// UDP is silent and TCP answers: the target to write is in the report.
#[test]
fn another_transport_that_answers_is_named() {
    let bed = quick(|setup| setup);
    let bob = bed.peer_b1();
    let listener = TcpListener::bind(bed.places.b1).unwrap();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        stream.write_all(b"SIP/2.0 200 OK\r\n").unwrap();
        request
    });
    let report = Report::of(begin(&bed, &["--json"]));
    let request = answering.join().unwrap();
    assert!(
        request.starts_with("OPTIONS sip:") && request.contains("SIP/2.0/TCP"),
        "{request}"
    );
    let key = format!("targets = [{{ uri = \"sip:{};transport=tcp\" }}]", bed.places.b1);
    report.assert("transports", "note", &key);
    assert!(
        report.says("transports").contains("TCP answers, 200"),
        "{:#}",
        report.0
    );
    drop(bob);
    bed.finish_lingering(0, 1);
}

/// What is said of a carrier's certificate; `{}` of the trunk's keys are its own.
fn certificate(lines: &[&str], name: &str, stranger: bool) -> Report {
    let tls = tls("", lines);
    let bob = if stranger {
        let other = Authority::default();
        let kind = Kind::Tls {
            server: Some(other.server(&other.leaf(&[name]), false)),
            client: None,
        };
        tls.bed.connected("B1", tls.bed.places.b1, TLS, kind)
    } else {
        tls.carrier(name, false)
    };
    let mut child = begin(&tls.bed, &["--json"]);
    while child.try_wait().unwrap().is_none() {
        if let Some(options) = bob.wait_for("OPTIONS", ms(50), is("OPTIONS")) {
            reply_raw(&bob, &options.message, 200, "o", &[], None);
        }
    }
    let report = Report::of(child);
    drop(bob);
    tls.bed.finish_lingering(0, 1);
    report
}

#[test]
fn certificates_are_looked_at_and_the_key_named() {
    let good = certificate(&[C_TEST], "c.test", false);
    good.assert("options", "works", "");
    good.assert("tls", "works", "");
    assert!(good.says("tls").contains("days left"), "{:#}", good.0);
    certificate(&[C_TEST], "other.test", false).assert(
        "tls",
        "fails",
        "tls = { name = \"…\" }, the name in its certificate",
    );
    certificate(&[C_TEST], "c.test", true).assert(
        "tls",
        "fails",
        "tls = { ca = \"…\" }, the file of its authority",
    );
}

/// A trunk outside, where we stand behind a NAT: the tester's media do not go by the address that the trunk is told.
#[test]
fn a_trunk_in_a_network_of_its_own_is_tested_from_there() {
    let bed = quick(|setup| {
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
    });
    let places = &bed.places;
    let bob = SipPeer::bind("B1", places.b1, places.sut2);
    let child = begin_call(&bed);
    answer_options(&bob, 200);
    let leg = bob.incoming();
    let named = sdp::audio(&invite_of(&leg).body());
    assert_eq!(named.ip().to_string(), "203.0.113.11");
    let voice = speak(&bed, (places.sut2.ip(), named.port()).into());
    leg.answer(&sdp::offer(places.rtp_b1));
    leg.expect_request("ACK");
    leg.ok("BYE");
    voice.join().unwrap();
    let report = Report::of(child);
    report.assert("audio-in", "works", "");
    report.assert("audio-out", "works", "");
    report.assert("bye", "works", "");
    bed.finish(1);
}

#[test]
fn a_trunk_that_is_called_by_tls_is_tested_by_tls() {
    let tls = tls("", &[C_TEST]);
    let bob = tls.carrier("c.test", false);
    let child = begin_call(&tls.bed);
    answer_options(&bob, 200);
    let leg = bob.incoming();
    answer(&tls.bed, &leg, &[], &sdp::offer(tls.bed.places.rtp_b1));
    let report = Report::of(child);
    assert!(report.says("options").starts_with("TLS "), "{:#}", report.0);
    for about in ["options", "tls", "call", "audio-in", "bye"] {
        report.assert(about, "works", "");
    }
    drop(bob);
    tls.bed.finish(1);
}
