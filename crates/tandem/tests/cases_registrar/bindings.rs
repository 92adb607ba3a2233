//! Who may register, and what becomes of the bindings.

use super::*;

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
    until("registrations are not kept", || {
        std::fs::read_to_string(&file).is_ok_and(|kept| kept.contains("bob"))
    });
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
