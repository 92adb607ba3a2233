//! Nonces that are used more than once, and answers that were refused.

use super::*;

#[test]
fn the_count_rises_with_each_use_of_a_nonce_and_begins_anew_with_the_next() {
    let mut client = Client::new();
    let mut mint = mint();
    let n1 = challenge(401, &["Digest realm=\"r\", nonce=\"N1\", qop=\"auth\""]);
    let (_, first) = try_answer(&mut client, &mut Attempt::default(), &n1).expect("answer");
    let mut counts = vec![parameter(&first, "nc")];
    for _ in 0..2 {
        let (_, value) = client
            .preemptive(
                &credentials(),
                &Method::Register,
                b"sip:example.com",
                b"",
                &mut mint,
            )
            .expect("remembered");
        counts.push(parameter(&String::from_utf8(value).expect("text"), "nc"));
    }
    // Another call is challenged with the nonce that is in use already.
    let (_, shared) = try_answer(&mut client, &mut Attempt::default(), &n1).expect("answer");
    counts.push(parameter(&shared, "nc"));
    let n2 = challenge(
        401,
        &["Digest realm=\"r\", nonce=\"N2\", qop=\"auth\", stale=true"],
    );
    let (_, next) = try_answer(&mut client, &mut Attempt::default(), &n2).expect("answer");
    counts.push(parameter(&next, "nc"));
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    assert_eq!(
        counts,
        ["00000001", "00000002", "00000003", "00000004", "00000001"]
    );
}

#[test]
fn a_stale_nonce_is_answered_again_but_not_for_ever() {
    let mut client = Client::new();
    let mut attempt = Attempt::default();
    try_answer(
        &mut client,
        &mut attempt,
        &challenge(401, &["Digest realm=\"r\", nonce=\"N0\""]),
    )
    .expect("answer");
    for nonce in ["N1", "N2"] {
        let stale = challenge(
            401,
            &[&format!("Digest realm=\"r\", nonce=\"{nonce}\", stale=TRUE")],
        );
        try_answer(&mut client, &mut attempt, &stale).expect("answer");
    }
    let stale = challenge(401, &["Digest realm=\"r\", nonce=\"N3\", stale=true"]);
    assert_eq!(
        try_answer(&mut client, &mut attempt, &stale),
        Err(DigestError::RejectedAgain)
    );
}

#[test]
fn credentials_refused_with_a_new_nonce_are_not_tried_again() {
    let mut client = Client::new();
    let mut attempt = Attempt::default();
    try_answer(
        &mut client,
        &mut attempt,
        &challenge(401, &["Digest realm=\"r\", nonce=\"N1\""]),
    )
    .expect("answer");
    let again = challenge(401, &["Digest realm=\"r\", nonce=\"N2\""]);
    assert_eq!(
        try_answer(&mut client, &mut attempt, &again),
        Err(DigestError::RejectedAgain)
    );
    let preemptive = client.preemptive(&credentials(), &Method::Register, b"sip:h", b"", &mut mint());
    assert_eq!(preemptive, None, "nothing refused is used of our own accord");
}

#[test]
fn an_expired_nonce_without_stale_costs_one_retry() {
    let mut client = Client::new();
    try_answer(
        &mut client,
        &mut Attempt::default(),
        &challenge(401, &["Digest realm=\"r\", nonce=\"N1\""]),
    )
    .expect("answer");
    // The next request goes with N1 of its own accord and is challenged with N2.
    assert!(
        client
            .preemptive(&credentials(), &Method::Register, b"sip:h", b"", &mut mint())
            .is_some()
    );
    let mut attempt = Attempt::default();
    let n2 = challenge(401, &["Digest realm=\"r\", nonce=\"N2\""]);
    assert!(try_answer(&mut client, &mut attempt, &n2).is_ok());
    assert_eq!(
        try_answer(&mut client, &mut attempt, &n2),
        Err(DigestError::RejectedAgain)
    );
}

#[test]
fn a_proxy_and_the_server_behind_it_are_answered_each() {
    let mut client = Client::new();
    let mut attempt = Attempt::default();
    let proxy = challenge(407, &["Digest realm=\"p\", nonce=\"P\""]);
    let server = challenge(401, &["Digest realm=\"s\", nonce=\"S\""]);
    try_answer(&mut client, &mut attempt, &proxy).expect("proxy");
    try_answer(&mut client, &mut attempt, &server).expect("server");
    let mut mint = mint();
    let both = [
        client.preemptive(&credentials(), &Method::Bye, b"sip:h", b"", &mut mint),
        client.preemptive_proxy(&credentials(), &Method::Bye, b"sip:h", b"", &mut mint),
    ];
    let ids = both.map(|header| header.map(|(id, _)| id));
    assert_eq!(
        ids,
        [Some(HeaderId::Authorization), Some(HeaderId::ProxyAuthorization)]
    );
}
