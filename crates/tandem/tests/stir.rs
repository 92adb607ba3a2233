//! STIR/SHAKEN through the daemon: signed by one, verified by another; everything that may be wrong with a signature and its
//! certificate; certificate servers that hang; keys that change under calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sip_msg::{HeaderId, Message};
use stir::{Attest, CertificateUrl, Chain, Claims, Party, Ppt, Signer, origination_id};
use support::{NUMBER, check, header, invite_of, ms, quick, text, values};
use testbed::certs::{Authority, Issued, Tn, Wish};
use testbed::https::{HttpsServer, Page};
use testbed::{Bed, Call, Record, Setup, SipPeer, sdp};

/// The raw peers' own number, and the one that they call.
const CALLER: &str = "442071838750";
const CALLED: &str = "442079460000";
/// A number to which calls to the customer are sent on.
const ELSEWHERE: &str = "+442079460999";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn tn(number: &str) -> Party {
    Party::Tn(number.to_owned())
}

/// The authorities, and a server with certificates.
struct World {
    root: Authority,
    web: Authority,
    server: HttpsServer,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("STI-PA root");
        let web = Authority::root("web root");
        let ip = Ipv4Addr::LOCALHOST;
        let server = HttpsServer::start(IpAddr::V4(ip), web.server(&web.leaf(&[&ip.to_string()]), false));
        let dir = tempfile::tempdir().unwrap();
        let world = Self {
            root,
            web,
            server,
            dir,
        };
        world.write("anchors.pem", &world.root.pem());
        world.write("web.pem", &world.web.pem());
        world
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A signer's certificate, published.
    fn publish(&self, path: &str, issued: &Issued) -> String {
        self.server.put(path, Page::of(&issued.chain));
        self.server.url(path)
    }

    /// A signer of the test's own, published.
    fn signer(&self, path: &str, wish: &Wish<'_>) -> Signer {
        let issued = self.root.below("STI-CA").issue(wish);
        signer_of(&issued, &self.publish(path, &issued))
    }

    /// `[stir]` of a verifier; the test's server is on a loopback address.
    fn verifies(&self) -> String {
        format!(
            "[stir]\ntrust_anchors = {:?}\nhttps_roots = {:?}\ncertificate_ports = {}\nprivate_addresses = true\n",
            self.path("anchors.pem"),
            self.path("web.pem"),
            self.server.port()
        )
    }

    /// `[stir]` of a signer, with its key in the world's folder.
    fn signs(&self, issued: &Issued, url: &str) -> String {
        format!(
            "[stir]\nprivate_key = {:?}\ncertificate = {:?}\ncertificate_url = {url:?}\n",
            self.write("key.pem", &issued.key),
            self.write("chain.pem", &issued.chain),
        )
    }

    /// A switch whose carrier B1 is verified (`how`) and whose customer is told.
    fn verifier(&self, how: &str, more: &str) -> Bed {
        quick(|setup| {
            setup
                .key("b1", &format!("stir = {{ verify = {how:?} }}"))
                .key(
                    "pbx",
                    "stir = { verstat = [\"from\", \"pai\", \"headers\"], verstat_letter = true }",
                )
                .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
                .extra(&(self.verifies() + more))
        })
    }
}

fn signer_of(issued: &Issued, url: &str) -> Signer {
    let chain = Chain::parse(issued.chain.as_bytes()).unwrap();
    Signer::new(issued.key.as_bytes(), &chain, CertificateUrl::parse(url).unwrap()).unwrap()
}

fn shaken() -> Claims {
    Claims {
        attest: Some(Attest::A),
        origid: Some(origination_id([7, 9])),
        ..Claims::base(tn(CALLER), vec![tn(CALLED)], now())
    }
}

/// A call from a carrier with these Identity headers.
fn call_with<'p>(bed: &Bed, peer: &'p SipPeer, identities: &[String]) -> Call<'p> {
    let headers: Vec<(&str, &str)> = identities
        .iter()
        .map(|value| ("Identity", value.as_str()))
        .collect();
    peer.invite_with(NUMBER, &headers, Some(&sdp::offer(bed.places.rtp_b1)))
}

/// The called side answers and hangs up.
fn answer_and_end(call: &Call<'_>, leg: &Call<'_>, at: std::net::SocketAddr) {
    leg.answer(&sdp::offer(at));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    leg.bye();
    call.ok("BYE");
    leg.expect(200);
}

/// What stands for `verstat` in From and in P-Asserted-Identity.
fn verstat(invite: &Message) -> [String; 2] {
    [HeaderId::From, HeaderId::PAssertedIdentity].map(|id| {
        let value = header(invite, id);
        let (_, behind) = value.split_once(";verstat=").unwrap_or_else(|| panic!("{value}"));
        behind.split('@').next().unwrap().to_owned()
    })
}

fn assert_verstat(invite: &Message, expected: &str) {
    assert_eq!(verstat(invite), [expected, expected], "{}", text(invite.raw()));
}

fn metric(bed: &Bed, name: &str, label: &str) -> f64 {
    bed.metrics().sum_where(name, label).unwrap_or(0.0)
}

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
    let other = HttpsServer::start(IpAddr::V4(ip), &world.web.server(&[&ip.to_string()]));
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
