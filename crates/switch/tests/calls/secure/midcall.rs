//! Offers in mid-call: the same keys, others, another suite, facsimile.

use super::*;

fn reinvite(bed: &mut Bed, a: &mut Party, b: &mut Party, body: &str) -> (Sip, Sip) {
    let invite = a.invite(Some(body));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    b.refresh(&at_b);
    bed.send(B1, &Bed::answer_of(B1, b, &at_b));
    (at_b, connected(bed, a))
}

/// The version of the caller's o= line grows.
fn newer(body: &str) -> String {
    let (_, version) = sdp::origin(body).unwrap();
    body.replacen(&format!(" {version} IN"), &format!(" {} IN", version + 1), 1)
}

/// SR-05: our key stays, whatever the peer's does; a suite that changes brings a new one.
#[test]
fn sr_05_a_new_offer_with_the_same_key_or_another() {
    let mut bed = bed("required", "off");
    let first = offer("RTP/SAVP", &[line(1, CM80, KEY)]);
    let mut a = dial(&mut bed, &first);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
    let (_, ours) = said(&connected(&mut bed, &mut a));
    // Byte for byte the same: answered from memory.
    let invite = a.invite(Some(&first));
    bed.send(A, &invite);
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.quiet(B1, 50);
    assert_eq!(said(&ok).1, ours);
    // The same key in a new body; another key; back again.
    let mut body = first;
    for key in [KEY, OTHER, KEY] {
        body = newer(&body);
        let (_, rest) = body.split_once("a=crypto:").unwrap();
        body = body.replace(rest, &format!("{}\r\n", line(1, CM80, key)));
        let (at_b, ok) = reinvite(&mut bed, &mut a, &mut b, &body);
        assert_eq!(said(&at_b).1, []);
        assert_eq!(said(&ok).1, ours, "{key}");
        let theirs = Crypto::parse(line(1, CM80, key).as_bytes()).unwrap();
        let suite = Suite::AesCm128Sha80;
        assert_eq!(
            keys_of(&bed, 0),
            Some((plane(suite, &theirs), plane(suite, &ours[0])))
        );
    }
    // Another suite.
    body = newer(&body).replace(&line(1, CM80, KEY), &line(1, CM32, KEY));
    let (_, ok) = reinvite(&mut bed, &mut a, &mut b, &body);
    let (_, changed) = said(&ok);
    assert_eq!(changed[0].name, CM32);
    assert_ne!(material(&changed[0]), material(&ours[0]));
    // Another key from another place: whoever is there knows nothing of the old one's counters.
    body = newer(&body)
        .replace(KEY, THIRD)
        .replace("m=audio 20000", "m=audio 20100");
    let (_, ok) = reinvite(&mut bed, &mut a, &mut b, &body);
    let (_, moved) = said(&ok);
    assert_ne!(material(&moved[0]), material(&changed[0]));
    over(bed, a, &b);
}

/// The carrier is offered the same keys again, and may change its own.
#[test]
fn sr_05_a_new_offer_to_a_secured_side_repeats_its_keys() {
    let mut bed = bed("off", "required");
    let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
    let at_b = bed.expect(B1, "INVITE");
    let (_, offered) = said(&at_b);
    let mut b = answer(&mut bed, &at_b, "RTP/SAVP", &[line(1, CM80, KEY)]);
    connected(&mut bed, &mut a);
    let mut end = Bed::caller_end();
    for key in [KEY, OTHER] {
        end.version += 1;
        let invite = a.invite(Some(&end.offer("sendonly")));
        bed.send(A, &invite);
        let at_b = bed.expect(B1, "INVITE");
        let (proto, again) = said(&at_b);
        assert_eq!((proto.as_str(), &again), ("RTP/SAVP", &offered));
        b.refresh(&at_b);
        let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "recvonly");
        let body = secured(&body, "RTP/SAVP", &[line(1, CM80, key)]);
        bed.send(B1, &b.reply(&at_b, 200, Some(&body)));
        connected(&mut bed, &mut a);
        let theirs = Crypto::parse(line(1, CM80, key).as_bytes()).unwrap();
        let suite = Suite::AesCm128Sha80;
        assert_eq!(
            keys_of(&bed, 1),
            Some((plane(suite, &theirs), plane(suite, &offered[0])))
        );
    }
    // The carrier offers, too: it is answered with our key, and the caller hears nothing of any.
    let body = Bed::carrier_end(B1).offer("sendrecv");
    let body = secured(&body, "RTP/SAVP", &[line(3, CM80, THIRD)]);
    let invite = b.invite(Some(&body));
    bed.send(B1, &invite);
    let at_a = bed.expect(A, "INVITE");
    assert_eq!(said(&at_a), ("RTP/AVP".to_owned(), vec![]));
    let own = Bed::caller_end().answer(at_a.sdp().unwrap(), "sendrecv");
    bed.send(A, &a.reply(&at_a, 200, Some(&own)));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    let (_, ours) = said(&ok);
    assert_eq!((ours[0].tag, material(&ours[0])), (3, material(&offered[0])));
    bed.wait(20);
    // It is the same key for as long as before, although the carrier says nothing of its own: else it would count anew.
    let theirs = Crypto::parse(line(3, CM80, THIRD).as_bytes()).unwrap();
    let suite = Suite::AesCm128Sha80;
    assert_eq!(
        keys_of(&bed, 1),
        Some((plane(suite, &theirs), plane(suite, &offered[0])))
    );
    over(bed, a, &b);
}

/// A re-INVITE that fails leaves the keys as they were.
#[test]
fn a_refused_offer_changes_no_key() {
    let mut bed = bed("required", "off");
    let first = offer("RTP/SAVP", &[line(1, CM80, KEY)]);
    let mut a = dial(&mut bed, &first);
    let at_b = bed.expect(B1, "INVITE");
    let mut b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
    let (_, ours) = said(&connected(&mut bed, &mut a));
    let before = keys_of(&bed, 0);
    let invite = a.invite(Some(&newer(&first).replace(KEY, OTHER)));
    bed.send(A, &invite);
    let at_b = bed.expect(B1, "INVITE");
    b.refresh(&at_b);
    bed.send(B1, &b.reply(&at_b, 488, None));
    bed.expect(B1, "ACK");
    let refused = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refused);
    bed.send(A, &ack);
    bed.wait(20);
    assert_eq!(keys_of(&bed, 0), before);
    // Plain now, which policy does not allow.
    let invite = a.invite(Some(&newer(&Bed::caller_end().offer("sendrecv"))));
    bed.send(A, &invite);
    let refused = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refused);
    bed.send(A, &ack);
    bed.quiet(B1, 50);
    let (_, ok) = reinvite(&mut bed, &mut a, &mut b, &newer(&newer(&first)));
    assert_eq!(said(&ok).1, ours);
    over(bed, a, &b);
}

/// Facsimile has no SRTP: where SRTP is optional it passes, and the audio behind it has its keys again.
#[test]
fn facsimile_passes_where_srtp_is_not_required() {
    let t38 = |end: &sdp::End| {
        format!(
            "v=0\r\no=peer {} {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image {} udptl t38\r\n",
            end.id,
            end.version,
            end.rtp.port(),
            ip = end.rtp.ip()
        )
    };
    for (policy, passes) in [("optional", true), ("required", false)] {
        let mut bed = bed(policy, "off");
        let mut a = dial(&mut bed, &offer("RTP/SAVP", &[line(1, CM80, KEY)]));
        let at_b = bed.expect(B1, "INVITE");
        let mut b = answer(&mut bed, &at_b, "RTP/AVP", &[]);
        let (_, ours) = said(&connected(&mut bed, &mut a));
        let keys = keys_of(&bed, 0);
        let mut end = Bed::caller_end();
        end.version = 2;
        let invite = a.invite(Some(&t38(&end)));
        bed.send(A, &invite);
        if !passes {
            let refused = bed.expect(A, "488 INVITE");
            let ack = a.ack(&refused);
            bed.send(A, &ack);
            over(bed, a, &b);
            continue;
        }
        let at_b = bed.expect(B1, "INVITE");
        b.refresh(&at_b);
        bed.send(B1, &b.reply(&at_b, 200, Some(&t38(&Bed::carrier_end(B1)))));
        let ok = connected(&mut bed, &mut a);
        assert_eq!(said(&ok), ("udptl".to_owned(), vec![]));
        let back = newer(&newer(&offer("RTP/SAVP", &[line(1, CM80, KEY)])));
        let (_, ok) = reinvite(&mut bed, &mut a, &mut b, &back);
        assert_eq!(said(&ok).1, ours);
        assert_eq!(keys_of(&bed, 0), keys);
        over(bed, a, &b);
    }
}

/// The called side refreshes with the bytes of its answer. What it gets is an answer: one line, that with the tag and suite that it
/// names (RFC 4568 §5.1.2), not our offer again. A second refresh is answered from memory.
#[test]
fn a_refresh_by_whoever_has_answered_is_answered_with_one_line() {
    let mut bed = bed("off", "required");
    let mut a = dial(&mut bed, &offer("RTP/AVP", &[]));
    let at_b = bed.expect(B1, "INVITE");
    let (_, offered) = said(&at_b);
    let second = offered.iter().find(|line| line.name == CM32).unwrap().clone();
    let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    let body = secured(&body, "RTP/SAVP", &[line(second.tag, CM32, KEY)]);
    let mut b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 200, Some(&body)));
    connected(&mut bed, &mut a);
    let keys = keys_of(&bed, 1);
    let refresh = b.invite(Some(&body));
    bed.send(B1, &refresh);
    let at_a = bed.expect(A, "INVITE");
    let own = Bed::caller_end().answer(at_a.sdp().unwrap(), "sendrecv");
    bed.send(A, &a.reply(&at_a, 200, Some(&own)));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(20);
    let (_, ours) = said(&ok);
    assert_eq!(ours.len(), 1);
    assert_eq!((ours[0].tag, ours[0].suite), (second.tag, second.suite));
    assert_eq!(material(&ours[0]), material(&second));
    assert_eq!(keys_of(&bed, 1), keys);
    let refresh = b.invite(Some(&body));
    bed.send(B1, &refresh);
    let again = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&again);
    bed.send(B1, &ack);
    bed.quiet(A, 50);
    assert_eq!(again.sdp(), ok.sdp());
    over(bed, a, &b);
}
