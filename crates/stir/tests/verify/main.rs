//! Signed here, judged there; then with every part of it changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod certificates;

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
