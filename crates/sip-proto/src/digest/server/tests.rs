use bytes::Bytes;
use proptest::prelude::*;
use sip_msg::{Limits, Method};

use super::nonce::Use as NonceUse;
use super::*;
use crate::digest::{Attempt, Client, Credentials};

const MINUTE: Duration = Duration::from_secs(60);

fn policy(algorithms: &[Algorithm]) -> Policy<'_> {
    Policy {
        realm: "here",
        algorithms,
        integrity: false,
        lifetime: 5 * MINUTE,
    }
}

const MD5: &[Algorithm] = &[Algorithm::Md5];

/// A phone with a password, and what it sends.
struct Phone {
    client: Client,
    credentials: Credentials,
    mint: Mint,
}

impl Phone {
    fn new(username: &str, password: &str) -> Self {
        Self {
            client: Client::new(),
            credentials: Credentials {
                username: username.into(),
                password: password.into(),
                realm: None,
            },
            mint: Mint::new(1, [7; 32]),
        }
    }

    /// A REGISTER that answers these challenges.
    fn answers(&mut self, challenges: &[String], body: &str) -> Message {
        let lines: String = challenges
            .iter()
            .map(|c| format!("WWW-Authenticate: {c}\r\n"))
            .collect();
        let challenge = message(&format!("SIP/2.0 401 No\r\n{lines}"), "");
        let answer = self.client.answer(
            &mut Attempt::default(),
            &challenge,
            &self.credentials,
            &Method::Register,
            b"sip:here",
            body.as_bytes(),
            &mut self.mint,
        );
        request(&text(answer.expect("an answer").1), body)
    }

    /// One that goes on with the nonce of the last challenge.
    fn goes_on(&mut self) -> Message {
        let answer = self.client.preemptive(
            &self.credentials,
            &Method::Register,
            b"sip:here",
            b"",
            &mut self.mint,
        );
        request(&text(answer.expect("an answer").1), "")
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

fn request(authorization: &str, body: &str) -> Message {
    let line = if authorization.is_empty() {
        String::new()
    } else {
        format!("Authorization: {authorization}\r\n")
    };
    message(&format!("REGISTER sip:here SIP/2.0\r\n{line}"), body)
}

fn message(head: &str, body: &str) -> Message {
    let all = format!(
        "{head}Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\nCall-ID: c\r\n\
         CSeq: 1 REGISTER\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    sip_msg::parse(Bytes::from(all), &Limits::default()).expect("a message")
}

/// A switch that knows alice.
struct Us {
    server: Server,
    mint: Mint,
    now: Instant,
}

impl Us {
    fn new() -> Self {
        let mut mint = Mint::new(0, [3; 32]);
        let now = Instant::now();
        Self {
            server: Server::new(now, &mut mint),
            mint,
            now,
        }
    }

    fn challenge(&mut self, policy: &Policy<'_>) -> Vec<String> {
        self.server.challenge(self.now, policy, false, &mut self.mint)
    }

    fn check(&mut self, policy: &Policy<'_>, request: &Message) -> Verdict<u8> {
        self.server.check(self.now, policy, request, |name| {
            name.is("alice").then_some(Secret {
                key: 1,
                username: "alice",
                password: "secret",
            })
        })
    }
}

#[test]
fn every_algorithm_and_quality_is_understood_as_the_client_computes_it() {
    for name in [
        "MD5",
        "SHA-256",
        "SHA-512-256",
        "MD5-sess",
        "SHA-256-sess",
        "SHA-512-256-sess",
    ] {
        for integrity in [false, true] {
            let algorithm = [Algorithm::from_name(name.as_bytes()).expect("known")];
            let policy = Policy {
                integrity,
                ..policy(&algorithm)
            };
            let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
            let mut challenge = us.challenge(&policy);
            if integrity {
                // So that the client has no choice.
                challenge = challenge
                    .iter()
                    .map(|c| c.replace("auth,auth-int", "auth-int"))
                    .collect();
            }
            let answer = phone.answers(&challenge, "v=0");
            assert_eq!(
                us.check(&policy, &answer),
                Verdict::Known(1),
                "{name} {integrity}"
            );
        }
    }
}

#[test]
fn a_body_that_was_changed_on_the_way_is_found_out() {
    let policy = Policy {
        integrity: true,
        ..policy(MD5)
    };
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let challenge = vec![us.challenge(&policy)[0].replace("auth,auth-int", "auth-int")];
    let answer = phone.answers(&challenge, "v=0");
    let line = String::from_utf8_lossy(answer.header(HeaderId::Authorization).unwrap()).into_owned();
    assert_eq!(us.check(&policy, &request(&line, "v=1")), Verdict::Wrong);
}

#[test]
fn the_strongest_comes_first_and_one_header_each() {
    let algorithms = [Algorithm::Sha512Cut, Algorithm::Sha256, Algorithm::Md5];
    let policy = policy(&algorithms);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let challenges = us.challenge(&policy);
    let named: Vec<bool> = challenges
        .iter()
        .zip(algorithms)
        .map(|(c, a)| c.ends_with(&format!("algorithm={}", a.name())))
        .collect();
    assert_eq!(named, [true, true, true]);
    let answer = phone.answers(&challenges, "");
    let line = String::from_utf8_lossy(answer.header(HeaderId::Authorization).unwrap()).into_owned();
    assert!(line.contains("algorithm=SHA-512-256"), "{line}");
    assert_eq!(us.check(&policy, &answer), Verdict::Known(1));
}

#[test]
fn an_algorithm_that_was_not_offered_is_no_answer() {
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let challenge = us.challenge(&policy(MD5));
    let answer = phone.answers(&challenge, "");
    assert_eq!(us.check(&policy(&[Algorithm::Sha256]), &answer), Verdict::Absent);
}

#[test]
fn nobody_and_a_wrong_password_are_the_same() {
    let policy = policy(MD5);
    let mut us = Us::new();
    assert_eq!(us.check(&policy, &request("", "")), Verdict::Absent);
    for (username, password) in [
        ("alice", "guess"),
        ("bob", "secret"),
        ("Alice", "secret"),
        ("", ""),
    ] {
        let answer = Phone::new(username, password).answers(&us.challenge(&policy), "");
        assert_eq!(us.check(&policy, &answer), Verdict::Wrong, "{username}");
    }
    // Credentials for somebody else's realm are none.
    let other = Policy {
        realm: "there",
        ..policy.clone()
    };
    let challenge = us.challenge(&other);
    let answer = Phone::new("alice", "secret").answers(&challenge, "");
    assert_eq!(us.check(&policy, &answer), Verdict::Absent);
}

#[test]
fn a_count_is_good_once() {
    let policy = policy(MD5);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let first = phone.answers(&us.challenge(&policy), "");
    let (second, third) = (phone.goes_on(), phone.goes_on());
    assert_eq!(us.check(&policy, &first), Verdict::Known(1));
    assert_eq!(us.check(&policy, &first), Verdict::Stale);
    // Requests overtake each other.
    assert_eq!(us.check(&policy, &third), Verdict::Known(1));
    assert_eq!(us.check(&policy, &second), Verdict::Known(1));
    assert_eq!(us.check(&policy, &second), Verdict::Stale);
}

/// An answer by a phone with a will of its own: its cnonce, and the one that its session's key is made with.
fn by_hand(challenge: &str, count: u32, cnonce: &str, session: &str, password: &str) -> Message {
    let nonce = challenge.split("nonce=\"").nth(1).expect("nonce");
    let nonce = nonce.split('"').next().expect("nonce");
    let nc = format!("{count:08x}");
    let digest = response(&Input {
        algorithm: Algorithm::Sha256Sess,
        qop: Qop::Auth,
        username: b"alice",
        password: password.as_bytes(),
        realm: b"here",
        nonce: nonce.as_bytes(),
        count: nc.as_bytes(),
        cnonce: cnonce.as_bytes(),
        session: session.as_bytes(),
        method: b"REGISTER",
        uri: b"sip:here",
        body: b"",
    });
    let line = format!(
        "Digest username=\"alice\", realm=\"here\", nonce=\"{nonce}\", uri=\"sip:here\", response=\"{digest}\", \
         algorithm=SHA-256-sess, cnonce=\"{cnonce}\", qop=auth, nc={nc}"
    );
    request(&line, "")
}

/// RFC 7616 §3.4.2: once for all requests of a nonce, as it stands there, or anew for each, as most do it.
#[test]
fn the_key_of_a_session_is_made_with_its_first_cnonce_or_with_the_present_one() {
    let policy = policy(&[Algorithm::Sha256]);
    let mut us = Us::new();
    let challenge = us.challenge(&policy).remove(0);
    for (count, cnonce, session, verdict) in [
        (1, "a", "a", Verdict::Known(1)),
        (2, "b", "a", Verdict::Known(1)),
        (3, "c", "c", Verdict::Known(1)),
        (4, "d", "a", Verdict::Known(1)),
        (5, "e", "c", Verdict::Wrong),
        (4, "d", "a", Verdict::Stale),
    ] {
        let answer = by_hand(&challenge, count, cnonce, session, "secret");
        assert_eq!(us.check(&policy, &answer), verdict, "{count}");
    }
    let guess = by_hand(&challenge, 6, "f", "a", "guess");
    assert_eq!(us.check(&policy, &guess), Verdict::Wrong);
    // By then nobody knows what it began with, and it isn't held against the phone.
    us.now += 5 * MINUTE + Duration::from_millis(1);
    for password in ["secret", "guess"] {
        let late = by_hand(&challenge, 7, "g", "a", password);
        assert_eq!(us.check(&policy, &late), Verdict::Stale, "whatever the password");
    }
    let guess = by_hand(&challenge, 1, "h", "h", "guess");
    assert_eq!(us.check(&policy, &guess), Verdict::Wrong);
}

#[test]
fn a_cnonce_that_is_remembered_is_short() {
    let policy = policy(&[Algorithm::Sha256]);
    let mut us = Us::new();
    let challenge = us.challenge(&policy).remove(0);
    let long = "x".repeat(65);
    for (count, cnonce, session, verdict) in [
        (1, &*long, &*long, Verdict::Known(1)),
        (2, "b", &*long, Verdict::Wrong),
        (3, &*long, &*long, Verdict::Known(1)),
    ] {
        let answer = by_hand(&challenge, count, cnonce, session, "secret");
        assert_eq!(us.check(&policy, &answer), verdict, "{count}");
    }
}

#[test]
fn an_old_nonce_is_stale_and_a_foreign_one_too() {
    let policy = policy(MD5);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let answer = phone.answers(&us.challenge(&policy), "");
    us.now += 5 * MINUTE + Duration::from_millis(1);
    assert_eq!(us.check(&policy, &answer), Verdict::Stale);
    // The process before this one made it: the password is right all the same, so nobody is asked for it again.
    let mut before = Server::new(us.now, &mut Mint::new(0, [9; 32]));
    let challenge = before.challenge(us.now, &policy, false, &mut us.mint);
    assert_eq!(us.check(&policy, &phone.answers(&challenge, "")), Verdict::Stale);
    // Whoever guesses is not told that it was the nonce.
    let answer = Phone::new("alice", "guess").answers(&challenge, "");
    assert_eq!(us.check(&policy, &answer), Verdict::Wrong);
    assert!(us.server.challenge(us.now, &policy, true, &mut us.mint)[0].ends_with(", stale=true"));
}

#[test]
fn without_a_count_a_nonce_is_good_once() {
    let policy = policy(MD5);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let old = us.challenge(&policy)[0].replace(", qop=\"auth\"", "");
    let answer = phone.answers(&[old], "");
    assert_eq!(us.check(&policy, &answer), Verdict::Known(1));
    let again = phone.goes_on();
    assert_eq!(us.check(&policy, &again), Verdict::Stale);
}

#[test]
fn credentials_of_another_request_are_no_use_but_ports_and_parameters_may_differ() {
    for (uri, same) in [
        ("sip:here", true),
        ("sip:here:5060", true),
        ("sip:HERE;transport=tcp", true),
        ("sip:elsewhere", false),
        ("sip:bob@here", false),
        ("rubbish", false),
        ("", false),
    ] {
        assert_eq!(for_this(uri.as_bytes(), b"sip:here"), same, "{uri}");
    }
    let policy = policy(MD5);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let answer = phone.answers(&us.challenge(&policy), "");
    let line = String::from_utf8_lossy(answer.header(HeaderId::Authorization).unwrap()).into_owned();
    let other = message(
        &format!("REGISTER sip:there SIP/2.0\r\nAuthorization: {line}\r\n"),
        "",
    );
    assert_eq!(us.check(&policy, &other), Verdict::Unusable);
}

#[test]
fn a_hashed_name_is_found() {
    let policy = policy(MD5);
    let (mut us, mut phone) = (Us::new(), Phone::new("alice", "secret"));
    let answer = phone.answers(&us.challenge(&policy), "");
    let line = String::from_utf8_lossy(answer.header(HeaderId::Authorization).unwrap()).into_owned();
    let hash = Algorithm::Md5.hash(&[b"alice", b"here"]);
    let line = line.replace(
        "username=\"alice\"",
        &format!("username=\"{hash}\", userhash=true"),
    );
    assert_eq!(us.check(&policy, &request(&line, "")), Verdict::Known(1));
}

#[test]
fn what_is_remembered_is_bounded_and_what_was_forgotten_is_not_taken_again() {
    let mut mint = Mint::new(0, [1; 32]);
    let mut now = Instant::now();
    let mut nonces = nonce::Nonces::new(now, &mut mint);
    let hour = 60 * MINUTE;
    let first = nonces.mint(now, &mut mint);
    assert_eq!(
        nonces.use_up(now, hour, first.as_bytes(), Some(1), None),
        NonceUse::Fresh
    );
    for _ in 0..70_000 {
        now += Duration::from_millis(1);
        let next = nonces.mint(now, &mut mint);
        assert_eq!(
            nonces.use_up(now, hour, next.as_bytes(), Some(1), None),
            NonceUse::Fresh
        );
    }
    assert_eq!(nonces.len(), 65_536);
    assert_eq!(
        nonces.use_up(now, hour, first.as_bytes(), Some(1), None),
        NonceUse::Stale
    );
    assert_eq!(
        nonces.use_up(now, hour, first.as_bytes(), Some(2), None),
        NonceUse::Stale
    );
    now += 2 * hour;
    let last = nonces.mint(now, &mut mint);
    assert_eq!(
        nonces.use_up(now, hour, last.as_bytes(), None, None),
        NonceUse::Fresh
    );
    assert_eq!(nonces.len(), 1);
}

proptest! {
    /// Whatever the order: a count is taken once, and what is refused was taken before or is far behind.
    #[test]
    fn no_count_is_taken_twice(counts in prop::collection::vec(0_u32..200, 1..300)) {
        let mut mint = Mint::new(0, [1; 32]);
        let now = Instant::now();
        let mut nonces = nonce::Nonces::new(now, &mut mint);
        let nonce = nonces.mint(now, &mut mint);
        let (mut taken, mut highest) = (std::collections::HashSet::new(), 0);
        for count in counts {
            let fresh = nonces.use_up(now, MINUTE, nonce.as_bytes(), Some(count), None) == NonceUse::Fresh;
            let expected = !taken.contains(&count) && (taken.is_empty() || count + 64 >= highest);
            prop_assert_eq!(fresh, expected, "{} {}", count, highest);
            if fresh {
                taken.insert(count);
                highest = highest.max(count);
            }
        }
    }

    #[test]
    fn no_header_value_makes_it_panic(value in ".{0,200}") {
        let mut us = Us::new();
        let policy = policy(MD5);
        let value = value.replace(['\r', '\n'], " ");
        let text = format!("Digest realm=\"here\", {value}");
        let head = format!("REGISTER sip:here SIP/2.0\r\nAuthorization: {text}\r\n");
        let all = format!(
            "{head}Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\nCall-ID: c\r\n\
             CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
        );
        if let Ok(message) = sip_msg::parse(Bytes::from(all), &Limits::default()) {
            prop_assert_ne!(us.check(&policy, &message), Verdict::Known(1));
        }
    }
}
