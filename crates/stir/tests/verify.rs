//! Signed here, judged there; then with every part of it changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::HashMap;

use proptest::prelude::*;
use stir::{
    Anchors, Attest, CertificateUrl, Chain, Claims, Credential, Dossier, Facts, Failure, KeyError, Party,
    Ppt, Signer, Verdict, Verstat, origination_id,
};
use testbed::certs::{Authority, Issued, Tn, Wish, element};

const URL: &str = "https://cert.example.org/shaken.pem";
const NOW: u64 = 1_800_000_000;
const ALICE: &str = "12155550121";
const BOB: &str = "12155550131";
const CAROL: &str = "12155550141";

fn tn(number: &str) -> Party {
    Party::Tn(number.to_owned())
}

fn facts(orig: &str, dest: &str) -> Facts {
    Facts {
        orig: vec![tn(orig)],
        dest: vec![tn(dest)],
        date: Some(NOW),
        now: NOW,
        freshness: 60,
    }
}

fn shaken(orig: &str, dest: &str) -> Claims {
    Claims {
        attest: Some(Attest::A),
        origid: Some(origination_id([1, 2])),
        ..Claims::base(tn(orig), vec![tn(dest)], NOW)
    }
}

fn div(orig: &str, from: &str, to: &str) -> Claims {
    Claims {
        div: Some(tn(from)),
        ..Claims::base(tn(orig), vec![tn(to)], NOW)
    }
}

fn signer_of(issued: &Issued, url: &str) -> Signer {
    let chain = Chain::parse(issued.chain.as_bytes()).unwrap();
    Signer::new(issued.key.as_bytes(), &chain, CertificateUrl::parse(url).unwrap()).unwrap()
}

/// A world with a root that is trusted, and certificates by their URLs.
struct World {
    root: Authority,
    anchors: Anchors,
    chains: HashMap<String, Chain>,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("STI-PA root");
        let anchors = Anchors::parse(root.pem().as_bytes()).unwrap();
        Self {
            root,
            anchors,
            chains: HashMap::new(),
        }
    }

    fn publish(&mut self, url: &str, chain: &str) {
        self.chains
            .insert(url.into(), Chain::parse(chain.as_bytes()).unwrap());
    }

    /// A signer whose certificate is published.
    fn signer(&mut self, url: &str, wish: &Wish<'_>) -> Signer {
        let issued = self.root.below("STI-CA").issue(wish);
        self.publish(url, &issued.chain);
        signer_of(&issued, url)
    }

    fn judge(&self, values: &[String], facts: &Facts) -> Verdict {
        let dossier = Dossier::read(values.iter().map(String::as_bytes), facts);
        dossier.judge(facts, |url| match self.chains.get(url.as_str()) {
            None => Credential::Unavailable,
            Some(chain) => match self.anchors.verify(chain) {
                Ok(valid) => Credential::Good(chain, valid),
                Err(error) => Credential::Unusable(error),
            },
        })
    }
}

fn failure(verdict: &Verdict) -> Option<Failure> {
    match verdict {
        Verdict::Passed(_) => None,
        Verdict::Failed(failure, _) => Some(*failure),
    }
}

#[test]
fn what_is_signed_passes() {
    let mut world = World::new();
    let signer = world.signer(URL, &Wish::default());
    for attest in [Attest::A, Attest::B, Attest::C] {
        let claims = Claims {
            attest: Some(attest),
            ..shaken(ALICE, BOB)
        };
        let value = signer.sign(Ppt::Shaken, &claims).unwrap();
        assert!(
            value.ends_with(&format!(";info=<{URL}>;alg=ES256;ppt=shaken")),
            "{value}"
        );
        let verdict = world.judge(&[value], &facts(ALICE, BOB));
        let Verdict::Passed(verified) = &verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(
            (verified.attest, &verified.orig, verified.diverted),
            (Some(attest), &tn(ALICE), false)
        );
        assert_eq!(verified.origid, claims.origid);
        assert_eq!(verdict.verstat(), Verstat::Passed(Some(attest)));
    }
}

#[test]
fn each_failure_has_its_status() {
    let mut world = World::new();
    let signer = world.signer(URL, &Wish::default());
    let good = signer.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap();
    let here = facts(ALICE, BOB);
    let late = Facts {
        now: NOW + 61,
        ..here.clone()
    };
    let early = Facts {
        now: NOW - 61,
        ..here.clone()
    };
    let just = Facts {
        now: NOW + 60,
        ..here.clone()
    };
    let other = || Authority::root("nobody's").signer();
    let stranger = other();
    world.publish("https://stranger/c", &stranger.chain);
    let strange = signer_of(&stranger, "https://stranger/c");
    let away = signer_of(&other(), "https://away/c");
    let sign = |signer: &Signer| signer.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap();
    let no_attest = signer
        .sign(
            Ppt::Shaken,
            &Claims {
                attest: None,
                ..shaken(ALICE, BOB)
            },
        )
        .unwrap();
    let rph = good.replace("ppt=shaken", "ppt=rph");
    for (what, values, facts, status) in [
        ("fresh enough", vec![good.clone()], just, 0),
        ("none", vec![], here.clone(), 428),
        ("another type only", vec![rph.clone()], here.clone(), 428),
        ("another type beside it", vec![rph, good.clone()], here.clone(), 0),
        ("another caller", vec![good.clone()], facts(CAROL, BOB), 438),
        (
            "another called party",
            vec![good.clone()],
            facts(ALICE, CAROL),
            438,
        ),
        ("stale", vec![good.clone()], late, 403),
        ("ahead of its time", vec![good.clone()], early, 403),
        ("no certificate", vec![sign(&away)], here.clone(), 436),
        ("nobody's certificate", vec![sign(&strange)], here.clone(), 437),
        ("no attestation", vec![no_attest], here.clone(), 438),
        ("no header", vec!["x;y".into()], here.clone(), 438),
        (
            "one bad, one good",
            vec![sign(&strange), good.clone()],
            here.clone(),
            0,
        ),
        (
            "another URL beside it",
            vec![good.replace(";info=<https://cert", ";info=<https://tres")],
            here.clone(),
            438,
        ),
        (
            "another algorithm beside it",
            vec![good.replace("ES256", "RS256")],
            here.clone(),
            438,
        ),
    ] {
        let verdict = world.judge(&values, &facts);
        assert_eq!(
            failure(&verdict).map_or(0, Failure::status),
            status,
            "{what}: {verdict:?}"
        );
    }
}

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
fn a_retargeted_call_is_followed() {
    let mut world = World::new();
    let first = world.signer(URL, &Wish::default());
    let bobs = world.signer(
        "https://bob/c",
        &Wish {
            numbers: vec![Tn::One(BOB)],
            ..Wish::default()
        },
    );
    let shaken_to_bob = first.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap();
    let to_carol = bobs.sign(Ppt::Div, &div(ALICE, BOB, CAROL)).unwrap();
    let to_dave = first.sign(Ppt::Div, &div(ALICE, CAROL, "12155550151")).unwrap();
    let not_bobs = bobs.sign(Ppt::Div, &div(ALICE, CAROL, "12155550151")).unwrap();
    let other_caller = first.sign(Ppt::Div, &div(CAROL, BOB, CAROL)).unwrap();
    let all = |values: &[&String]| values.iter().map(|value| (*value).clone()).collect::<Vec<_>>();
    for (what, values, dest, status) in [
        ("once", all(&[&shaken_to_bob, &to_carol]), CAROL, 0),
        ("the other order", all(&[&to_carol, &shaken_to_bob]), CAROL, 0),
        (
            "twice",
            all(&[&to_dave, &shaken_to_bob, &to_carol]),
            "12155550151",
            0,
        ),
        ("the original alone", all(&[&shaken_to_bob]), CAROL, 438),
        ("the diversion alone", all(&[&to_carol]), CAROL, 438),
        (
            "a link is missing",
            all(&[&shaken_to_bob, &to_dave]),
            "12155550151",
            438,
        ),
        (
            "to somebody else",
            all(&[&shaken_to_bob, &to_carol]),
            "12155550159",
            438,
        ),
        (
            "about another caller",
            all(&[&shaken_to_bob, &other_caller]),
            CAROL,
            438,
        ),
        (
            "not for its number",
            all(&[&shaken_to_bob, &to_carol, &not_bobs]),
            "12155550151",
            437,
        ),
        // RFC 8946 §4.2: what is not retargeted may be judged alone.
        (
            "not retargeted after all",
            all(&[&shaken_to_bob, &to_carol]),
            BOB,
            0,
        ),
    ] {
        let verdict = world.judge(&values, &facts(ALICE, dest));
        assert_eq!(
            failure(&verdict).map_or(0, Failure::status),
            status,
            "{what}: {verdict:?}"
        );
        if let Verdict::Passed(verified) = verdict {
            assert_eq!(verified.diverted, dest != BOB, "{what}");
        }
    }
    // The same in one token.
    let token = |value: &str| value.split(';').next().unwrap().to_owned();
    let nested = |inner: &str| {
        let claims = Claims {
            opt: Some(token(inner)),
            ..div(ALICE, BOB, CAROL)
        };
        bobs.sign(Ppt::DivO, &claims).unwrap()
    };
    let verdict = world.judge(&[nested(&shaken_to_bob)], &facts(ALICE, CAROL));
    assert!(
        matches!(&verdict, Verdict::Passed(v) if v.diverted && v.attest == Some(Attest::A)),
        "{verdict:?}"
    );
    let elsewhere = first.sign(Ppt::Shaken, &shaken(ALICE, "12155550151")).unwrap();
    let verdict = world.judge(&[nested(&elsewhere)], &facts(ALICE, CAROL));
    assert_eq!(failure(&verdict), Some(Failure::Invalid));
    // In itself, and in itself, and …
    let mut deep = nested(&shaken_to_bob);
    for _ in 0..8 {
        deep = nested(&deep);
    }
    assert_eq!(
        failure(&world.judge(&[deep], &facts(ALICE, CAROL))),
        Some(Failure::Invalid)
    );
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever character of a signed header is changed: it does not pass, but where nothing that is signed or told has changed.
    #[test]
    fn no_character_may_be_changed(at in 0usize..900, to in proptest::char::range('!', '~')) {
        let mut world = World::new();
        let signer = world.signer(URL, &Wish::default());
        let good = signer.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap();
        let token = good.find(';').unwrap();
        let mut bytes = good.clone().into_bytes();
        let at = at % token;
        prop_assume!(bytes[at] != to as u8);
        bytes[at] = to as u8;
        let verdict = world.judge(&[String::from_utf8(bytes).unwrap()], &facts(ALICE, BOB));
        prop_assert!(failure(&verdict).is_some(), "{at} to {to}: {verdict:?}");
    }

    /// Nothing that comes from the network panics.
    #[test]
    fn anything_is_judged(value in proptest::collection::vec(any::<u8>(), 0..400), spoilt in any::<(usize, u8)>()) {
        let mut world = World::new();
        let signer = world.signer(URL, &Wish::default());
        let mut good = signer.sign(Ppt::Shaken, &shaken(ALICE, BOB)).unwrap().into_bytes();
        let at = spoilt.0 % good.len();
        good[at] = spoilt.1;
        let here = facts(ALICE, BOB);
        let dossier = Dossier::read([value.as_slice(), good.as_slice()].into_iter(), &here);
        let _ = dossier.judge(&here, |_| Credential::Unavailable);
        let _ = Chain::parse(&value);
        let mut chain = world.root.signer().chain.into_bytes();
        let at = spoilt.0 % chain.len();
        chain[at] = spoilt.1;
        if let Ok(chain) = Chain::parse(&chain) {
            let _ = world.anchors.verify(&chain);
        }
    }
}
