//! What is refused by configuration: strangers, more than a rate, numbers that cost too much.

use super::*;

/// A stranger is refused, or hears nothing, as the operator wants; and is banned if it does not leave it at that.
#[test]
fn strangers_are_refused_or_hear_nothing() {
    for (policy, hears) in [("refuse", true), ("drop", false)] {
        let bed = quick(|setup| setup.extra(&format!("[edge]\nunknown_sources = \"{policy}\"")));
        let x = bed.peer("X", bed.places.x);
        for (n, method) in ["INVITE", "OPTIONS", "REGISTER", "MESSAGE"]
            .into_iter()
            .enumerate()
        {
            send(&x, method, n, &[]);
            if hears {
                let status = match method {
                    "OPTIONS" => 200,
                    "REGISTER" => 405,
                    _ => 403,
                };
                let answer = x.wait("an answer", is_answer(status, method));
                assert!(answer.message.to_tag().is_some());
            }
        }
        x.send_raw(
            x.sut(),
            b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK\r\n\r\n",
        );
        x.expect_silence(MOMENT);
        assert_eq!(
            bed.metrics().sum("tandem_transactions"),
            Some(0.0),
            "nothing is kept"
        );
        assert!(bans(&bed).is_empty());
        for n in 10..100 {
            send(&x, "INVITE", n, &[]);
        }
        let banned = wait_bans(&bed, 1);
        assert_eq!(banned[0]["why"], "unknown-source");
        let one = &answers(&x);
        assert!(one.len() <= 50, "{} answers", one.len());
        bed.finish(0);
    }
}

/// A tag that looks like one of ours opens no door: whoever makes one up is a stranger as before.
#[test]
fn a_tag_in_our_manner_makes_nobody_known() {
    let bed = quick(|setup| setup.extra("[edge]\nunknown_sources = \"drop\""));
    let x = bed.peer("X", bed.places.x);
    let (from, sut) = (x.local(), x.sut());
    for n in 0..40 {
        let method = ["BYE", "INVITE", "INFO", "OPTIONS"][n % 4];
        let tag: String = (0..20)
            .map(|i| char::from(b"abcdefghijkmnpqr"[(n * 7 + i * i) % 16]))
            .collect();
        let text = opener(method, from, sut, n, &[]).replace(
            &format!("To: <sip:100@{sut}>"),
            &format!("To: <sip:100@{sut}>;tag=t00{tag}"),
        );
        x.send_raw(sut, text.as_bytes());
    }
    x.expect_silence(MOMENT);
    assert_eq!(bed.metrics().sum("tandem_transactions"), Some(0.0));
    assert!(dropped(&bed, "source-unknown") + dropped(&bed, "rate-limited") >= 40.0);
    bed.finish(0);
}

/// One address may send so much and no more, though nobody there has done anything wrong. The operator's own are let through.
#[test]
fn an_address_has_its_rate() {
    let bed = quick(|setup| {
        phones(setup).extra("[edge]\nsource_rate = 5\nsource_burst = 10\nallow = [\"{b2.ip}\"]")
    });
    let x = bed.peer("X", bed.places.x);
    for n in 0..100 {
        send(&x, "INVITE", n, &[]);
    }
    let heard = answers(&x).len();
    assert!((10..=13).contains(&heard), "{heard}");
    assert!(bans(&bed).is_empty());
    let own = bed.peer("own", SocketAddr::new(bed.places.b2.ip(), 9));
    for n in 0..100 {
        send(&own, "OPTIONS", n, &["User-Agent: friendly-scanner"]);
    }
    assert_eq!(answers(&own).len(), 100);
    bed.finish(0);
}

/// A trunk that sends more than it may is told when to go on.
#[test]
fn a_trunk_has_its_rate() {
    let bed = quick(|setup| setup.key("pbx", "max_rps = 1"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    for n in 0..10 {
        send(&alice, "OPTIONS", n, &[]);
    }
    let answers = answers(&alice);
    let of = |status| {
        answers
            .iter()
            .filter(|answer| answer.status() == Some(status))
            .collect::<Vec<_>>()
    };
    assert_eq!((of(200).len(), of(503).len()), (4, 6));
    assert_eq!(header(of(503)[0], HeaderId::RetryAfter), "1");
    std::thread::sleep(ms(1100));
    one_call(&bed, &alice, &bob);
    bed.finish(1);
}

/// Numbers that calls are stolen to are refused, unless the operator lets them; the record says why.
#[test]
fn numbers_that_cost_much_are_refused() {
    let bed = quick(|setup| {
        setup
            .key(
                "pbx",
                "destinations = { allow = [\"+8816*\"], deny = [\"high-risk\", \"+33*\"] }",
            )
            .trunk("other", &["role = \"customer\"", "sources = [\"{x}\"]"])
    });
    let (alice, bob, other) = (bed.peer_a(), bed.peer_b1(), bed.peer("other", bed.places.x));
    let refused = |peer: &SipPeer, number: &str| {
        let call = peer.invite(number, Some(&sdp::offer(bed.places.rtp_a)));
        let answer = call.expect(403);
        assert!(
            header(&answer, HeaderId::Reason).starts_with("Q.850;cause=21"),
            "{answer:?}"
        );
        call.ack();
    };
    refused(&alice, "+88171234567");
    refused(&alice, "+33123456789");
    refused(&other, "+19005551234");
    refused(&other, "0088161234567");
    for (peer, number) in [(&alice, "+88161234567"), (&other, "+33123456789")] {
        let call = peer.invite(number, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack();
    }
    let records = bed.finish_lingering(6, 6);
    let denied: Vec<_> = records
        .iter()
        .filter(|record| record.text("cause.kind") == "destination-denied")
        .collect();
    assert_eq!(denied.len(), 4);
    for record in denied {
        check(record, "destination-denied", 403, "switch", 0);
    }
    let said = format!("{records:?}");
    assert!(
        said.contains("+881 is a destination of high risk (satellite networks)"),
        "{said}"
    );
}
