//! SRTP with keys in the SDP: what is offered, taken, answered and told to the media plane (RFC 4568; SR-05, SR-07).

use ::sdp::{Crypto, CryptoSuite};
use rtp_proto::control::{Keys, Security, Suite};
use testkit::bed::{A, B1, Bed};
use testkit::{Party, Sip, sdp};

mod midcall;

const CM80: &str = "AES_CM_128_HMAC_SHA1_80";
const CM32: &str = "AES_CM_128_HMAC_SHA1_32";
/// 30 bytes.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const THIRD: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

/// The trunks' policies, the caller's and the first carrier's.
fn bed(caller: &str, carrier: &str) -> Bed {
    let policy = |policy: &str| format!("srtp = \"{policy}\"");
    Bed::changed(&[
        ("name = \"pbx\"", &policy(caller)),
        ("name = \"b1\"", &policy(carrier)),
        ("name = \"b2\"", &policy(carrier)),
    ])
}

/// A body whose stream is under this profile and has these `a=crypto` values.
fn secured(body: &str, proto: &str, lines: &[String]) -> String {
    let mut body = body.replace("RTP/AVP", proto);
    for line in lines {
        body.push_str(&format!("a=crypto:{line}\r\n"));
    }
    body
}

fn offer(proto: &str, lines: &[String]) -> String {
    secured(&Bed::caller_end().offer("sendrecv"), proto, lines)
}

fn line(tag: u32, suite: &str, key: &str) -> String {
    format!("{tag} {suite} inline:{key}")
}

fn dial(bed: &mut Bed, body: &str) -> Party {
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(body));
    bed.send(A, &invite);
    a
}

/// The profile of a message's stream and its lines.
fn said(sip: &Sip) -> (String, Vec<Crypto>) {
    let stream = sdp::live(sip.sdp().unwrap());
    let crypto = stream
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix("a=crypto:"));
    let lines = crypto
        .map(|line| Crypto::parse(line.as_bytes()).unwrap())
        .collect();
    (stream.proto, lines)
}

fn material(line: &Crypto) -> &[u8] {
    &line.keys[0].material
}

/// What the media plane has for a leg: keys of what the peer sends, and of what we send.
fn keys_of(bed: &Bed, leg: usize) -> Option<(Option<Keys>, Option<Keys>)> {
    match bed.world.media.legs()[leg].needs.security.as_ref()? {
        Security::Sdes { receive, send } => Some((receive.clone(), send.clone())),
        Security::Dtls(_) => None,
    }
}

fn plane(suite: Suite, line: &Crypto) -> Option<Keys> {
    use rtp_proto::control::MasterKey;
    let key = &line.keys[0];
    let key = MasterKey::new(suite, &key.material, None, key.lifetime).unwrap();
    Some(Keys::new(suite, vec![key]).unwrap())
}

/// The called side's answer to this INVITE under a profile, with these lines.
fn answer(bed: &mut Bed, at_b: &Sip, proto: &str, lines: &[String]) -> Party {
    let b = bed.callee(B1, at_b);
    let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(at_b, 200, Some(&secured(&body, proto, lines))));
    b
}

/// The caller hears the answer.
fn connected(bed: &mut Bed, a: &mut Party) -> Sip {
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    ok
}

fn over(mut bed: Bed, mut a: Party, b: &Party) {
    bed.hang_up(&mut a, b);
    bed.settle_one();
}

/// The caller encrypts, the carrier doesn't.
#[test]
fn a_secured_caller_and_a_plain_carrier() {
    for proto in ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"] {
        for policy in ["optional", "required"] {
            let mut bed = bed(policy, "off");
            let mut a = dial(
                &mut bed,
                &offer(proto, &[line(4, CM32, KEY), line(5, CM80, OTHER)]),
            );
            let at_b = bed.expect(B1, "INVITE");
            let plain = if proto == "RTP/SAVPF" {
                "RTP/AVPF"
            } else {
                "RTP/AVP"
            };
            assert_eq!(said(&at_b), (plain.to_owned(), vec![]));
            let b = answer(&mut bed, &at_b, plain, &[]);
            let ok = connected(&mut bed, &mut a);
            let (profile, lines) = said(&ok);
            assert_eq!((profile.as_str(), lines.len()), (proto, 1));
            let ours = &lines[0];
            assert_eq!((ours.tag, ours.suite), (4, CryptoSuite::AesCm128Sha32));
            assert_eq!((ours.keys[0].lifetime, &ours.keys[0].mki), (None, &None));
            let theirs = Crypto::parse(line(4, CM32, KEY).as_bytes()).unwrap();
            assert_ne!(material(ours), material(&theirs));
            let suite = Suite::AesCm128Sha32;
            assert_eq!(
                keys_of(&bed, 0),
                Some((plane(suite, &theirs), plane(suite, ours)))
            );
            assert_eq!(keys_of(&bed, 1), None);
            over(bed, a, &b);
        }
    }
}

#[test]
fn a_plain_caller_and_a_secured_carrier() {
    for (policy, proto) in [("required", "RTP/SAVP"), ("optional", "RTP/AVP")] {
        let mut bed = bed("off", policy);
        let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
        let at_b = bed.expect(B1, "INVITE");
        let (profile, offered) = said(&at_b);
        assert_eq!(profile, proto);
        let suites: Vec<_> = offered.iter().map(|line| (line.tag, line.name)).collect();
        assert_eq!(
            suites,
            [
                (1, CM80),
                (2, "AEAD_AES_128_GCM"),
                (3, "AEAD_AES_256_GCM"),
                (4, "AES_256_CM_HMAC_SHA1_80"),
                (5, CM32)
            ]
        );
        assert!(offered.iter().all(|line| line.keys[0].lifetime == Some(1 << 31)));
        assert_eq!(keys_of(&bed, 1), Some((None, None)), "not settled yet");
        let b = answer(&mut bed, &at_b, proto, &[line(1, CM80, KEY)]);
        let ok = connected(&mut bed, &mut a);
        assert_eq!(said(&ok), ("RTP/AVP".to_owned(), vec![]));
        let suite = Suite::AesCm128Sha80;
        let theirs = Crypto::parse(line(1, CM80, KEY).as_bytes()).unwrap();
        assert_eq!(
            keys_of(&bed, 1),
            Some((plane(suite, &theirs), plane(suite, &offered[0])))
        );
        assert_eq!(keys_of(&bed, 0), None);
        over(bed, a, &b);
    }
}

#[test]
fn each_leg_has_a_suite_and_keys_of_its_own() {
    let mut bed = bed("required", "required");
    let mut a = dial(&mut bed, &offer("RTP/SAVP", &[line(9, CM32, KEY)]));
    let at_b = bed.expect(B1, "INVITE");
    let (_, offered) = said(&at_b);
    let mut all: Vec<&[u8]> = offered.iter().map(|line| &material(line)[..28]).collect();
    let gcm = format!("{}aa==", &KEY[..36]);
    let b = answer(&mut bed, &at_b, "RTP/SAVP", &[line(2, "AEAD_AES_128_GCM", &gcm)]);
    let ok = connected(&mut bed, &mut a);
    let (_, ours) = said(&ok);
    all.push(&material(&ours[0])[..28]);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 6, "no key twice");
    let (receive, send) = keys_of(&bed, 1).unwrap();
    assert_eq!(receive.unwrap().suite(), Suite::AesGcm128);
    assert_eq!(send, plane(Suite::AesGcm128, &offered[1]));
    assert_eq!(keys_of(&bed, 0).unwrap().0.unwrap().suite(), Suite::AesCm128Sha32);
    over(bed, a, &b);
}

/// `optional`: whoever answers without keys is spoken to without.
#[test]
fn who_takes_no_keys_is_spoken_to_in_the_clear_and_not_asked_again() {
    let mut bed = bed("off", "optional");
    let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(said(&at_b).1.len(), 5);
    let mut b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
    connected(&mut bed, &mut a);
    assert_eq!((keys_of(&bed, 0), keys_of(&bed, 1)), (None, None));
    let mut end = Bed::caller_end();
    end.version += 1;
    let invite = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(said(&at_b), ("RTP/AVP".to_owned(), vec![]));
    b.refresh(&at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    connected(&mut bed, &mut a);
    over(bed, a, &b);
}

/// What policy does not allow is refused, and is not heard by the carrier.
#[test]
fn offers_that_policy_refuses_get_488() {
    let good = line(1, CM80, KEY);
    let cases: &[(&str, &str, &str, &[String])] = &[
        ("off", "off", "RTP/SAVP", std::slice::from_ref(&good)),
        ("required", "off", "RTP/AVP", &[]),
        ("required", "off", "RTP/SAVP", &[]),
        ("optional", "off", "RTP/SAVP", &[]),
        ("optional", "off", "RTP/SAVP", &[line(1, CM80, &KEY[4..])]),
        (
            "optional",
            "off",
            "RTP/SAVP",
            &[format!("{good} UNENCRYPTED_SRTCP")],
        ),
        (
            "optional",
            "off",
            "RTP/SAVP",
            &[format!("{good} UNAUTHENTICATED_SRTP")],
        ),
        (
            "optional",
            "off",
            "RTP/SAVP",
            &[line(1, "AES_192_CM_HMAC_SHA1_80", KEY)],
        ),
        ("required", "off", "UDP/TLS/RTP/SAVP", std::slice::from_ref(&good)),
    ];
    for (caller, carrier, proto, lines) in cases {
        let mut bed = bed(caller, carrier);
        let mut a = dial(&mut bed, &offer(proto, lines));
        let refused = bed.expect(A, "488 INVITE");
        let ack = a.ack(&refused);
        bed.send(A, &ack);
        bed.quiet(B1, 100);
        bed.settle();
    }
}

#[test]
fn keys_in_a_plain_offer_are_nobodys_business_where_srtp_is_off() {
    let mut bed = bed("off", "off");
    let mut a = dial(&mut bed, &offer("RTP/AVP", &[line(1, CM80, KEY)]));
    let at_b = bed.expect(B1, "INVITE");
    assert_eq!(said(&at_b), ("RTP/AVP".to_owned(), vec![]));
    let b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
    let ok = connected(&mut bed, &mut a);
    assert_eq!(said(&ok), ("RTP/AVP".to_owned(), vec![]));
    over(bed, a, &b);
}

/// The same audio twice, with SRTP and without: policy says which.
#[test]
fn an_offer_with_both_is_answered_by_policy() {
    for (policy, taken) in [("off", 1), ("optional", 0), ("required", 0)] {
        let mut bed = bed(policy, "off");
        let mut body = offer("RTP/SAVP", &[line(1, CM80, KEY)]);
        body.push_str("m=audio 20002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n");
        let mut a = dial(&mut bed, &body);
        let at_b = bed.expect(B1, "INVITE");
        let b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
        let ok = connected(&mut bed, &mut a);
        let streams = sdp::media(ok.sdp().unwrap());
        assert_eq!(streams.len(), 2);
        assert_eq!(streams.iter().position(|s| s.port != 0), Some(taken));
        assert_eq!([&*streams[0].proto, &*streams[1].proto], ["RTP/SAVP", "RTP/AVP"]);
        over(bed, a, &b);
    }
}

/// An answer that takes none of our lines, or not as offered, is of no use (RFC 4568 §5.1.3).
#[test]
fn answers_that_take_no_line_of_ours_fail_the_attempt() {
    enum Give {
        Lines(Vec<String>),
        OurOwnKey,
    }
    let cases = [
        ("required", "RTP/SAVP", Give::Lines(vec![])),
        ("required", "RTP/AVP", Give::Lines(vec![])),
        ("required", "RTP/SAVP", Give::Lines(vec![line(7, CM80, KEY)])),
        ("required", "RTP/SAVP", Give::Lines(vec![line(1, CM32, KEY)])),
        (
            "required",
            "RTP/SAVP",
            Give::Lines(vec![line(1, CM80, &KEY[4..])]),
        ),
        ("required", "RTP/SAVP", Give::OurOwnKey),
        ("optional", "RTP/AVP", Give::Lines(vec![line(7, CM80, KEY)])),
        ("optional", "RTP/SAVP", Give::Lines(vec![])),
        ("off", "RTP/SAVP", Give::Lines(vec![line(1, CM80, KEY)])),
    ];
    for (policy, proto, give) in cases {
        let mut bed = bed("off", policy);
        let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
        let at_b = bed.expect(B1, "INVITE");
        let lines = match give {
            Give::Lines(lines) => lines,
            Give::OurOwnKey => vec![said(&at_b).1[0].to_string()],
        };
        let b = answer(&mut bed, &at_b, proto, &lines);
        bed.expect(B1, "ACK");
        bed.serve(B1, &b, "BYE", 200);
        let refused = bed.expect(A, "488 INVITE");
        let ack = a.ack(&refused);
        bed.send(A, &ack);
        bed.settle();
    }
}

/// SR-07: the answer repeats the chosen line's tag and suite; a peer that names lifetimes hears one.
#[test]
fn sr_07_the_first_usable_line_is_taken() {
    let mki = format!("{}|2^31|1:4", line(1, CM80, KEY));
    for (lines, tag, suite, lifetime) in [
        (vec![format!("{}|2^31", line(1, CM80, KEY))], 1, CM80, true),
        (vec![format!("{}|1048576", line(1, CM80, KEY))], 1, CM80, true),
        (vec![mki.clone()], 1, CM80, true),
        (
            vec![
                format!("{}|2^48 UNENCRYPTED_SRTCP", line(1, CM80, KEY)),
                line(2, CM80, OTHER),
            ],
            2,
            CM80,
            false,
        ),
        (
            (1..=12)
                .map(|tag| match tag {
                    7 => line(7, CM32, KEY),
                    n if n % 3 == 0 => line(n, "AES_192_CM_HMAC_SHA1_80", KEY),
                    n if n % 3 == 1 => line(n, "AES_256_CM_HMAC_SHA1_80", KEY),
                    n => line(n, "AEAD_AES_256_GCM", KEY),
                })
                .collect(),
            7,
            CM32,
            false,
        ),
        (
            vec![line(
                3,
                "AES_CM_256_HMAC_SHA1_80",
                &format!("{KEY}{}==", &OTHER[..22]),
            )],
            3,
            "AES_CM_256_HMAC_SHA1_80",
            false,
        ),
    ] {
        let mut bed = bed("required", "off");
        let mut a = dial(&mut bed, &offer("RTP/SAVP", &lines));
        let at_b = bed.expect(B1, "INVITE");
        let b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
        let ok = connected(&mut bed, &mut a);
        let (_, ours) = said(&ok);
        assert_eq!(ours.len(), 1);
        assert_eq!((ours[0].tag, ours[0].name), (tag, suite), "{lines:?}");
        assert_eq!(ours[0].keys[0].lifetime, lifetime.then_some(1 << 31));
        let receive = keys_of(&bed, 0).unwrap().0.unwrap();
        let named = receive
            .iter()
            .next()
            .unwrap()
            .mki()
            .map(|mki| mki.as_bytes().to_vec());
        assert_eq!(named, (lines == [mki.clone()]).then(|| vec![0, 0, 0, 1]));
        over(bed, a, &b);
    }
}

/// The next carrier gets keys of its own.
#[test]
fn the_next_attempt_has_other_keys() {
    use testkit::bed::B2;
    let mut bed = bed("required", "required");
    let mut a = dial(&mut bed, &offer("RTP/SAVP", &[line(1, CM80, KEY)]));
    let at_b = bed.expect(B1, "INVITE");
    let b1 = bed.callee(B1, &at_b);
    bed.send(B1, &b1.reply(&at_b, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let (one, other) = (said(&at_b).1, said(&at_b2).1);
    for line in &one {
        assert!(other.iter().all(|o| material(o) != material(line)));
    }
    let b2 = bed.callee(B2, &at_b2);
    let body = Bed::carrier_end(B2).answer(at_b2.sdp().unwrap(), "sendrecv");
    let body = secured(&body, "RTP/SAVP", &[line(1, CM80, OTHER)]);
    bed.send(B2, &b2.reply(&at_b2, 200, Some(&body)));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// The caller makes no offer: the carrier does, and the caller's answer comes in its ACK.
#[test]
fn a_delayed_offer_is_secured_too() {
    let mut bed = bed("required", "required");
    let mut a = bed.caller("+4420");
    let invite = a.invite(None);
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let body = Bed::carrier_end(B1).offer("sendrecv");
    let body = secured(&body, "RTP/SAVP", &[line(6, CM32, KEY)]);
    bed.send(B1, &b.reply(&at_b, 200, Some(&body)));
    let ok = bed.expect(A, "200 INVITE");
    let (proto, offered) = said(&ok);
    assert_eq!((proto.as_str(), offered.len()), ("RTP/SAVP", 5));
    let own = Bed::caller_end().answer(ok.sdp().unwrap(), "sendrecv");
    let ack = a
        .ack(&ok)
        .with_sdp(&secured(&own, "RTP/SAVP", &[line(1, CM80, OTHER)]));
    bed.send(A, &ack);
    let at_b = bed.expect(B1, "ACK");
    let (proto, ours) = said(&at_b);
    assert_eq!((proto.as_str(), ours[0].tag, ours[0].name), ("RTP/SAVP", 6, CM32));
    bed.wait(20);
    assert!(keys_of(&bed, 0).is_some_and(|(receive, send)| receive.is_some() && send.is_some()));
    assert_eq!(keys_of(&bed, 1).unwrap().1, plane(Suite::AesCm128Sha32, &ours[0]));
    over(bed, a, &b);
}

/// Branches of a fork may differ: one takes keys, another none.
#[test]
fn the_answer_decides_not_what_another_branch_said_early() {
    let mut bed = bed("off", "optional");
    let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    let other = b.twin();
    let plain = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 183, Some(&plain)));
    bed.expect(A, "183 INVITE");
    assert_eq!(keys_of(&bed, 1), None);
    let body = secured(&plain, "RTP/AVP", &[line(5, CM32, KEY)]);
    bed.send(B1, &other.reply(&at_b, 200, Some(&body)));
    connected(&mut bed, &mut a);
    let (receive, send) = keys_of(&bed, 1).unwrap();
    assert_eq!(receive.unwrap().suite(), Suite::AesCm128Sha32);
    assert!(send.is_some());
    over(bed, a, &other);
}
