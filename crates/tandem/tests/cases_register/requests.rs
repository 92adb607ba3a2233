//! REGISTER: when, how often, with which credentials, and what becomes of each answer.

use super::*;

/// RG-01 (a): at the start, by itself; again before it runs out, with the same Call-ID; taken back at the end.
#[test]
fn rg_01_a_trunk_registers_at_the_start_and_stays_registered() {
    let start = Instant::now();
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    // What came before the peer was there is sent again.
    let first = registrar.next();
    assert!(start.elapsed() < Duration::from_secs(5) + ms(2500));
    assert_eq!(uri(&first.message), format!("sip:{}", bed.places.b1));
    assert_eq!(asked(&first), 300);
    assert_eq!(
        text(first.message.to().uri),
        format!("sip:tandem@{}", bed.places.b1.ip())
    );
    assert_eq!(
        text(first.message.contact().unwrap().uri),
        format!("sip:tandem@{}", bed.places.sut)
    );
    registrar.challenge(&first, "N1", "");
    let second = registrar.next();
    assert_eq!(shown(&second, WHO), ("N1".into(), "00000001".into()));
    registrar.grant(&second, 3);
    let granted = Instant::now();
    wait_state(&bed, "b1", "registered");
    let third = registrar.next();
    let after = granted.elapsed().as_secs_f64() / 3.0;
    assert!((0.5..0.97).contains(&after), "refreshed at {after}");
    let ids: Vec<_> = [&first, &second, &third].map(place).into();
    assert!(ids.iter().all(|(call_id, _)| *call_id == ids[0].0));
    assert_eq!([ids[1].1, ids[2].1], [ids[0].1 + 1, ids[0].1 + 2]);
    registrar.grant(&third, 300);
    bed.assert_quiet(0);
    proc::terminate(bed.pid());
    let last = registrar.next();
    assert_eq!((asked(&last), place(&last).0), (0, ids[0].0.clone()));
    // That one is challenged too: the process waits for it.
    registrar.challenge(&last, "N2", "");
    let again = registrar.next();
    assert_eq!((asked(&again), shown(&again, WHO).0), (0, "N2".into()));
    registrar.grant(&again, 0);
    let end = Instant::now() + Duration::from_secs(1);
    while bed.is_alive() && Instant::now() < end {
        std::thread::sleep(ms(10));
    }
    assert!(
        !bed.is_alive(),
        "the process does not end when the registrar has let us go"
    );
}

/// RG-01 (b): a registrar that says nothing, and one that isn't there, has us when it is back.
#[test]
fn rg_01_b_a_silent_registrar_has_us_again_when_it_is_back() {
    let bed = quick(registering);
    {
        let b1 = bed.peer_b1();
        b1.listen(Duration::from_secs(3));
        assert_eq!(state(&bed, "b1"), "failed");
    }
    // Nobody listens there at all now.
    std::thread::sleep(Duration::from_secs(2));
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    b1.set_patience(Duration::from_secs(15));
    let register = registrar.next();
    registrar.grant(&register, 300);
    wait_state(&bed, "b1", "registered");
    b1.set_patience(Duration::from_secs(5));
    // One line for the failure, one for the success.
    let log = bed.log();
    assert_eq!(log.matches(" not-registered: ").count(), 1, "{log}");
    finish(bed, &registrar, 0);
}

/// RG-01 (c): 503 says when to ask again, and until then nobody asks.
#[test]
fn rg_01_c_retry_after_is_kept() {
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    let first = registrar.next();
    registrar.answer(&first, 503, &[("Retry-After", "3")]);
    let at = Instant::now();
    wait_state(&bed, "b1", "failed");
    let second = registrar
        .within(Duration::from_secs(7))
        .expect("another REGISTER");
    assert!(at.elapsed() >= ms(2950), "{:?}", at.elapsed());
    registrar.grant(&second, 300);
    wait_state(&bed, "b1", "registered");
    finish(bed, &registrar, 0);
}

/// RG-03: the shortest that a registrar takes is asked for at once, and from then on.
#[test]
fn rg_03_an_interval_too_brief_is_made_longer_and_remembered() {
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    registrar.challenge(&registrar.next(), "N1", "");
    let second = registrar.next();
    assert_eq!(asked(&second), 300);
    registrar.answer(&second, 423, &[("Min-Expires", "3600")]);
    let third = registrar.within(ms(1000)).expect("a longer one within a second");
    assert_eq!(asked(&third), 3600);
    assert_eq!(shown(&third, WHO), ("N1".into(), "00000002".into()));
    registrar.grant(&third, 2);
    wait_state(&bed, "b1", "registered");
    let refresh = registrar.next();
    assert_eq!(asked(&refresh), 3600);
    registrar.grant(&refresh, 3600);
    bed.assert_quiet(0);
    finish(bed, &registrar, 0);
}

/// RG-03, variants: a 423 that says nothing new, or says it again and again, is no loop.
#[test]
fn rg_03_a_registrar_that_is_never_content_is_left_alone() {
    for answers in [
        vec![""],
        vec!["10"],
        vec!["400", "500", "600", "700", "800"],
        vec!["4000000000"],
    ] {
        let bed = quick(registering);
        let b1 = bed.peer_b1();
        let registrar = Registrar(&b1);
        let mut registers = 0;
        for least in answers {
            let Some(register) = registrar
                .within(ms(400))
                .or_else(|| (registers == 0).then(|| registrar.next()))
            else {
                break;
            };
            registers += 1;
            registrar.answer(&register, 423, &[("Min-Expires", least)]);
        }
        wait_state(&bed, "b1", "failed");
        assert!(registers <= 3, "{registers} REGISTERs");
        drop(bed);
    }
}

/// RG-04 (a): counts go on with a nonce, and begin anew with the next.
#[test]
fn rg_04_a_nonces_are_used_again_and_stale_ones_replaced() {
    stale_after_three(", stale=true");
}

/// RG-04 (b): a nonce that ran out without `stale` costs one request more, not the registration.
#[test]
fn rg_04_b_a_nonce_that_ran_out_without_stale_is_replaced() {
    stale_after_three("");
}

fn stale_after_three(stale: &str) {
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    registrar.challenge(&registrar.next(), "N1", "");
    for count in ["00000001", "00000002", "00000003"] {
        let register = registrar.next();
        assert_eq!(shown(&register, WHO), ("N1".into(), count.into()));
        registrar.grant(&register, 1);
    }
    let fourth = registrar.next();
    assert_eq!(shown(&fourth, WHO).0, "N1");
    registrar.challenge(&fourth, "N2", stale);
    let fifth = registrar.next();
    assert_eq!(shown(&fifth, WHO), ("N2".into(), "00000001".into()));
    registrar.grant(&fifth, 300);
    b1.expect_silence(MOMENT);
    wait_state(&bed, "b1", "registered");
    bed.assert_quiet(0);
    finish(bed, &registrar, 0);
}

/// RG-04 (c): a wrong password is told once and tried seldom; other trunks go on.
#[test]
fn rg_04_c_a_wrong_password_stops_it_and_other_trunks_go_on() {
    let bed = quick(registering);
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let registrar = Registrar(&b1);
    let start = Instant::now();
    let mut registers = 0;
    while start.elapsed() < Duration::from_secs(8) {
        let Some(register) = registrar.within(ms(500)) else {
            continue;
        };
        registers += 1;
        registrar.challenge(&register, &format!("N{registers}"), "");
    }
    assert_eq!(registers, 2, "in the first seconds");
    assert_eq!(state(&bed, "b1"), "auth-failed");
    assert_eq!(bed.log().matches("mend `register` or `auth`").count(), 1);
    let metrics = bed.metrics();
    assert_eq!(
        metrics.sum_where("tandem_trunk_registered", "state=\"auth-failed\""),
        Some(0.0)
    );
    // Calls still go out by it, and by the others.
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = b1.incoming();
    leg.reply(503);
    leg.expect_request("ACK");
    let leg = b2.incoming();
    connect(&call, &leg, &sdp::offer(bed.places.rtp_b2));
    hang_up(&call, &leg);
    bed.finish_lingering(1, 1);
    b1.expect_silence(MOMENT);
}

/// RG-04, variant: 403 is the same without a challenge.
#[test]
fn rg_04_forbidden_is_a_wrong_password_too() {
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    registrar.challenge(&registrar.next(), "N1", "");
    registrar.answer(&registrar.next(), 403, &[]);
    wait_state(&bed, "b1", "auth-failed");
    b1.expect_silence(Duration::from_secs(2));
    bed.finish(0);
}

/// Several challenges at once: of the realm that the credentials are for, the strongest that we know.
#[test]
fn of_several_challenges_the_one_for_our_credentials_is_answered() {
    let bed = quick(|setup| {
        setup
            .key(
                "b1",
                "auth = { username = \"tandem\", password = \"secret\", realm = \"carrier\" }",
            )
            .key("b1", "register = { uri = \"sip:{b1}\" }")
    });
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    let challenge = |realm: &str, nonce: &str, algorithm: &str| {
        format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth-int,auth\", algorithm={algorithm}")
    };
    let values = [
        challenge("elsewhere", "N1", "SHA-512-256"),
        challenge("carrier", "N2", "AKAv1-MD5"),
        challenge("carrier", "N3", "MD5"),
        challenge("carrier", "N4", "SHA-512-256"),
    ];
    let lines: Vec<(&str, &str)> = values
        .iter()
        .map(|value| ("WWW-Authenticate", value.as_str()))
        .collect();
    registrar.answer(&registrar.next(), 401, &lines);
    let second = registrar.next();
    assert_eq!(shown(&second, WHO).0, "N4");
    registrar.grant_with(&second, 2, &[("Authentication-Info", "nextnonce=\"N5\"")]);
    // RFC 7616 §3.5
    let third = registrar.next();
    assert_eq!(shown(&third, WHO), ("N5".into(), "00000001".into()));
    registrar.grant(&third, 300);
    bed.assert_quiet(0);
    finish(bed, &registrar, 0);
}

/// A reload that changes nothing about it leaves a registration alone; one that takes it away takes it back.
#[test]
fn a_reload_leaves_a_registration_alone_or_takes_it_back() {
    let bed = quick(registering);
    let b1 = bed.peer_b1();
    let registrar = Registrar(&b1);
    let first = registrar.next();
    registrar.grant(&first, 300);
    wait_state(&bed, "b1", "registered");
    let setup = || Setup::default().t1_ms(25);
    for (setup, expected) in [
        (registering(setup()).key("b1", "max_calls = 5"), None),
        // Another user is another registration.
        (
            setup().key("b1", &REGISTER.replace("\"tandem\"", "\"other\"")),
            Some((2, "other")),
        ),
        (setup(), Some((1, "other"))),
    ] {
        bed.write_config(&bed.toml(&setup));
        assert_eq!(bed.ask("POST", "/v1/reload").status, 200, "{}", bed.log());
        let mut seen = Vec::new();
        while let Some(register) = registrar.within(ms(600)) {
            let user = text(register.message.to().uri);
            registrar.grant(&register, asked(&register));
            seen.push((asked(&register), user));
        }
        match expected {
            None => assert!(seen.is_empty(), "{seen:?}"),
            Some((number, _)) => {
                assert_eq!(seen.len(), number, "{seen:?}");
                assert_eq!(seen[0].0, 0, "{seen:?}");
            }
        }
    }
    bed.finish(0);
}
