//! Calls over TLS: whose certificate, shown to whom, and how it is replaced.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::connected::{C_TEST, TLS, hold, tls, up};
use support::{MOMENT, NUMBER, hang_up, header, invite_of, is, ms, reply_raw, until, uri};
use testbed::certs::Authority;
use testbed::stream::Kind;
use testbed::{Bed, Setup, sdp};

#[test]
fn op_08_an_outbound_tls_call_keeps_its_connection_and_reconnects_for_its_name() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let alice = bed.peer_a();
    let bob = tls.carrier("c.test", false);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    assert_eq!(bob.connections().asked().as_deref(), Some("c.test"));
    let invite = invite_of(&leg);
    let via = header(&invite, HeaderId::Via);
    assert!(
        via.starts_with(&format!("SIP/2.0/TLS {}:{TLS}", bed.places.sut.ip())),
        "{via}"
    );
    assert!(
        header(&invite, HeaderId::Contact).contains(";transport=tls"),
        "{invite:?}"
    );
    // A proxy of the carrier's stays on the way, by its address.
    let route = format!("<sip:{};transport=tls;lr>", bed.places.b1);
    let contact = "<sip:bob@192.0.2.99:5061;transport=tls>";
    support::reply_raw(
        &bob,
        &invite,
        200,
        "bob",
        &[("Record-Route", &route), ("Contact", contact)],
        Some(&sdp::offer(bed.places.rtp_b1)),
    );
    call.expect(200);
    call.ack();
    bob.wait("the ACK", support::is("ACK"));
    call.reinvite(Some(
        &sdp::offer(bed.places.rtp_a).replace("a=sendrecv", "a=sendonly"),
    ));
    let held = bob.wait("the re-INVITE", support::is("INVITE"));
    support::reply_raw(
        &bob,
        &held.message,
        200,
        "bob",
        &[("Contact", contact)],
        Some(&sdp::offer(bed.places.rtp_b1)),
    );
    call.expect(200);
    call.ack();
    bob.wait("the ACK", support::is("ACK"));
    assert_eq!(bob.connections().accepted(), 1, "all over the first connection");
    // The carrier closes it: one new one, for the same name.
    bob.connections().close();
    until("the switch notices", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
    call.bye();
    let bye = bob.wait("the BYE", support::is("BYE"));
    assert_eq!(bob.connections().accepted(), 2);
    assert_eq!(bob.connections().asked().as_deref(), Some("c.test"));
    support::reply_raw(&bob, &bye.message, 200, "bob", &[], None);
    call.expect(200);
    drop((bob, call));
    drop(alice);
    tls.bed.finish(1);
}

#[test]
fn op_08_a_bye_to_an_inbound_tls_caller_takes_its_connection() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let alice = tls.customer(None);
    let bob = tls.carrier("c.test", false);
    let (call, leg) = up(bed, &alice, &bob);
    hold(bed, &call, &leg);
    hang_up(&leg, &call);
    assert_eq!((alice.connections().open(), bob.connections().accepted()), (1, 1));
    drop((call, leg));
    drop((alice, bob));
    tls.bed.finish(1);
}

#[test]
fn op_08_a_certificate_is_replaced_under_a_call() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let alice = tls.customer(None);
    let bob = tls.carrier("c.test", false);
    let (call, leg) = up(bed, &alice, &bob);
    let before = alice.connections().shown();
    let renewed = tls.authority.leaf(&["sut.test"]);
    let _ = renewed.write(bed.dir(), "sut");
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    hold(bed, &call, &leg);
    assert_eq!(alice.connections().open(), 1, "the connection stays");
    let second = tls.customer(None);
    second.connections().connect(second.sut()).unwrap();
    let after = second.connections().shown();
    assert!(
        after != before && after == renewed.der(),
        "the new certificate is shown"
    );
    // One that is not its key's is refused, and the last good one goes on.
    let _ = tls.authority.leaf(&["sut.test"]).write(bed.dir(), "other");
    std::fs::copy(bed.dir().join("other.pem"), bed.dir().join("sut.pem")).unwrap();
    let refused = bed.ask("POST", "/v1/reload");
    assert!(
        refused.status >= 400 && refused.body.contains("sut.key"),
        "{}",
        refused.body
    );
    let third = tls.customer(None);
    third.connections().connect(third.sut()).unwrap();
    assert_eq!(third.connections().shown(), renewed.der());
    hang_up(&call, &leg);
    drop((call, leg));
    drop((alice, bob, second, third));
    tls.bed.finish(1);
}

#[test]
fn op_08_a_carrier_that_asks_for_our_certificate_gets_it() {
    let tls = tls(
        "",
        &["tls = { name = \"c.test\", ca = \"ca.pem\", certificate = \"us.pem\", key = \"us.key\" }"],
    );
    let bed = &tls.bed;
    let alice = bed.peer_a();
    let bob = tls.carrier("c.test", true);
    let (call, leg) = up(bed, &alice, &bob);
    assert!(!bob.connections().shown().is_empty(), "our certificate");
    hang_up(&call, &leg);
    drop((call, leg));
    drop(bob);
    tls.bed.finish(1);
}

#[test]
fn op_08_a_carrier_with_another_name_is_not_called() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let alice = bed.peer_a();
    let bob = tls.carrier("d.test", false);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let deadline = Instant::now() + Duration::from_secs(3);
    while bob.connections().refused() == 0 && Instant::now() < deadline {
        bob.listen(ms(20));
    }
    call.expect(503);
    call.ack_failure();
    bob.expect_silence(MOMENT);
    drop(bob);
    tls.bed.finish(1);
}

#[test]
fn op_08_a_certificate_for_a_sip_uri_is_for_its_host() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let alice = bed.peer_a();
    let bob = tls.carrier("sip:c.test", false);
    let (call, leg) = up(bed, &alice, &bob);
    hang_up(&call, &leg);
    drop((call, leg));
    drop(bob);
    tls.bed.finish(1);
}

#[test]
fn se_03_a_customer_is_known_by_its_certificate_and_by_nothing_else() {
    let tls = tls(", client = \"required\", client_ca = \"ca.pem\"", &[C_TEST]);
    let setup = |base: Setup| {
        base.without("pbx")
            .without("b1")
            .without("b2")
            .trunk("pbx", &["role = \"customer\"", "tls_names = [\"pbx.test\"]"])
            .trunk(
                "b1",
                &[
                    "role = \"carrier\"",
                    "targets = [{ uri = \"sip:{b1};transport=tls\" }]",
                    C_TEST,
                ],
            )
            .extra(&format!(
                "[[listen]]\ntransport = \"tls\"\nbind = \"{{sut.ip}}:{TLS}\"\n\
                 tls = {{ certificate = \"sut.pem\", key = \"sut.key\", client = \"required\", client_ca = \"ca.pem\" }}"
            ))
    };
    let bed = &tls.bed;
    bed.write_config(&bed.toml(&setup(Setup::default())));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    let bob = tls.carrier("c.test", false);
    let alice = tls.customer(Some("PBX.test"));
    let (call, leg) = up(bed, &alice, &bob);
    hang_up(&leg, &call);
    // Another name from the same authority, and no name at all over UDP from the same address.
    let other = tls.customer(Some("other.test"));
    let refused = other.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    refused.expect(403);
    refused.ack_failure();
    let plain = bed.peer_a();
    let refused = plain.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    refused.expect(403);
    refused.ack_failure();
    // Without a certificate there is no connection.
    let nobody = tls.customer(None);
    let connected = nobody.connections().connect(nobody.sut()).is_ok() && {
        nobody.connections().look();
        until("it is closed", || {
            nobody.connections().look();
            nobody.connections().open() == 0
        });
        false
    };
    assert!(!connected);
    drop((call, leg));
    drop((alice, bob, other, nobody));
    tls.bed.finish(1);
}

/// RFC 6066 §3: of several certificates the client gets the one for the name that it asks for, or else the first.
#[test]
fn a_listener_with_several_names_shows_the_one_that_is_asked_for() {
    let authority = Authority::default();
    let leaves = ["one.test", "two.test"].map(|name| authority.leaf(&[name]));
    let prepare = |dir: &Path, base: Setup| {
        let _ = leaves[0].write(dir, "one");
        let _ = leaves[1].write(dir, "two");
        base.extra(&format!(
            "[[listen]]\ntransport = \"tls\"\nbind = \"{{sut.ip}}:{TLS}\"\n\
             tls = {{ certificate = [\"one.pem\", \"two.pem\"], key = [\"one.key\", \"two.key\"] }}"
        ))
    };
    let bed = Bed::start_with(env!("CARGO_BIN_EXE_tandem"), prepare);
    for (number, name) in ["one.test", "two.test"].into_iter().enumerate() {
        let kind = Kind::Tls {
            server: None,
            client: Some((authority.client(None), name.to_owned())),
        };
        let peer = bed.connected("A", bed.places.a, TLS, kind);
        peer.connections().connect(peer.sut()).unwrap();
        assert_eq!(peer.connections().shown(), leaves[number].der(), "{name}");
    }
    bed.finish(0);
}

/// A client that shows no certificate is known by its address, one that does by its name.
#[test]
fn where_certificates_are_optional_who_has_none_is_known_by_its_address() {
    let tls = tls(", client = \"optional\", client_ca = \"ca.pem\"", &[C_TEST]);
    let bed = &tls.bed;
    let bob = tls.carrier("c.test", false);
    for own in [None, Some("whoever.test")] {
        let alice = tls.customer(own);
        let (call, leg) = up(bed, &alice, &bob);
        hang_up(&call, &leg);
        drop((call, leg));
    }
    drop(bob);
    tls.bed.finish(2);
}

/// RFC 3261 §26.2.2, RFC 5630: a `sips:` target is called by TLS with `sips:` in what we say of ourselves.
#[test]
fn a_sips_target_is_called_by_tls_and_stays_sips() {
    let tls = tls("", &[C_TEST, "targets = [{ uri = \"sips:{b1}\" }]"]);
    let bed = &tls.bed;
    let alice = bed.peer_a();
    let bob = tls.carrier("c.test", false);
    let (call, leg) = up(bed, &alice, &bob);
    let invite = invite_of(&leg);
    assert_eq!(uri(&invite), format!("sips:{NUMBER}@{}", bed.places.b1));
    let contact = header(&invite, HeaderId::Contact);
    assert!(contact.starts_with("<sips:"), "{contact}");
    hang_up(&leg, &call);
    drop((call, leg));
    drop(bob);
    tls.bed.finish(1);
}

/// Microsoft Teams wants the name in Contact that our certificate is for, in pings as in calls.
#[test]
fn a_trunk_is_told_our_name_where_it_wants_one() {
    let own = "tls = { name = \"c.test\", ca = \"ca.pem\", certificate = \"us.pem\", key = \"us.key\" }";
    let keys = [own, "contact_host = \"us.test\"", "options_interval = \"1s\""];
    let tls = tls("", &keys);
    let bed = &tls.bed;
    let bob = tls.carrier("c.test", true);
    let contact = format!("<sip:us.test:{TLS};transport=tls>");
    let ping = bob.wait("OPTIONS", is("OPTIONS")).message;
    assert_eq!(header(&ping, HeaderId::Contact), contact);
    reply_raw(&bob, &ping, 200, "bob", &[], None);
    let alice = bed.peer_a();
    let (call, leg) = up(bed, &alice, &bob);
    assert_eq!(header(&invite_of(&leg), HeaderId::Contact), contact);
    // Its answer comes after the caller's ACK has been read: before that a re-INVITE would get 491.
    call.request_with("OPTIONS", &[], None);
    call.expect(200);
    // A refresh, which is answered by us.
    leg.reinvite(Some(&sdp::offer(bed.places.rtp_b1)));
    assert_eq!(header(&leg.expect(200), HeaderId::Contact), contact);
    leg.ack();
    hang_up(&leg, &call);
    drop((call, leg));
    drop(bob);
    tls.bed.finish(1);
}

// --- what the configuration is told ----------------------------------------------------------------

fn check(bed: &Bed, toml: &str) -> String {
    let path = bed.dir().join("wrong.toml");
    std::fs::write(&path, toml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .arg("check")
        .arg(&path)
        .output()
        .unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn op_02_what_is_wrong_with_certificates_is_said_before_they_are_needed() {
    let tls = tls("", &[C_TEST]);
    let bed = &tls.bed;
    let good = std::fs::read_to_string(bed.config()).unwrap();
    let _ = tls.authority.leaf(&["x.test"]).write(bed.dir(), "other");
    for (from, to, said) in [
        (
            "key = \"sut.key\"",
            "key = \"other.key\"",
            "not the key to the certificate in",
        ),
        (
            "certificate = \"sut.pem\"",
            "certificate = \"nowhere.pem\"",
            "nowhere.pem",
        ),
        (
            "certificate = \"sut.pem\"",
            "certificate = \"sut.key\"",
            "no certificate in PEM",
        ),
        ("ca = \"ca.pem\"", "ca = \"nowhere.pem\"", "nowhere.pem"),
    ] {
        let output = check(bed, &good.replace(from, to));
        assert!(output.contains(said), "{to}: {output}");
    }
    assert!(!check(bed, &good).contains("error"), "{}", check(bed, &good));
    tls.bed.finish(0);
}
