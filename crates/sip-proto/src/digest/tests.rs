mod again;

use bytes::Bytes;
use sip_msg::Limits;

use super::compute::Algorithm;
use super::*;

/// A 401 (or 407) with these challenges.
fn challenge(status: u16, challenges: &[&str]) -> Message {
    let name = if status == 407 {
        "Proxy-Authenticate"
    } else {
        "WWW-Authenticate"
    };
    let lines: String = challenges.iter().map(|c| format!("{name}: {c}\r\n")).collect();
    let text = format!(
        "SIP/2.0 {status} Unauthorized\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\n\
         To: <sip:b@h>;tag=t\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    sip_msg::parse(Bytes::from(text), &Limits::default()).expect("challenge")
}

fn credentials() -> Credentials {
    Credentials {
        username: "Mufasa".into(),
        password: "Circle Of Life".into(),
        realm: None,
    }
}

fn mint() -> Mint {
    Mint::new(0, [4; 32])
}

fn try_answer(
    client: &mut Client,
    attempt: &mut Attempt,
    message: &Message,
) -> Result<(HeaderId, String), DigestError> {
    let answer = client.answer(
        attempt,
        message,
        &credentials(),
        &Method::Register,
        b"sip:example.com",
        b"",
        &mut mint(),
    );
    answer.map(|(id, value)| (id, String::from_utf8(value).expect("text")))
}

/// The value of a parameter of an answer, without quotes.
fn parameter(answer: &str, name: &str) -> Option<String> {
    let parameters = answer.strip_prefix("Digest ").expect("scheme").split(", ");
    parameters
        .filter_map(|p| p.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v.trim_matches('"').to_owned())
}

/// Each challenge should have a line of its own, with its list of qualities in quotes. Not every server knows that.
#[test]
fn challenges_are_found_however_they_are_written() {
    for (line, expected) in [
        (r#"Basic realm="b", Digest realm="d", nonce="n""#, ["d", "n", ""]),
        (
            r#"Digest realm="d", nonce="n", algorithm=MD5, Basic realm="b""#,
            ["d", "n", "MD5"],
        ),
        (
            r#"Digest realm="d", nonce="n", algorithm=MD5, Digest realm="e", nonce="m", algorithm=SHA-256"#,
            ["d", "n", "MD5"],
        ),
        (
            r#"Digest realm="d", nonce="n", algorithm=MD5,Digest realm="d",nonce="m",algorithm=SHA-256"#,
            ["d", "m", "SHA-256"],
        ),
        (
            r#"Digest realm="d", qop=auth,auth-int, nonce="n""#,
            ["d", "n", ""],
        ),
        (r#"Digest realm="d", nonce="n", qop="" "#, ["d", "n", ""]),
        (
            "digest\r\n\trealm = \"d, Digest x\" ,\r\n nonce=\"n\" algorithm=MD5",
            ["d, Digest x", "n", "MD5"],
        ),
    ] {
        let mut attempt = Attempt::default();
        let answer = try_answer(&mut Client::new(), &mut attempt, &challenge(401, &[line]));
        let (_, answer) = answer.unwrap_or_else(|error| panic!("{line}: {error}"));
        let [realm, nonce, algorithm] = expected;
        let wanted = format!("realm=\"{realm}\", nonce=\"{nonce}\", uri");
        assert!(answer.contains(&wanted), "{line}: {answer}");
        let said = parameter(&answer, "algorithm").unwrap_or_default();
        assert_eq!(said, algorithm, "{line}");
    }
}

#[test]
fn rfc_2617_example() {
    // RFC 2617 §3.5
    let input = Input {
        algorithm: Algorithm::Md5,
        qop: Qop::Auth,
        username: b"Mufasa",
        password: b"Circle Of Life",
        realm: b"testrealm@host.com",
        nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
        count: b"00000001",
        cnonce: b"0a4f113b",
        session: b"0a4f113b",
        method: b"GET",
        uri: b"/dir/index.html",
        body: b"",
    };
    assert_eq!(response(&input), "6629fae49393a05397450978507c4ef1");
}

#[test]
fn rfc_7616_examples() {
    // RFC 7616 §3.9.1, both algorithms
    for (algorithm, expected) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        // The RFC has no example of these that adds up; computed with another implementation (Python's hashlib).
        (
            Algorithm::Sha512Cut,
            "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0",
        ),
        (
            Algorithm::Sha512CutSess,
            "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e",
        ),
    ] {
        let input = Input {
            algorithm,
            qop: Qop::Auth,
            username: b"Mufasa",
            password: b"Circle of Life",
            realm: b"http-auth@example.org",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            count: b"00000001",
            cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            session: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            method: b"GET",
            uri: b"/dir/index.html",
            body: b"",
        };
        assert_eq!(response(&input), expected);
    }
}

#[test]
fn session_keys_and_missing_qop_follow_the_formulas() {
    let base = Input {
        algorithm: Algorithm::Md5,
        qop: Qop::None,
        username: b"u",
        password: b"p",
        realm: b"r",
        nonce: b"n",
        count: b"00000001",
        cnonce: b"c",
        session: b"c",
        method: b"REGISTER",
        uri: b"sip:h",
        body: b"",
    };
    // Computed step by step with another implementation of the hashes (Python's hashlib).
    assert_eq!(response(&base), "f7949f33797a7abbe390eaa95b1ca294");
    assert_eq!(
        response(&Input {
            algorithm: Algorithm::Md5Sess,
            qop: Qop::Auth,
            ..base
        }),
        "07c48dd5bad8ac1b045511259a5c392e"
    );
    assert_eq!(
        response(&Input {
            algorithm: Algorithm::Sha256Sess,
            qop: Qop::Auth,
            ..base
        }),
        "0a54d4ae781532e8083a0d15c35809fa68b61ddecd69674c6c001169f36d3524"
    );
    assert_eq!(
        response(&Input {
            qop: Qop::AuthInt,
            body: b"v=0",
            ..base
        }),
        "3b4b1aa282db9131d1bd2f29b5f2f2ea"
    );
}

#[test]
fn an_answer_carries_what_the_challenge_asked_for() {
    let mut client = Client::new();
    let message = challenge(
        401,
        &["Digest realm=\"a, \\\"b\\\"\", nonce=\"n1\", opaque=\"o\", algorithm=MD5, qop=\"auth-int,auth\""],
    );
    let (id, answer) = try_answer(&mut client, &mut Attempt::default(), &message).expect("answer");
    assert_eq!(id, HeaderId::Authorization);
    for part in [
        "username=\"Mufasa\"",
        "realm=\"a, \\\"b\\\"\"",
        "nonce=\"n1\"",
        "uri=\"sip:example.com\"",
        "algorithm=MD5",
        "opaque=\"o\"",
        "qop=auth, nc=00000001",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert!(parameter(&answer, "cnonce").is_some_and(|c| c.len() > 12));
}

/// RFC 7616 §3.4.2: the key of a session is made once, with the first cnonce. A server that keeps it knows no other.
#[test]
fn the_requests_of_a_session_share_their_cnonce() {
    for (algorithm, shared) in [("MD5-sess", true), ("SHA-256-sess", true), ("SHA-256", false)] {
        let (mut client, mut mint) = (Client::new(), mint());
        let (mut attempt, credentials) = (Attempt::default(), credentials());
        let asked = |nonce: &str| {
            let line = format!("Digest realm=\"r\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"");
            challenge(401, &[&line])
        };
        let said = |header: Vec<u8>| {
            let text = String::from_utf8(header).expect("text");
            parameter(&text, "cnonce").expect("a cnonce")
        };
        let (method, uri) = (Method::Register, b"sip:example.com");
        let first = client.answer(
            &mut attempt,
            &asked("n1"),
            &credentials,
            &method,
            uri,
            b"",
            &mut mint,
        );
        let first = said(first.expect("an answer").1);
        let second = client.preemptive(&credentials, &method, uri, b"", &mut mint);
        assert_eq!(said(second.expect("an answer").1) == first, shared, "{algorithm}");
        let mut other = Attempt::default();
        let again = client.answer(
            &mut other,
            &asked("n1"),
            &credentials,
            &method,
            uri,
            b"",
            &mut mint,
        );
        assert_eq!(said(again.expect("an answer").1) == first, shared, "{algorithm}");
        let mut other = Attempt::default();
        let next = client.answer(
            &mut other,
            &asked("n2"),
            &credentials,
            &method,
            uri,
            b"",
            &mut mint,
        );
        assert_ne!(
            said(next.expect("an answer").1),
            first,
            "another nonce is another session"
        );
    }
}

#[test]
fn without_qop_there_is_neither_count_nor_cnonce() {
    let message = challenge(407, &["Digest realm=\"r\",nonce=\"n1\""]);
    let (id, answer) = try_answer(&mut Client::new(), &mut Attempt::default(), &message).expect("answer");
    assert_eq!(id, HeaderId::ProxyAuthorization);
    for name in ["nc", "cnonce", "qop", "algorithm", "opaque"] {
        assert_eq!(parameter(&answer, name), None, "{name}");
    }
}

#[test]
fn the_strongest_algorithm_offered_is_taken_wherever_it_stands() {
    let md5 = "Digest realm=\"r\", nonce=\"weak\", algorithm=MD5, qop=\"auth\"";
    let sha = "Digest realm=\"r\", nonce=\"strong\", algorithm=SHA-256, qop=\"auth\"";
    let unknown = "Digest realm=\"r\", nonce=\"odd\", algorithm=SHA-1024, qop=\"auth\"";
    for order in [[md5, sha, unknown], [sha, unknown, md5], [unknown, md5, sha]] {
        let (_, answer) = try_answer(
            &mut Client::new(),
            &mut Attempt::default(),
            &challenge(401, &order),
        )
        .expect("answer");
        assert_eq!(parameter(&answer, "nonce").as_deref(), Some("strong"));
        assert_eq!(parameter(&answer, "response").map(|r| r.len()), Some(64));
    }
}

#[test]
fn of_several_realms_the_first_that_the_credentials_are_for_is_answered() {
    let here = "Digest realm=\"here\", nonce=\"N1\", algorithm=MD5, qop=\"auth\"";
    let odd = "Digest realm=\"odd\", nonce=\"N0\", algorithm=SHA-1024, qop=\"auth\"";
    let there = "Digest realm=\"there\", nonce=\"N2\", algorithm=MD5, qop=\"auth\"";
    let better = "Digest realm=\"there\", nonce=\"N3\", algorithm=SHA-256, qop=\"auth\"";
    let none: [&str; 1] = ["Digest realm=\"here\", nonce=\"N1\""];
    type Case<'a> = (Option<&'a str>, &'a [&'a str], Result<&'a str, DigestError>);
    let cases: [Case<'_>; 6] = [
        (Some("there"), &[here, there], Ok("N2")),
        (Some("there"), &[here, there, better], Ok("N3")),
        (None, &[here, there, better], Ok("N1")),
        (None, &[odd, there, here], Ok("N2")),
        (Some("odd"), &[here, odd], Err(DigestError::UnknownAlgorithm)),
        (Some("there"), &none, Err(DigestError::OtherRealm)),
    ];
    for (realm, lines, expected) in cases {
        let credentials = Credentials {
            realm: realm.map(str::to_owned),
            ..credentials()
        };
        let answer = Client::new().answer(
            &mut Attempt::default(),
            &challenge(401, lines),
            &credentials,
            &Method::Register,
            b"sip:example.com",
            b"",
            &mut mint(),
        );
        let nonce = answer.map(|(_, value)| {
            let value = String::from_utf8(value).expect("text");
            parameter(&value, "nonce").expect("a nonce")
        });
        assert_eq!(nonce, expected.map(str::to_owned), "{realm:?} {lines:?}");
    }
}

#[test]
fn the_next_nonce_of_an_answer_is_the_one_that_is_used_next() {
    let mut client = Client::new();
    let asked = challenge(401, &["Digest realm=\"r\", nonce=\"N1\", qop=\"auth\""]);
    try_answer(&mut client, &mut Attempt::default(), &asked).expect("answer");
    for (line, nonce, count) in [
        ("nextnonce=\"N2\", qop=auth, nc=00000001", "N2", "00000001"),
        ("rspauth=\"6629\"", "N2", "00000002"),
        ("qop=auth, nextnonce=\"N2\"", "N2", "00000003"),
    ] {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\n\
             To: <sip:b@h>;tag=t\r\nCall-ID: c\r\nCSeq: 2 REGISTER\r\nAuthentication-Info: {line}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        client.learn(&sip_msg::parse(Bytes::from(text), &Limits::default()).expect("an answer"));
        let next = client.preemptive(
            &credentials(),
            &Method::Register,
            b"sip:example.com",
            b"",
            &mut mint(),
        );
        let next = String::from_utf8(next.expect("credentials").1).expect("text");
        assert_eq!(parameter(&next, "nonce").as_deref(), Some(nonce), "{line}");
        assert_eq!(parameter(&next, "nc").as_deref(), Some(count), "{line}");
    }
}

#[test]
fn what_cannot_be_answered_says_why() {
    let cases = [
        (401, "Basic realm=\"r\"", DigestError::NoChallenge),
        (401, "Digest realm=\"r\"", DigestError::NoChallenge),
        (
            401,
            "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
            DigestError::UnknownAlgorithm,
        ),
        (
            401,
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"",
            DigestError::UnknownQop,
        ),
        (403, "Digest realm=\"r\", nonce=\"n\"", DigestError::NoChallenge),
    ];
    for (status, line, why) in cases {
        let result = try_answer(
            &mut Client::new(),
            &mut Attempt::default(),
            &challenge(status, &[line]),
        );
        assert_eq!(result, Err(why), "{line}");
    }
}

#[test]
fn the_password_shows_nowhere() {
    let shown = format!("{:?}", credentials());
    assert!(shown.contains("Mufasa") && !shown.contains("Circle"));
}
