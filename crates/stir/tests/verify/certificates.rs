//! Certificates: what they have to be, whose they have to be, and where their chains end.

use super::*;

#[test]
fn certificates_that_are_not_to_be_used() {
    let policy = vec![2, 5, 29, 36];
    for (what, wish, status) in [
        ("good", Wish::default(), 0),
        (
            "expired",
            Wish {
                years: (2020, 2021),
                ..Wish::default()
            },
            437,
        ),
        (
            "not yet",
            Wish {
                years: (2080, 2090),
                ..Wish::default()
            },
            437,
        ),
        (
            "an authority's",
            Wish {
                is_ca: true,
                ..Wish::default()
            },
            437,
        ),
        (
            "no signatures",
            Wish {
                signs: false,
                ..Wish::default()
            },
            437,
        ),
        (
            "no numbers",
            Wish {
                numbers: vec![],
                ..Wish::default()
            },
            437,
        ),
        (
            "P-384",
            Wish {
                p384: true,
                ..Wish::default()
            },
            437,
        ),
        (
            "its number",
            Wish {
                numbers: vec![Tn::One(ALICE)],
                ..Wish::default()
            },
            0,
        ),
        (
            "another number",
            Wish {
                numbers: vec![Tn::One(BOB)],
                ..Wish::default()
            },
            437,
        ),
        (
            "its range",
            Wish {
                numbers: vec![Tn::Range("12155550100", 50)],
                ..Wish::default()
            },
            0,
        ),
        (
            "another range",
            Wish {
                numbers: vec![Tn::Range("12155550000", 50)],
                ..Wish::default()
            },
            437,
        ),
        (
            "unknown, critical",
            Wish {
                more: vec![(policy.clone(), vec![0x30, 0], true)],
                ..Wish::default()
            },
            437,
        ),
        (
            "unknown",
            Wish {
                more: vec![(policy, vec![0x30, 0], false)],
                ..Wish::default()
            },
            0,
        ),
    ] {
        let mut world = World::new();
        let issued = world.root.issue(&wish);
        world.publish(URL, &issued.chain);
        // A key of another's is enough where the certificate is looked at first.
        let key = if wish.p384 { world.root.signer() } else { issued };
        let far = Wish::default();
        let signer = if wish.years == far.years {
            signer_of(&key, URL)
        } else {
            // The signer itself refuses to sign beyond its certificate's time.
            assert!(
                signer_of(&key, URL)
                    .sign(Ppt::Shaken, &shaken(ALICE, BOB))
                    .is_none()
            );
            signer_of(&world.root.signer(), URL)
        };
        let value = signer.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap();
        let verdict = world.judge(&[value], &facts(ALICE, BOB));
        assert_eq!(
            failure(&verdict).map_or(0, Failure::status),
            status,
            "{what}: {verdict:?}"
        );
    }
}

/// RFC 8226 §8: `attest` has to be there, and may be A only.
#[test]
fn constraints_on_claims_hold() {
    let name = |name: &str| element(0x16, name.as_bytes());
    let must = element(0xa0, &element(0x30, &name("origid")));
    let values = element(0x30, &element(0x0c, b"A"));
    let permitted = element(0x30, &[name("attest"), values].concat());
    let permitted = element(0xa1, &element(0x30, &permitted));
    let value = element(0x30, &[must, permitted].concat());
    let constraints = vec![(vec![1, 3, 6, 1, 5, 5, 7, 1, 27], value, false)];
    let mut world = World::new();
    let signer = world.signer(
        URL,
        &Wish {
            more: constraints,
            ..Wish::default()
        },
    );
    let base = Claims::base(tn(ALICE), vec![tn(BOB)], NOW);
    let b = Claims {
        attest: Some(Attest::B),
        ..shaken(ALICE, BOB)
    };
    for (ppt, claims, status) in [
        (Ppt::Shaken, shaken(ALICE, BOB), 0),
        (Ppt::Shaken, b, 438),
        (Ppt::Base, base, 438),
    ] {
        let value = signer.sign(ppt, &claims).unwrap();
        let verdict = world.judge(&[value], &facts(ALICE, BOB));
        assert_eq!(
            failure(&verdict).map_or(0, Failure::status),
            status,
            "{verdict:?}"
        );
    }
}

#[test]
fn chains_end_at_an_anchor() {
    let root = Authority::root("root");
    let middle = root.below("middle");
    let low = middle.below("low");
    let leaf = low.signer();
    let chain = Chain::parse(leaf.chain.as_bytes()).unwrap();
    assert_eq!(chain.issuers().len(), 2);
    let anchors = |pem: String| Anchors::parse(pem.as_bytes()).unwrap();
    let blocks: Vec<&str> = leaf
        .chain
        .split_inclusive("-----END CERTIFICATE-----\n")
        .collect();
    for (what, pem, good) in [
        ("the root", root.pem(), true),
        ("one of the middle", middle.pem(), true),
        ("the lowest", low.pem(), true),
        ("several", Authority::root("x").pem() + &root.pem(), true),
        ("the certificate itself", blocks[0].to_owned(), true),
        (
            "another root of the same name",
            Authority::root("root").pem(),
            false,
        ),
    ] {
        assert_eq!(anchors(pem).verify(&chain).is_ok(), good, "{what}");
    }
    // Without one of the middle, in another order, with a stranger's between.
    let of = |blocks: &[&str]| Chain::parse(blocks.concat().as_bytes()).unwrap();
    let root = anchors(root.pem());
    let stranger = Authority::root("middle").pem();
    assert!(root.verify(&of(&[blocks[0], blocks[2], blocks[1]])).is_ok());
    assert!(
        root.verify(&of(&[blocks[0], &stranger, blocks[1], blocks[2]]))
            .is_ok()
    );
    assert!(root.verify(&of(&[blocks[0], blocks[1]])).is_err());
    assert!(root.verify(&of(&[blocks[0]])).is_err());
    assert!(root.verify(&of(&[blocks[1], blocks[2]])).is_err());
}

#[test]
fn a_key_has_to_be_the_certificates() {
    let root = Authority::root("root");
    let (one, two) = (root.signer(), root.signer());
    let p384 = root.issue(&Wish {
        p384: true,
        ..Wish::default()
    });
    let url = || CertificateUrl::parse(URL).unwrap();
    let chain = Chain::parse(one.chain.as_bytes()).unwrap();
    let error = |key: &str| Signer::new(key.as_bytes(), &chain, url()).err();
    assert_eq!(error(&one.key), None);
    assert_eq!(error(&(one.chain.clone() + &one.key)), None);
    assert_eq!(error(&two.key), Some(KeyError::Mismatch));
    assert_eq!(error(&p384.key), Some(KeyError::NotP256));
    assert_eq!(error(&one.chain), Some(KeyError::Unreadable));
    assert_eq!(error("hello"), Some(KeyError::Unreadable));
    assert_eq!(
        error("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        Some(KeyError::Encrypted)
    );
}
