//! Calls between peers that are not ours: Kamailio as a carrier and as a registrar, baresip and linphone as telephones. What is said
//! is compared with what is heard.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use sip_msg::{HeaderId, Message};
use support::connected::{TLS, registers};
use support::phone::{bindings, wait_state};
use support::secure::{bytes, exchange, packets};
use support::speech::{assert_speech, pcmu, speak};
use support::{NUMBER, answered, check, invite_of, is, reply_raw, until, values};
use testbed::baresip::{Account, Baresip};
use testbed::certs::Authority;
use testbed::kamailio::{Kamailio, WHO};
use testbed::linphone::Linphone;
use testbed::rtp::RtpPeer;
use testbed::{Bed, Setup, SipPeer, sdp};

const TRANSPORTS: [&str; 3] = ["udp", "tcp", "tls"];
const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\" }]";

/// A daemon that listens by UDP, TCP and TLS, and the authority that its certificate is of. `setup` has the trunks.
fn bed(setup: impl FnOnce(Setup) -> Setup) -> (Bed, Authority) {
    let authority = Authority::default();
    let prepare = |dir: &Path, base: Setup| {
        let _ = authority.write(dir, "ca.pem");
        let _ = authority.leaf(&["sut.test"]).write(dir, "sut");
        setup(base.t1_ms(25)).extra(&format!(
            "[[listen]]\ntransport = \"tcp\"\nbind = \"{{sut}}\"\n\
             [[listen]]\ntransport = \"tls\"\nbind = \"{{sut.ip}}:{TLS}\"\n\
             tls = {{ certificate = \"sut.pem\", key = \"sut.key\" }}"
        ))
    };
    let bed = Bed::start_with(env!("CARGO_BIN_EXE_tandem"), prepare);
    (bed, authority)
}

/// Waits until every connection is over, which nothing is when the other side stays.
fn disconnected(bed: &Bed) {
    until("connections end", || {
        bed.metrics().sum("tandem_connections") == Some(0.0)
    });
}

// --- Kamailio --------------------------------------------------------------------------------------

const CARRIER: &str = "tls = { name = \"carrier.test\", ca = \"ca.pem\" }";

/// The carrier's customer behind Kamailio: it answers with the route by which the call came.
struct Callee {
    peer: SipPeer,
    invite: Message,
}

impl Callee {
    fn answers(bed: &Bed, peer: SipPeer) -> Self {
        let invite = peer.wait("an INVITE", is("INVITE")).message;
        let callee = Self { peer, invite };
        let routes = values(&callee.invite, HeaderId::RecordRoute).join(", ");
        let contact = format!("<sip:callee@{}>", callee.peer.local());
        reply_raw(
            &callee.peer,
            &callee.invite,
            200,
            "callee",
            &[("Record-Route", &routes), ("Contact", &contact)],
            Some(&sdp::offer(bed.places.rtp_b2)),
        );
        callee
    }
}

/// Both ends say something, and hear what the other has said.
fn talk_both_ways(bed: &Bed, a_to: SocketAddr, b_to: SocketAddr, rtp_b: SocketAddr) {
    let (a, b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(rtp_b));
    let (from_a, from_b) = (packets(0xa, 100, 50, 0xa1), packets(0xb, 200, 50, 0xb2));
    let [at_a, at_b] = exchange((&a, a_to, &from_a), (&b, b_to, &from_b));
    assert!(bytes(&at_a) == from_b, "{} of 50 at A", at_a.len());
    assert!(bytes(&at_b) == from_a, "{} of 50 at B", at_b.len());
}

fn calls_by_kamailio(transport: &str) {
    let (bed, authority) = bed(|base| {
        let port = if transport == "tls" { ":5081" } else { ":5080" };
        let target = format!("targets = [{{ uri = \"sip:{{b1.ip}}{port};transport={transport}\" }}]");
        let auth = format!("auth = {{ username = \"{}\", password = \"{}\" }}", WHO.0, WHO.1);
        base.without("b1").without("b2").trunk(
            "b1",
            &[
                "role = \"carrier\"",
                "sources = [\"{b1.ip}\"]",
                CARRIER,
                &target,
                &auth,
            ],
        )
    });
    let leaf = authority.leaf(&["carrier.test"]);
    let kamailio = Kamailio::start(bed.dir(), bed.places.b1, bed.places.b2, &leaf);
    let alice = bed.peer_a();
    for _ in 0..2 {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let peer = SipPeer::bind("callee", bed.places.b2, bed.places.b1);
        let callee = Callee::answers(&bed, peer);
        let told = sdp::audio(&callee.invite.body());
        let answer = sdp::audio(&call.expect(200).body());
        call.ack();
        callee.peer.wait("ACK", is("ACK"));
        talk_both_ways(&bed, answer, told, bed.places.rtp_b2);
        // On hold and back, by the way that the call has.
        call.reinvite(Some(
            &sdp::offer(bed.places.rtp_a).replace("a=sendrecv", "a=sendonly"),
        ));
        let held = callee.peer.wait("re-INVITE", is("INVITE")).message;
        reply_raw(
            &callee.peer,
            &held,
            200,
            "callee",
            &[("Contact", &format!("<sip:callee@{}>", callee.peer.local()))],
            Some(&sdp::offer(bed.places.rtp_b2).replace("a=sendrecv", "a=recvonly")),
        );
        call.expect(200);
        call.ack();
        callee.peer.wait("ACK", is("ACK"));
        call.bye();
        let bye = callee.peer.wait("BYE", is("BYE")).message;
        reply_raw(&callee.peer, &bye, 200, "callee", &[], None);
        call.expect(200);
    }
    drop(kamailio);
    disconnected(&bed);
    // By UDP the transaction of the refused INVITE waits for answers that come again (RFC 3261 §17.1.1.2, timer D).
    let lingering = usize::from(transport == "udp");
    for record in bed.finish_lingering(2, lingering) {
        check(&record, "normal", 200, "caller", 1);
    }
}

#[test]
fn kamailio_is_a_carrier_with_a_password_by_udp() {
    calls_by_kamailio("udp");
}

#[test]
fn kamailio_is_a_carrier_with_a_password_by_tcp() {
    calls_by_kamailio("tcp");
}

#[test]
fn kamailio_is_a_carrier_with_a_password_by_tls() {
    calls_by_kamailio("tls");
}

/// The trunk registers with Kamailio, and whoever calls the number there reaches the PBX.
#[test]
fn we_register_with_kamailio_and_are_called_through_it() {
    for transport in TRANSPORTS {
        let (bed, authority) = bed(|base| {
            base.without("b2")
                .key("b1", CARRIER)
                .extra("[[number]]\nmatch = \"+4420*\"\nto = \"pbx\"")
        });
        let leaf = authority.leaf(&["carrier.test"]);
        let kamailio = Kamailio::start(bed.dir(), bed.places.b1, bed.places.b2, &leaf);
        let port = bed.places.b1.port() + u16::from(transport == "tls");
        registers(
            &bed,
            &format!(
                "register = {{ uri = \"sip:{}:{port};transport={transport}\", username = \"{}\", \
                 password = \"{}\", expires = \"300s\" }}",
                bed.places.b1.ip(),
                WHO.0,
                WHO.1
            ),
        );
        wait_state(&bed, "b1", "registered");
        let caller = SipPeer::bind("caller", bed.places.b2, bed.places.b1);
        let alice = bed.peer_a();
        let call = caller.invite(WHO.0, Some(&sdp::offer(bed.places.rtp_b2)));
        let leg = alice.incoming();
        let told = sdp::audio(&invite_of(&leg).body());
        leg.answer(&sdp::offer(bed.places.rtp_a));
        call.expect(100);
        let answer = sdp::audio(&call.expect(200).body());
        call.ack();
        leg.expect_request("ACK");
        talk_both_ways(&bed, told, answer, bed.places.rtp_b2);
        call.bye();
        leg.ok("BYE");
        call.expect(200);
        drop((call, leg));
        drop(kamailio);
        disconnected(&bed);
        let records = bed.assert_quiet(1);
        check(&records[0], "normal", 200, "caller", 1);
    }
}

// --- telephones ------------------------------------------------------------------------------------

fn account<'a>(bed: &Bed, transport: &'a str) -> Account<'a> {
    let (port, encryption) = if transport == "tls" {
        (TLS, "srtp-mand")
    } else {
        (bed.places.sut.port(), "")
    };
    Account {
        user: "alice",
        password: "wonder",
        registrar: SocketAddr::new(bed.places.sut.ip(), port),
        transport,
        encryption,
    }
}

/// The trunk of the telephone; what is said over TLS is not to be heard on the way either.
fn phones(base: Setup, transport: &str) -> Setup {
    let srtp = if transport == "tls" { "required" } else { "off" };
    let srtp = format!("srtp = \"{srtp}\"");
    base.trunk(
        "phones",
        &["role = \"customer\"", USERS, "codecs = [\"PCMU\"]", &srtp],
    )
}

fn registered(bed: &Bed, log: impl Fn() -> String) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while bindings(bed).is_empty() {
        assert!(
            std::time::Instant::now() < deadline,
            "not registered:\n{}\n{}",
            log(),
            bed.log()
        );
        thread::sleep(support::ms(20));
    }
}

/// The PBX calls Alice, who is where she has registered.
#[test]
fn baresip_registers_and_is_called() {
    for transport in TRANSPORTS {
        let (bed, _authority) = bed(|base| phones(base, transport));
        let own = account(&bed, transport);
        let mut baresip = Baresip::registered(bed.dir(), bed.places.x, &own, None);
        registered(&bed, || baresip.log());
        let (pbx, a) = (bed.peer_a(), RtpPeer::bind(bed.places.rtp_a));
        let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
        let answer = answered(&call);
        call.ack();
        let heard = speak(&a, sdp::audio(&answer));
        assert_speech(&heard, 8000, "A");
        if transport == "tls" {
            assert!(baresip.log().contains("SRTP is Enabled"), "{}", baresip.log());
        }
        call.bye();
        call.expect(200);
        baresip.quit();
        assert_speech(&pcmu(&baresip.heard()), 8000, "baresip");
        disconnected(&bed);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// Alice calls out: challenged, and connected.
#[test]
fn baresip_registers_and_calls() {
    for transport in TRANSPORTS {
        let (bed, _authority) = bed(|base| phones(base, transport));
        let own = account(&bed, transport);
        let bob = bed.peer_b1();
        let number = format!("sip:{NUMBER}@{};transport={transport}", own.registrar);
        let mut baresip = Baresip::registered(bed.dir(), bed.places.x, &own, Some(&number));
        let leg = bob.incoming();
        let b = RtpPeer::bind(bed.places.rtp_b1);
        let told = sdp::audio(&invite_of(&leg).body());
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        leg.expect_request("ACK");
        let heard = speak(&b, told);
        assert_speech(&heard, 8000, "B1");
        thread::scope(|scope| {
            scope.spawn(|| baresip.quit());
            leg.ok("BYE");
        });
        assert_speech(&pcmu(&baresip.heard()), 8000, "baresip");
        disconnected(&bed);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

#[test]
fn linphone_registers_and_is_called() {
    for transport in ["udp", "tcp"] {
        let (bed, _authority) = bed(|base| phones(base, transport));
        let mut linphone = Linphone::start(bed.dir(), &account(&bed, transport));
        registered(&bed, || linphone.log());
        let (pbx, a) = (bed.peer_a(), RtpPeer::bind(bed.places.rtp_a));
        let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
        let leg = answered(&call);
        call.ack();
        let heard = speak(&a, sdp::audio(&leg));
        assert_speech(&heard, 1600, "A");
        call.bye();
        call.expect(200);
        linphone.quit();
        assert_speech(&pcmu(&linphone.heard()), 1600, "linphone");
        until("it takes its registration back", || bindings(&bed).is_empty());
        disconnected(&bed);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}
