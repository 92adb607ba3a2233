//! Verifying: everything that may be wrong with a signature, its certificate and the server that has it.

use super::*;

/// Everything that may be wrong, on a switch that tells and on one that refuses.
#[test]
fn what_is_wrong_is_told_or_refused() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let good = || signer.sign(Ppt::Shaken, &shaken()).unwrap();
    let stranger = Authority::root("nobody's").signer();
    let strange = signer_of(&stranger, &world.publish("/stranger.pem", &stranger));
    let narrow = world.signer(
        "/narrow.pem",
        &Wish {
            numbers: vec![Tn::One("1")],
            ..Wish::default()
        },
    );
    let missing = signer_of(&world.root.signer(), &world.server.url("/missing.pem"));
    let html = signer_of(&world.root.signer(), &world.server.url("/html"));
    world.server.put("/html", Page::of("<html>"));
    let mut huge = world.root.signer();
    let long = signer_of(&huge, &world.server.url("/huge.pem"));
    huge.chain.push_str(&"x".repeat(70_000));
    world.publish("/huge.pem", &huge);
    let plain = CertificateUrl::parse("https://127.0.0.1:1/x").unwrap();
    let port = signer_of(&world.root.signer(), plain.as_str());
    let sign = |signer: &Signer, claims: Claims| signer.sign(Ppt::Shaken, &claims).unwrap();
    let spoilt = {
        let value = good();
        let at = value.find(';').unwrap() - 20;
        let other = if &value[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &value[..at], &value[at + 1..])
    };
    let cases: Vec<(&str, Vec<String>, &str, u16, &str)> = vec![
        ("good", vec![good()], "TN-Validation-Passed-A", 0, ""),
        ("none", vec![], "No-TN-Validation", 428, "Use Identity Header"),
        (
            "rph only",
            vec![good().replace("ppt=shaken", "ppt=rph")],
            "No-TN-Validation",
            428,
            "Use Identity Header",
        ),
        (
            "stale",
            vec![sign(
                &signer,
                Claims {
                    iat: now() - 90,
                    ..shaken()
                },
            )],
            "TN-Validation-Failed",
            403,
            "Stale Date",
        ),
        (
            "tampered",
            vec![spoilt],
            "TN-Validation-Failed",
            438,
            "Invalid Identity Header",
        ),
        (
            "another dest",
            vec![sign(
                &signer,
                Claims {
                    dest: vec![tn("1")],
                    ..shaken()
                },
            )],
            "TN-Validation-Failed",
            438,
            "Invalid Identity Header",
        ),
        (
            "another orig",
            vec![sign(
                &signer,
                Claims {
                    orig: tn("1"),
                    ..shaken()
                },
            )],
            "TN-Validation-Failed",
            438,
            "Invalid Identity Header",
        ),
        (
            "an untrusted one",
            vec![sign(&strange, shaken())],
            "TN-Validation-Failed",
            437,
            "Unsupported Credential",
        ),
        (
            "another's number",
            vec![sign(&narrow, shaken())],
            "TN-Validation-Failed",
            437,
            "Unsupported Credential",
        ),
        (
            "no certificate",
            vec![sign(&missing, shaken())],
            "No-TN-Validation",
            436,
            "Bad Identity Info",
        ),
        (
            "a page",
            vec![sign(&html, shaken())],
            "TN-Validation-Failed",
            437,
            "Unsupported Credential",
        ),
        (
            "too long a chain",
            vec![sign(&long, shaken())],
            "No-TN-Validation",
            436,
            "Bad Identity Info",
        ),
        (
            "another port",
            vec![sign(&port, shaken())],
            "No-TN-Validation",
            436,
            "Bad Identity Info",
        ),
        (
            "one of two",
            vec![sign(&strange, shaken()), good()],
            "TN-Validation-Passed-A",
            0,
            "",
        ),
        (
            "no header at all",
            vec!["hello".into()],
            "TN-Validation-Failed",
            438,
            "Invalid Identity Header",
        ),
    ];
    let tells = world.verifier("annotate", "");
    let (bob, alice) = (tells.peer_b1(), tells.peer_a());
    for (what, identities, expected, _, _) in &cases {
        let call = call_with(&tells, &bob, identities);
        let leg = alice.incoming();
        assert_eq!(verstat(&invite_of(&leg)), [*expected; 2], "{what}");
        answer_and_end(&call, &leg, tells.places.rtp_a);
    }
    let records = tells.finish(cases.len());
    for (record, (what, _, expected, status, _)) in records.iter().zip(&cases) {
        assert_eq!(record.text("stir.verstat"), *expected, "{what}");
        assert_eq!(record.has("stir.reason"), *status != 0, "{what}");
    }
    let refuses = world.verifier("require", "");
    let (bob, alice) = (refuses.peer_b1(), refuses.peer_a());
    for (what, identities, _, status, phrase) in &cases {
        let call = call_with(&refuses, &bob, identities);
        if *status == 0 {
            let leg = alice.incoming();
            answer_and_end(&call, &leg, refuses.places.rtp_a);
        } else {
            let answer = call.expect(*status);
            assert_eq!(text(answer.reason()), *phrase, "{what}");
            call.ack_failure();
        }
    }
    let records = refuses.finish(cases.len());
    let stale = records
        .iter()
        .find(|record| record.number("cause.sip") == 403)
        .unwrap();
    check(stale, "identity-stale", 403, "switch", 0);
}

/// Phones that ring at once are each told what one alone would be; so is the record.
#[test]
fn each_of_several_phones_is_told() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let bed = quick(|setup| {
        setup
            .key("b1", "stir = { verify = \"annotate\" }")
            .trunk(
                "phones",
                &[
                    "role = \"customer\"",
                    "users = [{ username = \"alice\", password = \"wonder\", numbers = [\"+442079460000\"] }]",
                    "stir = { verstat = [\"from\", \"pai\", \"headers\"], identity = \"pass\" }",
                ],
            )
            .extra(&world.verifies())
    });
    let bob = bed.peer_b1();
    let phones = [0, 1].map(|n| {
        let at = bed.places.x;
        bed.peer("phone", SocketAddr::new(at.ip(), at.port() + n))
    });
    phones
        .iter()
        .for_each(|peer| Phone::new(peer, ("alice", "wonder")).comes());
    for (identity, expected) in [
        (
            signer.sign(Ppt::Shaken, &shaken()).unwrap(),
            "TN-Validation-Passed",
        ),
        ("hello".to_owned(), "TN-Validation-Failed"),
    ] {
        let call = call_with(&bed, &bob, std::slice::from_ref(&identity));
        let legs = [phones[0].incoming(), phones[1].incoming()];
        let passed = expected.ends_with("Passed");
        for leg in &legs {
            let invite = invite_of(leg);
            assert_verstat(&invite, expected);
            assert_eq!(
                header(&invite, HeaderId::PAttestationIndicator),
                if passed { "A" } else { "" }
            );
            let handed_on = if passed {
                vec![identity.clone()]
            } else {
                Vec::new()
            };
            assert_eq!(values(&invite, HeaderId::Identity), handed_on);
        }
        legs[0].reply(180);
        call.expect(180);
        connect(&call, &legs[1], &sdp::offer(bed.places.rtp_a));
        legs[0].ok("CANCEL");
        legs[0].reply_to(&invite_of(&legs[0]), 487, &[], None);
        legs[0].expect_request("ACK");
        hang_up(&call, &legs[1]);
    }
    let records = bed.finish_lingering(2, 2);
    for (record, (verstat, sent)) in records
        .iter()
        .zip([("TN-Validation-Passed-A", true), ("TN-Validation-Failed", false)])
    {
        assert_eq!(record.text("stir.verstat"), verstat);
        assert_eq!(record.has("stir.sent"), sent, "{record:#?}");
    }
}

/// A certificate server that never answers: its caller goes on after the wait, and others never wait. It may be cancelled meanwhile.
#[test]
fn a_hanging_server_delays_its_own_callers_only() {
    let world = World::new();
    let good = world.signer("/good.pem", &Wish::default());
    let hangs = signer_of(&world.root.signer(), &world.server.url("/hangs.pem"));
    world.server.put("/hangs.pem", Page::Hangs);
    let bed = world.verifier("annotate", "certificate_wait = \"1500ms\"\n");
    let (bob, alice) = (bed.peer_b1(), bed.peer_a());
    let begun = Instant::now();
    let slow = call_with(&bed, &bob, &[hangs.sign(Ppt::Shaken, &shaken()).unwrap()]);
    slow.expect(100);
    let given_up = call_with(&bed, &bob, &[hangs.sign(Ppt::Shaken, &shaken()).unwrap()]);
    given_up.expect(100);
    let quick = call_with(&bed, &bob, &[good.sign(Ppt::Shaken, &shaken()).unwrap()]);
    let leg = alice.incoming();
    // The first to arrive is the last that came.
    assert_verstat(&invite_of(&leg), "TN-Validation-Passed-A");
    answer_and_end(&quick, &leg, bed.places.rtp_a);
    given_up.cancel();
    given_up.expect(200);
    given_up.expect(487);
    given_up.ack_failure();
    let leg = alice.incoming();
    assert!(begun.elapsed() >= ms(1400), "{:?}", begun.elapsed());
    assert_verstat(&invite_of(&leg), "No-TN-Validation");
    answer_and_end(&slow, &leg, bed.places.rtp_a);
    alice.expect_silence(ms(50));
    assert_eq!(world.server.asked("/hangs.pem"), 1);
    assert_eq!(
        metric(&bed, "tandem_stir_certificates_total", "what=\"late\""),
        1.0
    );
    let records = bed.finish(3);
    let cancelled = records
        .iter()
        .find(|record| record.text("cause.kind") == "cancelled");
    check(cancelled.unwrap(), "cancelled", 487, "caller", 0);
}

/// Twenty certificates that hang on one host take no other host's turn.
#[test]
fn a_host_that_hangs_takes_nobody_elses_turn() {
    let world = World::new();
    let good = world.signer("/good.pem", &Wish::default());
    let ip = Ipv4Addr::new(127, 0, 0, 2);
    let other = HttpsServer::start(
        IpAddr::V4(ip),
        world.web.server(&world.web.leaf(&[&ip.to_string()]), false),
    );
    let stir = world.verifies().replace(
        &format!("certificate_ports = {}", world.server.port()),
        &format!("certificate_ports = [{}, {}]", world.server.port(), other.port()),
    );
    let bed = quick(|setup| {
        setup
            .key("b1", "stir = { verify = \"require\" }")
            .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
            .extra(&(stir + "certificate_wait = \"2s\"\n"))
    });
    let (bob, alice) = (bed.peer_b1(), bed.peer_a());
    let issued = world.root.signer();
    let slow: Vec<Call<'_>> = (0..20)
        .map(|number| {
            let path = format!("/hangs-{number}.pem");
            other.put(&path, Page::Hangs);
            let signer = signer_of(&issued, &other.url(&path));
            call_with(&bed, &bob, &[signer.sign(Ppt::Shaken, &shaken()).unwrap()])
        })
        .collect();
    let quick = call_with(&bed, &bob, &[good.sign(Ppt::Shaken, &shaken()).unwrap()]);
    // All of them still wait.
    let leg = alice.incoming();
    answer_and_end(&quick, &leg, bed.places.rtp_a);
    for call in slow {
        call.expect(436);
        call.ack_failure();
    }
    bed.finish(21);
}

/// Nobody makes the switch connect to addresses inside, unless the operator lets it.
#[test]
fn inner_addresses_are_not_asked() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let bed = quick(|setup| {
        let stir = world.verifies().replace("private_addresses = true\n", "");
        setup
            .key("b1", "stir = { verify = \"require\" }")
            .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
            .extra(&stir)
    });
    let bob = bed.peer_b1();
    let call = call_with(&bed, &bob, &[signer.sign(Ppt::Shaken, &shaken()).unwrap()]);
    call.expect(436);
    call.ack_failure();
    assert_eq!(world.server.connections(), 0);
    bed.finish(1);
}

/// A server's Cache-Control is kept to, within the operator's bounds; what was refused rests for a while.
#[test]
fn certificates_are_kept_as_long_as_they_may_be() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let chain = {
        let issued = world.root.below("STI-CA").signer();
        let signer = signer_of(&issued, &world.server.url("/short.pem"));
        let page = Page::Is(
            200,
            "Cache-Control: max-age=1\r\n".into(),
            issued.chain.into_bytes(),
        );
        world.server.put("/short.pem", page);
        signer
    };
    let missing = signer_of(&world.root.signer(), &world.server.url("/missing.pem"));
    let bed = world.verifier("annotate", "cache_min = \"1s\"\ncache_failures = \"1h\"\n");
    let (bob, alice) = (bed.peer_b1(), bed.peer_a());
    for pause in [0, 0, 1200] {
        std::thread::sleep(ms(pause));
        for signer in [&signer, &chain, &missing] {
            let call = call_with(&bed, &bob, &[signer.sign(Ppt::Shaken, &shaken()).unwrap()]);
            let leg = alice.incoming();
            answer_and_end(&call, &leg, bed.places.rtp_a);
        }
    }
    assert_eq!(world.server.asked("/good.pem"), 1);
    assert_eq!(world.server.asked("/short.pem"), 2);
    assert_eq!(world.server.asked("/missing.pem"), 1);
    bed.finish(9);
}
