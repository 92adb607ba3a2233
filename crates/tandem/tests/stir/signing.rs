//! Signing: with which attestation, with which key, and what becomes of headers that are there already.

use super::*;

/// Two switches: the customer's own number leaves the first one with full attestation; the second one fetches the certificate once
/// for all calls, verifies them and tells its customer.
#[test]
fn signed_by_one_and_verified_by_another() {
    const CALLS: usize = 3;
    let world = World::new();
    let issued = world.root.below("STI-CA").signer();
    let url = world.publish("/shaken.pem", &issued);
    let second = quick(|setup| {
        setup
            .without("b1")
            .trunk(
                "first",
                &[
                    "role = \"carrier\"",
                    "sources = [\"127.0.0.0/8\"]",
                    "targets = [{ uri = \"sip:{b1}\" }]",
                    "stir = { verify = \"require\" }",
                ],
            )
            .key("pbx", "stir = { verstat = [\"from\", \"pai\", \"headers\"] }")
            .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
            .extra(&world.verifies())
    });
    let at_second = second.places.sut.to_string();
    let first = quick(|setup| {
        setup
            .without("b1")
            .carrier("second", &at_second, 1)
            .key("second", "stir = { sign = \"shaken\" }")
            .extra("[[number]]\nmatch = \"+442071838750\"\nto = \"pbx\"")
            .extra(&world.signs(&issued, &url))
    });
    let (alice, bob) = (first.peer_a(), second.peer_a());
    let mut origids = Vec::new();
    for _ in 0..CALLS {
        let call = alice.invite(NUMBER, Some(&sdp::offer(first.places.rtp_a)));
        let leg = bob.incoming();
        let invite = invite_of(&leg);
        assert_verstat(&invite, "TN-Validation-Passed");
        assert_eq!(header(&invite, HeaderId::PAttestationIndicator), "A");
        origids.push(header(&invite, HeaderId::POriginationId));
        assert_eq!(values(&invite, HeaderId::Identity), Vec::<String>::new());
        answer_and_end(&call, &leg, second.places.rtp_a);
    }
    assert_eq!(world.server.asked("/shaken.pem"), 1);
    assert_eq!(
        metric(&second, "tandem_stir_verified_total", "result=\"passed\""),
        CALLS as f64
    );
    assert_eq!(
        metric(&first, "tandem_stir_sent_total", "how=\"A\""),
        CALLS as f64
    );
    assert!(
        first
            .metrics()
            .sum("tandem_stir_certificate_expires_seconds")
            .unwrap()
            > now() as f64
    );
    let of = |records: Vec<Record>, key: &str| -> Vec<String> {
        records.iter().map(|record| record.text(key).to_owned()).collect()
    };
    let signed = first.finish(CALLS);
    assert!(signed.iter().all(|record| record.text("stir.sent") == "shaken A"));
    assert_eq!(of(signed, "stir.sent_origid"), origids);
    let verified = second.finish(CALLS);
    assert!(
        verified
            .iter()
            .all(|record| record.text("stir.verstat") == "TN-Validation-Passed-A")
    );
    assert_eq!(of(verified, "stir.origid"), origids);
    origids.dedup();
    assert_eq!(
        origids.len(),
        CALLS,
        "an origination identifier of its own for each call"
    );
}

/// What an Identity header of ours signs, and how.
fn signed(invite: &Message) -> Option<(Attest, stir::Passport)> {
    let value = invite.header(HeaderId::Identity)?;
    let identity = stir::Identity::parse(value).unwrap();
    let passport = stir::Passport::parse(&identity.token).unwrap();
    Some((passport.claims.attest?, passport))
}

/// A for the customer's own number, B for another, C for a carrier's call, or what is written; what is signed is what the INVITE
/// presents, in E.164.
#[test]
fn attestation_is_by_whose_number_it_is() {
    let world = World::new();
    let issued = world.root.signer();
    let url = "https://cert.example.org/shaken.pem";
    for (own, rule, attest) in [
        ("", true, Some(Attest::A)),
        ("", false, Some(Attest::B)),
        ("stir = { attest = \"C\" }", true, Some(Attest::C)),
        ("stir = { attest = \"none\" }", true, None),
        (
            "stir = { origid = \"123E4567-e89b-12d3-a456-426655440000\" }",
            true,
            Some(Attest::A),
        ),
    ] {
        let bed = quick(|setup| {
            let setup = setup
                .key("b1", "stir = { sign = \"shaken\" }")
                .key("b1", "number_format = \"digits\"");
            let setup = if own.is_empty() {
                setup
            } else {
                setup.key("pbx", own)
            };
            let setup = if rule {
                setup.extra("[[number]]\nmatch = \"+442071838*\"\nto = \"pbx\"")
            } else {
                setup
            };
            setup.extra(&world.signs(&issued, url))
        });
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let invite = invite_of(&leg);
        let found = signed(&invite);
        assert_eq!(found.as_ref().map(|(attest, _)| *attest), attest, "{own} {rule}");
        if let Some((_, passport)) = found {
            assert_eq!(passport.claims.orig, tn(CALLER));
            assert_eq!(passport.claims.dest, [tn(CALLED)]);
            assert_eq!(passport.header.x5u, url);
            let date = stir::parse_http_date(&header(&invite, HeaderId::Date));
            assert_eq!(date, Some(passport.claims.iat));
            let chain = Chain::parse(issued.chain.as_bytes()).unwrap();
            assert!(passport.is_signed_by(chain.leaf().key()));
            if own.contains("origid") {
                assert_eq!(
                    passport.claims.origid.as_deref(),
                    Some("123e4567-e89b-12d3-a456-426655440000")
                );
            }
        }
        answer_and_end(&call, &leg, bed.places.rtp_b1);
        bed.finish(1);
    }
}

/// A carrier's call that is sent on to another carrier: gateway attestation, after a challenge too, with the same identifier.
#[test]
fn a_gateways_call_is_signed_again_after_a_challenge() {
    let world = World::new();
    let issued = world.root.signer();
    let bed = quick(|setup| {
        setup
            .key("b2", "stir = { sign = \"shaken\" }")
            .key("b2", "auth = { username = \"u\", password = \"p\" }")
            .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"b2\"")
            .extra(&world.signs(&issued, "https://cert.example.org/shaken.pem"))
    });
    let (bob, carol) = (bed.peer_b1(), bed.peer_b2());
    let call = bob.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_b1)));
    let leg = carol.incoming();
    let (first, before) = signed(&invite_of(&leg)).unwrap();
    leg.reply_with(
        407,
        &[(
            "Proxy-Authenticate",
            "Digest realm=\"x\", nonce=\"n\", algorithm=MD5",
        )],
        None,
    );
    leg.expect_request("ACK");
    let again = leg.expect_request("INVITE");
    let (second, after) = signed(&again).unwrap();
    assert_eq!((first, second), (Attest::C, Attest::C));
    assert_eq!(before.claims.origid, after.claims.origid);
    assert_eq!(values(&again, HeaderId::Identity).len(), 1);
    answer_and_end(&call, &leg, bed.places.rtp_b2);
    bed.finish_lingering(1, 1);
}

/// A new key and certificate are taken at a reload; a pair that does not fit is refused with what is wrong, and the old one goes on.
#[test]
fn a_new_key_is_taken_at_a_reload() {
    let world = World::new();
    let (old, new) = (world.root.signer(), world.root.signer());
    let url = "https://cert.example.org/shaken.pem";
    let mut toml = String::new();
    let bed = quick(|setup| {
        let setup = setup
            .key("b1", "stir = { sign = \"shaken\" }")
            .extra(&world.signs(&old, url));
        toml = setup
            .clone()
            .extra("")
            .toml(&setup.places(), std::path::Path::new("/tmp"));
        setup
    });
    assert!(!toml.contains("BEGIN"), "the key itself is nowhere");
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let signed_with = || {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let (_, passport) = signed(&invite_of(&leg)).unwrap();
        answer_and_end(&call, &leg, bed.places.rtp_b1);
        let by = |issued: &Issued| {
            let chain = Chain::parse(issued.chain.as_bytes()).unwrap();
            passport.is_signed_by(chain.leaf().key())
        };
        (by(&old), by(&new))
    };
    assert_eq!(signed_with(), (true, false));
    // Only one of the two has been put in place.
    world.write("key.pem", &new.key);
    let answer = bed.ask("POST", "/v1/reload");
    assert_eq!(answer.status, 422);
    assert!(
        answer
            .body
            .contains("stir.private_key: the private key does not fit the certificate"),
        "{}",
        answer.body
    );
    assert_eq!(signed_with(), (true, false));
    world.write("chain.pem", &new.chain);
    let answer = bed.ask("POST", "/v1/reload");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(signed_with(), (false, true));
    bed.finish(3);
}

/// Headers of the caller's side are handed on only where the trunk gets them and they hold for what it gets.
#[test]
fn identity_is_handed_on_or_ends_here() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let issued = world.root.signer();
    for (stir, number, handed, ours) in [
        ("stir = {}", NUMBER, 0, 0),
        ("stir = { identity = \"pass\" }", NUMBER, 2, 0),
        ("stir = { identity = \"pass\", sign = \"shaken\" }", NUMBER, 2, 0),
        ("stir = { identity = \"pass\" }", ELSEWHERE, 0, 0),
        (
            "stir = { identity = \"pass\", sign = \"shaken\" }",
            ELSEWHERE,
            0,
            1,
        ),
    ] {
        let bed = quick(|setup| {
            setup
                .key("b1", stir)
                .extra(&world.signs(&issued, "https://cert.example.org/ours.pem"))
        });
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let shaken = signer.sign(Ppt::Shaken, &shaken()).unwrap();
        let rph = shaken.replace("ppt=shaken", "ppt=rph");
        let headers = [("Identity", shaken.as_str()), ("y", rph.as_str())];
        let call = alice.invite_with(number, &headers, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let found = values(&invite_of(&leg), HeaderId::Identity);
        let theirs = found
            .iter()
            .filter(|value| **value == shaken || **value == rph)
            .count();
        assert_eq!((theirs, found.len() - theirs), (handed, ours), "{stir} {number}");
        answer_and_end(&call, &leg, bed.places.rtp_b1);
        bed.finish(1);
    }
}

/// The customer sends a carrier's signed call on to a number outside: our `div` is added to the original, and another switch follows
/// the chain. One whose number has not been called before gets none.
#[test]
fn a_diverted_call_is_signed_as_such() {
    let world = World::new();
    let signer = world.signer("/good.pem", &Wish::default());
    let issued = world.root.below("STI-CA").issue(&Wish {
        numbers: vec![Tn::Range("442079460000", 100)],
        ..Wish::default()
    });
    let url = world.publish("/ours.pem", &issued);
    let second = quick(|setup| {
        setup
            .without("b1")
            .trunk(
                "first",
                &[
                    "role = \"carrier\"",
                    "sources = [\"127.0.0.0/8\"]",
                    "targets = [{ uri = \"sip:{b1}\" }]",
                    "stir = { verify = \"require\" }",
                ],
            )
            .key(
                "pbx",
                "stir = { verstat = [\"from\", \"pai\"], verstat_letter = true }",
            )
            .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
            .extra(&world.verifies())
    });
    let at_second = second.places.sut.to_string();
    let first = quick(|setup| {
        setup
            .without("b1")
            .carrier("second", &at_second, 1)
            .key("second", "stir = { sign = \"shaken\", identity = \"pass\" }")
            .extra("[[number]]\nmatch = \"+442079460000\"\nto = \"pbx\"")
            .extra(&world.signs(&issued, &url))
    });
    let (alice, bob) = (first.peer_a(), second.peer_a());
    let original = signer.sign(Ppt::Shaken, &shaken()).unwrap();
    let headers = [
        ("Identity", original.as_str()),
        (
            "Diversion",
            "<sip:+442079460000@pbx.example>;reason=unconditional",
        ),
    ];
    let call = alice.invite_with(ELSEWHERE, &headers, Some(&sdp::offer(first.places.rtp_a)));
    let leg = bob.incoming();
    assert_verstat(&invite_of(&leg), "TN-Validation-Passed-A");
    answer_and_end(&call, &leg, second.places.rtp_a);
    let signed = first.finish(1);
    assert_eq!(signed[0].text("stir.sent"), "div");
    let verified = second.finish(1);
    assert_eq!(verified[0].text("stir.verstat"), "TN-Validation-Passed-A");
    assert!(verified[0].has("stir.diverted"));
}

/// Files that are wrong are named, with what is wrong with them, and the daemon does not start with them.
#[test]
fn wrong_files_are_named() {
    let world = World::new();
    let issued = world.root.signer();
    let p384 = world.root.issue(&Wish {
        p384: true,
        ..Wish::default()
    });
    let bare = world.root.issue(&Wish {
        numbers: vec![],
        ..Wish::default()
    });
    let url = "https://cert.example.org/shaken.pem";
    let config = |stir: &str| {
        let setup = Setup::default().extra(stir);
        let path = world.dir.path().join("tandem.toml");
        fs::write(&path, setup.toml(&setup.places(), world.dir.path())).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["run", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
    };
    let pair = |key: &str, chain: &str| {
        let stir = world.signs(&issued, url);
        world.write("key.pem", key);
        world.write("chain.pem", chain);
        stir
    };
    for (key, chain, said) in [
        (
            &*p384.key,
            &*issued.chain,
            "the private key is not an EC key on P-256",
        ),
        ("", &*issued.chain, "there is no private key in it"),
        (
            &*issued.key,
            &*bare.chain,
            "stir.certificate: the certificate has no TN Authorization List",
        ),
        (
            &*issued.key,
            "",
            "stir.certificate: no certificates in PEM or DER",
        ),
    ] {
        let text = config(&pair(key, chain));
        assert!(text.contains(said), "{said:?} is not in\n{text}");
        assert!(!text.contains("BEGIN"), "{text}");
    }
    for (stir, said) in [
        (
            "trust_anchors = \"/nowhere.pem\"",
            "/nowhere.pem: stir.trust_anchors",
        ),
        (
            "private_key = \"k\"",
            "`private_key` needs `certificate` beside it",
        ),
        ("certificate_url = \"http://h/x\"", "is not an https URL"),
    ] {
        let text = config(&format!("[stir]\n{stir}"));
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
}
