//! The registrar: phones that register with us, call and are called.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message};
use support::phone::{Phone, bindings};
use support::{MOMENT, NUMBER, header, invite_of, is, ms, quick, text, uri, values};
use testbed::{Bed, Setup, SipPeer, digest, sdp};

const ALICE: (&str, &str) = ("alice", "wonder");
const BOB: (&str, &str) = ("bob", "builder");
/// Phones of a customer, wherever they are, and a registrar that takes short times.
const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\", numbers = [\"+4420555\"] }, \
                     { username = \"bob\", password = \"builder\" }]";

fn phones(setup: Setup) -> Setup {
    setup.trunk("phones", &["role = \"customer\"", USERS])
}

/// A place on the stranger's address: behind one NAT all have one address.
fn port(bed: &Bed, offset: u16) -> SocketAddr {
    SocketAddr::new(bed.places.x.ip(), bed.places.x.port() + offset)
}

fn hang_up(call: &testbed::Call<'_>, leg: &testbed::Call<'_>) {
    call.bye();
    leg.ok("BYE");
    call.expect(200);
}

fn talk_and_hang_up(bed: &Bed, call: &testbed::Call<'_>, leg: &testbed::Call<'_>) {
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    hang_up(call, leg);
}

/// What an answer lists, as (URI, seconds).
fn listed(answer: &Message) -> Vec<(String, u64)> {
    let one = |value: String| {
        let (uri, rest) = value.trim_start_matches('<').split_once('>').unwrap();
        let seconds = rest.rsplit_once("expires=").unwrap().1.parse().unwrap();
        (uri.to_owned(), seconds)
    };
    let mut all: Vec<_> = values(answer, HeaderId::Contact).into_iter().map(one).collect();
    all.sort();
    all
}

/// SE-04 (a): twenty phones behind one address register, refresh, and are never limited; first requests are no failures.
#[test]
fn se_04_a_twenty_phones_behind_one_address_are_never_limited() {
    let users: Vec<String> = (0..20)
        .map(|n| format!("{{ username = \"u{n}\", password = \"p{n}\" }}"))
        .collect();
    let line = format!("users = [{}]", users.join(", "));
    let bed = quick(|setup| setup.trunk("phones", &["role = \"customer\"", &line]));
    let peers: Vec<SipPeer> = (0..20).map(|n| bed.peer("phone", port(&bed, n))).collect();
    let names: Vec<(String, String)> = (0..20).map(|n| (format!("u{n}"), format!("p{n}"))).collect();
    let phones: Vec<Phone<'_>> = peers
        .iter()
        .zip(&names)
        .map(|(peer, (user, password))| Phone::new(peer, (user, password)))
        .collect();
    for _ in 0..3 {
        for phone in &phones {
            phone.comes();
        }
    }
    let metrics = bed.metrics();
    assert_eq!(metrics.sum("tandem_bindings"), Some(20.0));
    assert_eq!(metrics.sum("tandem_challenges_total"), Some(60.0));
    assert_eq!(metrics.sum("tandem_auth_failed_total"), Some(0.0));
    assert_eq!(bindings(&bed).len(), 20);
    bed.finish(0);
}

#[test]
fn a_phone_registers_is_called_and_calls() {
    let bed = quick(phones);
    let (pbx, b1, desk) = (bed.peer_a(), bed.peer_b1(), bed.peer("desk", bed.places.x));
    let phone = Phone::new(&desk, ALICE);
    // Nobody is there yet.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    call.expect(480);
    call.ack_failure();
    // What it says of itself is a place behind its NAT; it is called where it is.
    let answer = phone.register(&["Contact: <sip:alice@10.1.2.3:5066;ob>;q=0.5", "Expires: 600"]);
    assert_eq!(listed(&answer), [("sip:alice@10.1.2.3:5066;ob".to_owned(), 600)]);
    let expected = (
        "alice".to_owned(),
        "sip:alice@10.1.2.3:5066;ob".to_owned(),
        desk.local().to_string(),
    );
    assert_eq!(bindings(&bed), [expected]);
    for called in ["alice", "+4420555", "4420555"] {
        let call = pbx.invite(called, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = desk.incoming();
        assert_eq!(uri(&invite_of(&leg)), "sip:alice@10.1.2.3:5066;ob");
        assert_eq!(
            text(invite_of(&leg).to().uri),
            format!("sip:{called}@{}", bed.places.sut)
        );
        talk_and_hang_up(&bed, &call, &leg);
    }
    // It calls out: challenged, and known by its password alone.
    let call = desk.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    let challenge = header(&call.expect(401), HeaderId::WwwAuthenticate);
    call.ack_failure();
    let to = format!("sip:{NUMBER}@{}", bed.places.sut);
    let credentials = digest::answer(&challenge, ALICE, "INVITE", &to, 1);
    let call = desk.invite_with(
        NUMBER,
        &[("Authorization", &credentials)],
        Some(&sdp::offer(bed.places.rtp_x)),
    );
    let leg = b1.incoming();
    assert_eq!(
        values(&invite_of(&leg), HeaderId::Authorization),
        Vec::<String>::new()
    );
    talk_and_hang_up(&bed, &call, &leg);
    let records = bed.finish_lingering(5, 0);
    assert_eq!(records[0].text("cause.kind"), "not-registered");
    assert_eq!(
        (records[1].text("to_trunk"), records[4].text("from_trunk")),
        ("phones", "phones")
    );
}

/// Wrong passwords, unknown users, other people's names: the same answer, and each a failure that is counted.
#[test]
fn who_knows_no_password_is_nobody() {
    let bed = quick(phones);
    let x = bed.peer("x", bed.places.x);
    let phone = Phone::new(&x, ALICE);
    let uri = format!("sip:{}", bed.places.sut);
    for (n, who) in [("alice", "guess"), ("mallory", "wonder"), ("bob", "wonder")]
        .into_iter()
        .enumerate()
    {
        let challenge = header(&phone.send(&[]), HeaderId::WwwAuthenticate);
        let line = format!(
            "Authorization: {}",
            digest::answer(&challenge, who, "REGISTER", &uri, 1)
        );
        let contact = format!("Contact: {}", phone.contact());
        let refused = phone.send(&[&contact, &line]);
        assert_eq!(refused.status(), Some(401), "{who:?}");
        assert!(!header(&refused, HeaderId::WwwAuthenticate).contains("stale"));
        assert_eq!(
            bed.metrics().sum("tandem_auth_failed_total"),
            Some((n + 1) as f64)
        );
    }
    // A known user may not register for another.
    let credentials = format!("Authorization: {}", phone.credentials("REGISTER", &uri));
    let contact = format!("Contact: {}", phone.contact());
    assert_eq!(
        phone.send_at(50, "bob", &[&contact, &credentials]).status(),
        Some(403)
    );
    // A call by a wrong password gets nowhere.
    let call = x.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    call.expect(401);
    call.ack_failure();
    assert!(bindings(&bed).is_empty());
    bed.finish_lingering(0, 0);
}

/// A nonce serves many requests, each with a count of its own; used twice it is stale, and so is one of the process before.
#[test]
fn a_replayed_request_is_stale() {
    let mut bed = quick(|setup| {
        phones(setup)
            .extra("[digest]\nalgorithms = [\"SHA-512-256\", \"SHA-256\", \"MD5\"]\nrealm = \"desk\"")
    });
    let desk = bed.peer("x", bed.places.x);
    let phone = Phone::new(&desk, ALICE);
    let uri = format!("sip:{}", bed.places.sut);
    let offered = values(&phone.send(&[]), HeaderId::WwwAuthenticate);
    let names: Vec<String> = offered
        .iter()
        .map(|value| digest::field(value, "algorithm"))
        .collect();
    assert_eq!(names, ["SHA-512-256", "SHA-256", "MD5"]);
    assert!(
        offered
            .iter()
            .all(|value| digest::field(value, "realm") == "desk")
    );
    let line = |count, n: usize| {
        format!(
            "Authorization: {}",
            digest::answer(&offered[n], ALICE, "REGISTER", &uri, count)
        )
    };
    for (count, algorithm, status) in [
        (1, 0, 200),
        (2, 1, 200),
        (3, 2, 200),
        (3, 2, 401),
        (2, 0, 401),
        (4, 2, 200),
    ] {
        let answer = phone.send(&[&line(count, algorithm)]);
        assert_eq!(answer.status(), Some(status), "nc {count}");
        let stale = header(&answer, HeaderId::WwwAuthenticate).contains("stale=true");
        assert_eq!(stale, status == 401, "nc {count}");
    }
    bed.crash_and_restart();
    let answer = phone.send(&[&line(5, 0)]);
    assert!(header(&answer, HeaderId::WwwAuthenticate).contains("stale=true"));
    assert_eq!(bed.metrics().sum("tandem_auth_failed_total"), Some(0.0));
    bed.finish(0);
}

/// Contacts of one user: several, by preference one after the other; removed one by one or all at once (RFC 3261 §10.3).
#[test]
fn contacts_come_and_go_and_ring_by_preference() {
    let bed = quick(|setup| {
        phones(setup).extra("[registrar]\nring = \"1s\"\nmin_expires = \"30s\"\nmax_expires = \"1h\"")
    });
    let pbx = bed.peer_a();
    let (desk, soft, home) = (
        bed.peer("desk", port(&bed, 0)),
        bed.peer("soft", port(&bed, 1)),
        bed.peer("home", port(&bed, 2)),
    );
    let (one, two, three) = (
        Phone::new(&desk, ALICE),
        Phone::new(&soft, ALICE),
        Phone::new(&home, ALICE),
    );
    for (phone, q, expires) in [(&one, "0.3", 600), (&two, "0.9", 100_000), (&three, "0.1", 30)] {
        let contact = format!("Contact: {};q={q};expires={expires}", phone.contact());
        assert_eq!(phone.register(&[&contact]).status(), Some(200));
    }
    let all = listed(&one.register(&[]));
    let granted = [600, 3600, 30];
    let fits = |((_, left), granted): (&(String, u64), u64)| *left <= granted && left + 10 > granted;
    assert!(all.len() == 3 && all.iter().zip(granted).all(fits), "{all:?}");
    // The preferred one is busy, the next does not answer in time, the last one takes it.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = soft.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    let leg = desk.incoming();
    leg.reply(180);
    call.expect(180);
    let cancel = leg.expect_request("CANCEL");
    leg.reply_to(&cancel, 200, &[], None);
    leg.reply_to(&invite_of(&leg), 487, &[], None);
    leg.expect_request("ACK");
    let leg = home.incoming();
    leg.reply(180);
    talk_and_hang_up(&bed, &call, &leg);
    // A word for the user ends it at once.
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = soft.incoming();
    leg.reply(603);
    leg.expect_request("ACK");
    call.expect(603);
    call.ack_failure();
    desk.expect_silence(MOMENT);
    // One is removed, then everything.
    let contact = format!("Contact: {};expires=0", two.contact());
    assert_eq!(listed(&two.register(&[&contact])).len(), 2);
    let answer = one.register(&["Contact: *", "Expires: 0"]);
    assert_eq!((answer.status(), listed(&answer).len()), (Some(200), 0));
    for (lines, status) in [
        (vec!["Contact: *"], 400),
        (vec!["Contact: <sip:alice@10.0.0.1>;expires=29"], 423),
        (vec!["Contact: <mailto:alice@10.0.0.1>"], 400),
    ] {
        let answer = one.register(&lines);
        assert_eq!(answer.status(), Some(status), "{lines:?}");
        if status == 423 {
            assert_eq!(header(&answer, HeaderId::MinExpires), "30");
        }
    }
    assert!(bindings(&bed).is_empty());
    bed.finish_lingering(2, 3);
}

/// A REGISTER that was sent before another and comes after it changes nothing (RFC 3261 §10.3 step 7).
#[test]
fn what_comes_late_changes_nothing() {
    let bed = quick(phones);
    let desk = bed.peer("x", bed.places.x);
    let phone = Phone::new(&desk, ALICE);
    phone.comes();
    let uri = format!("sip:{}", bed.places.sut);
    let line = format!("Authorization: {}", phone.credentials("REGISTER", &uri));
    let gone = format!("Contact: {};expires=0", phone.contact());
    assert_eq!(phone.send_at(2, "alice", &[&gone, &line]).status(), Some(500));
    assert_eq!(bindings(&bed).len(), 1);
    bed.finish(0);
}

/// Path: what the phone's edge proxy has put in is the way to it (RFC 3327); an instance replaces its own contact (RFC 5626).
#[test]
fn a_path_is_kept_and_an_instance_has_one_contact() {
    let bed = quick(phones);
    let (pbx, edge) = (bed.peer_a(), bed.peer("edge", bed.places.x));
    let phone = Phone::new(&edge, ALICE);
    let path = format!("<sip:{};lr;ob>", edge.local());
    let path_line = format!("Path: {path}, <sip:inner.example;lr>");
    for (n, host) in ["10.0.0.7:4000", "10.0.0.7:4001"].into_iter().enumerate() {
        let contact = format!(
            "Contact: <sip:alice@{host};gr=urn:x>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=600"
        );
        let answer = phone.register(&[
            &contact,
            &path_line,
            "Require: path",
            "Supported: path, outbound, gruu",
        ]);
        assert_eq!(answer.status(), Some(200));
        assert_eq!(
            header(&answer, HeaderId::Path),
            path_line.trim_start_matches("Path: ")
        );
        let contact = header(&answer, HeaderId::Contact);
        assert!(
            contact.contains(host) && contact.contains(";+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
            "{n}: {contact}"
        );
        assert_eq!(bindings(&bed).len(), 1);
    }
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = edge.incoming();
    assert_eq!(
        values(&invite_of(&leg), HeaderId::Route),
        [path.as_str(), "<sip:inner.example;lr>"]
    );
    assert_eq!(uri(&invite_of(&leg)), "sip:alice@10.0.0.7:4001;gr=urn:x");
    talk_and_hang_up(&bed, &call, &leg);
    bed.finish(1);
}

/// Registrations outlive a reload, and a restart; a user that is gone has none.
#[test]
fn registrations_outlive_a_reload_and_a_restart() {
    let mut bed = quick(phones);
    let (pbx, desk, other) = (
        bed.peer_a(),
        bed.peer("desk", port(&bed, 0)),
        bed.peer("other", port(&bed, 1)),
    );
    Phone::new(&desk, ALICE).comes();
    Phone::new(&other, BOB).comes();
    let before = bindings(&bed);
    let setup = || phones(Setup::default().t1_ms(25));
    bed.write_config(&bed.toml(&setup().key("phones", "max_calls = 7")));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    assert_eq!(bindings(&bed), before);
    let file = bed.dir().join("data/registrations.json");
    let end = Instant::now() + Duration::from_secs(5);
    while !std::fs::read_to_string(&file).is_ok_and(|kept| kept.contains("bob")) {
        assert!(Instant::now() < end, "registrations are not kept");
        std::thread::sleep(ms(20));
    }
    bed.crash_and_restart();
    assert_eq!(bindings(&bed), before);
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = desk.incoming();
    talk_and_hang_up(&bed, &call, &leg);
    let table = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["registrations", "--config"])
        .arg(bed.config())
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.lines().any(|line| line.starts_with("alice  phones")),
        "{table}"
    );
    // Without bob his phone is nobody's.
    let without = setup().without("phones").trunk(
        "phones",
        &[
            "role = \"customer\"",
            "users = [{ username = \"alice\", password = \"wonder\" }]",
        ],
    );
    bed.write_config(&bed.toml(&without));
    assert_eq!(bed.ask("POST", "/v1/reload").status, 200);
    assert_eq!(bindings(&bed), before[..1]);
    bed.finish(1);
}

/// A PBX that registers gets all numbers of its trunk, each as it was dialled.
#[test]
fn a_pbx_that_registers_gets_its_numbers() {
    let bed = quick(|setup| {
        setup
            .trunk(
                "office",
                &[
                    "role = \"customer\"",
                    "users = [{ username = \"office\", password = \"desk\" }]",
                ],
            )
            .extra("[[number]]\nmatch = \"+4989*\"\nto = \"office\"")
    });
    let (b1, pbx) = (bed.peer_b1(), bed.peer("x", bed.places.x));
    Phone::new(&pbx, ("office", "desk")).comes();
    let call = b1.invite("+4989123", Some(&sdp::offer(bed.places.rtp_b1)));
    let leg = pbx.incoming();
    assert_eq!(uri(&invite_of(&leg)), format!("sip:+4989123@{}", pbx.local()));
    talk_and_hang_up(&bed, &call, &leg);
    bed.finish(1);
}

/// With `sources` users may come from there only; with `challenge = "elsewhere"` those who do need no password.
#[test]
fn sources_and_users_of_one_trunk() {
    let users = "users = [{ username = \"alice\", password = \"wonder\" }]";
    let only = ["role = \"customer\"", "sources = [\"{x.ip}\"]", users];
    let bed = quick(|setup| setup.trunk("phones", &only).without("b2"));
    let (inside, outside) = (bed.peer("x", bed.places.x), bed.peer("outside", bed.places.b2));
    let call = inside.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    call.expect(401);
    call.ack_failure();
    Phone::new(&inside, ALICE).comes();
    assert_eq!(Phone::new(&outside, ALICE).send(&[]).status(), Some(403));
    bed.finish_lingering(0, 0);

    let bed = quick(|setup| {
        setup
            .trunk("phones", &[&only[..], &["challenge = \"elsewhere\""]].concat())
            .without("b2")
    });
    let (inside, outside, b1) = (
        bed.peer("x", bed.places.x),
        bed.peer("outside", bed.places.b2),
        bed.peer_b1(),
    );
    let call = inside.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    talk_and_hang_up(&bed, &call, &b1.incoming());
    let phone = Phone::new(&inside, ALICE);
    let contact = format!("Contact: {}", phone.contact());
    assert_eq!(phone.send(&[&contact]).status(), Some(200));
    Phone::new(&outside, ALICE).comes();
    assert_eq!(bindings(&bed).len(), 2);
    bed.finish(1);
}

/// Without users nothing is challenged, and nobody registers; `auth` is what we are known by, and changes nothing of that (SE-03).
#[test]
fn se_03_credentials_of_ours_make_us_challenge_nobody() {
    let bed = quick(|setup| {
        setup
            .key("b1", "auth = { username = \"tandem\", password = \"secret\" }")
            .extra("[[number]]\nmatch = \"+4420*\"\nto = \"pbx\"")
    });
    let (pbx, b1, x) = (bed.peer_a(), bed.peer_b1(), bed.peer("x", bed.places.x));
    let call = b1.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b1)));
    talk_and_hang_up(&bed, &call, &pbx.incoming());
    let stranger = x.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_x)));
    stranger.expect(403);
    stranger.ack_failure();
    let answer = Phone::new(&x, ALICE).send(&[]);
    assert_eq!(answer.status(), Some(405));
    bed.finish_lingering(1, 0);
}

/// OPTIONS keep a NAT's door open and tell who is there: a contact that does not answer is called last.
#[test]
fn a_contact_that_answers_no_keepalive_is_called_last() {
    let bed =
        quick(|setup| phones(setup).extra("[registrar]\nkeepalive = \"1s\"\nkeepalive_by = \"options\""));
    let pbx = bed.peer_a();
    let (dead, there) = (bed.peer("dead", port(&bed, 0)), bed.peer("there", port(&bed, 1)));
    let (one, two) = (Phone::new(&dead, ALICE), Phone::new(&there, ALICE));
    for (phone, q) in [(&one, "1.0"), (&two, "0.5")] {
        let contact = format!("Contact: {};q={q};expires=600", phone.contact());
        assert_eq!(phone.register(&[&contact]).status(), Some(200));
    }
    let end = Instant::now() + Duration::from_secs(20);
    let silent = |bed: &Bed| bed.get("/v1/registrations").body.contains("\"answers\":false");
    while !silent(&bed) {
        assert!(Instant::now() < end, "nobody is missed");
        if let Some(options) = there.wait_for("OPTIONS", ms(50), is("OPTIONS")) {
            assert_eq!(uri(&options.message), format!("sip:alice@{}", there.local()));
            support::reply_raw(&there, &options.message, 200, "o", &[], None);
        }
    }
    let call = pbx.invite("alice", Some(&sdp::offer(bed.places.rtp_a)));
    let leg = there.incoming();
    leg.reply(600);
    leg.expect_request("ACK");
    call.expect(600);
    call.ack_failure();
    drop(bed);
}
