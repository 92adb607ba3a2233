//! DTLS-SRTP and ICE: what is taken, answered, offered and told to the media plane (RFC 5763, RFC 8839).

use rtp_proto::control::{Failure, Ice, MediaId, PathChange, Security, Setup, Side};
use rtp_proto::dtls::{Engines, Fingerprint, Hash, Role};
use switch::Input;
use testkit::bed::{A, B1, Bed};
use testkit::{Certificate, Party, Sip, sdp};

const PLAIN: &str = "RTP/AVP";
const BROWSER: &str = "UDP/TLS/RTP/SAVPF";
const ICE: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghij+/\r\n";
const RESTARTED: &str = "a=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdefghij+/\r\n";

fn bed(caller: &str, carrier: &str) -> Bed {
    Bed::changed(&[
        ("name = \"pbx\"", caller),
        ("name = \"b1\"", carrier),
        ("name = \"b2\"", carrier),
    ])
}

fn optional() -> Bed {
    bed("srtp = \"optional\"", "")
}

fn print(of: &str) -> Fingerprint {
    Fingerprint::of(Hash::Sha256, of.as_bytes())
}

/// What a browser offers: nowhere yet, everything on one port, its certificate, and a video stream beside.
fn browser(setup: &str, certificate: &str, more: &str) -> String {
    let body = Bed::caller_end().offer("sendrecv");
    let (session, stream) = body.split_once("m=audio ").unwrap();
    let (_, stream) = stream.split_once(' ').unwrap();
    let session: String = session
        .lines()
        .filter(|line| !line.starts_with("c="))
        .map(|line| format!("{line}\r\n"))
        .collect();
    format!(
        "{session}a=group:BUNDLE 0 1\r\nm=audio 9 {}c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
         a=setup:{setup}\r\na=fingerprint:{}\r\n{more}m=video 9 {BROWSER} 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
         a=rtpmap:96 VP8/90000\r\n",
        stream.replacen(PLAIN, BROWSER, 1),
        print(certificate),
    )
}

fn dial(bed: &mut Bed, body: &str) -> Party {
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(body));
    bed.send(A, &invite);
    a
}

fn said(sip: &Sip) -> String {
    sip.sdp().unwrap().to_owned()
}

fn values<'a>(body: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("a={name}:");
    body.lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .collect()
}

/// What the media plane has for a leg.
fn plane(bed: &Bed, leg: usize) -> Option<(Setup, Option<Ice>)> {
    let needs = &bed.world.media.legs()[leg].needs;
    match needs.security.as_ref()? {
        Security::Dtls(dtls) => Some((dtls.setup.clone(), needs.ice.clone())),
        Security::Sdes { .. } => None,
    }
}

/// The call of a browser, answered by the first carrier: both parties and our answer.
fn connected(bed: &mut Bed, body: &str) -> (Party, Party, String) {
    let mut a = dial(bed, body);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    (a, b, said(&ok))
}

/// The caller offers anew, and the carrier answers: what the caller hears.
fn reoffered(bed: &mut Bed, a: &mut Party, b: &mut Party, body: &str) -> String {
    let again = a.request("INVITE").with_sdp(body);
    bed.send(A, &again);
    let at_b = bed.expect(B1, "INVITE");
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    said(&ok)
}

#[test]
fn a_browser_reaches_a_plain_telephone() {
    let mut bed = optional();
    let mut a = dial(&mut bed, &browser("actpass", "browser", ICE));
    let at_b = bed.expect(B1, "INVITE");
    let offered = said(&at_b);
    assert!(offered.contains(" RTP/AVP 0 "), "{offered}");
    for foreign in ["fingerprint", "setup", "ice-", "candidate", "group", "video"] {
        assert!(!offered.contains(foreign), "{foreign} in {offered}");
    }
    assert!(
        !offered.contains("sendonly") && !offered.contains("inactive"),
        "no address yet is no hold: {offered}"
    );
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    bed.wait(10);
    let (setup, _) = plane(&bed, 0).unwrap();
    assert!(!setup.settled, "no answer, no handshake to wait for");

    let answer = Bed::carrier_end(B1).answer(&offered, "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let answer = said(&ok);
    let (session, streams) = answer.split_once("m=audio ").unwrap();
    assert!(session.contains("\r\na=ice-lite\r\n") && session.contains("\r\na=group:BUNDLE 0\r\n"));
    let (audio, video) = streams.split_once("m=video ").unwrap();
    assert!(video.starts_with(&format!("0 {BROWSER} 96\r\n")), "{answer}");
    let port = audio.split(' ').next().unwrap();
    assert!(audio.starts_with(&format!("{port} {BROWSER} 0 ")), "{answer}");
    let ours = Certificate::default();
    assert_eq!(values(audio, "fingerprint"), [format!("{}", ours.fingerprint())]);
    assert_eq!(values(audio, "setup"), ["passive"]);
    assert_eq!(values(audio, "mid"), ["0"]);
    let candidates = values(audio, "candidate");
    let address = sdp::address(&answer);
    assert_eq!(
        candidates,
        [format!("1 1 UDP 2130706431 {address} {port} typ host")]
    );
    assert!(audio.contains("a=end-of-candidates\r\n") && audio.contains("a=rtcp-mux\r\n"));

    let (setup, ice) = plane(&bed, 0).unwrap();
    assert_eq!((setup.role, setup.settled), (Role::Passive, true));
    assert_eq!(setup.expected[..], [print("browser")]);
    let ice = ice.unwrap();
    assert_eq!((ice.remote.as_deref(), ice.lite), (Some("abcd"), false));
    assert_eq!(values(audio, "ice-ufrag"), [&*ice.local.ufrag]);
    assert_eq!(values(audio, "ice-pwd"), [&*ice.local.password]);
    assert!(plane(&bed, 1).is_none() && bed.world.media.legs()[0].mux);
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn what_cannot_or_may_not_be_is_refused() {
    for (policy, body) in [
        ("srtp = \"off\"", browser("actpass", "browser", ICE)),
        (
            "srtp = \"required\"",
            browser("actpass", "browser", ICE).replace("sha-256", "md5"),
        ),
    ] {
        let mut bed = bed(policy, "");
        dial(&mut bed, &body);
        bed.expect(A, "488 INVITE");
    }
}

#[test]
fn who_waits_is_met() {
    for (setup, role, word) in [
        ("passive", Role::Active, "active"),
        ("active", Role::Passive, "passive"),
        ("holdconn", Role::Passive, "passive"),
    ] {
        let mut bed = optional();
        let (mut a, b, answer) = connected(&mut bed, &browser(setup, "browser", ""));
        assert_eq!(values(&answer, "setup"), [word]);
        assert!(!answer.contains("ice"), "who has no ICE hears of none: {answer}");
        let (setup, ice) = plane(&bed, 0).unwrap();
        assert_eq!((setup.role, ice), (role, None));
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}

#[test]
fn an_offer_of_the_same_changes_nothing_and_a_restart_is_answered_with_one() {
    let mut bed = optional();
    let (mut a, mut b, first) = connected(&mut bed, &browser("actpass", "browser", ICE));
    let before = plane(&bed, 0);
    // The same in other words, so that it is not taken for a refresh.
    let words = format!("{ICE}a=x-words:other\r\n");
    let same = reoffered(&mut bed, &mut a, &mut b, &browser("actpass", "browser", &words));
    assert_eq!(same, first, "not even the version has grown");
    assert_eq!(plane(&bed, 0), before);

    let restarted = reoffered(
        &mut bed,
        &mut a,
        &mut b,
        &browser("actpass", "browser", RESTARTED),
    );
    assert_ne!(values(&restarted, "ice-ufrag"), values(&first, "ice-ufrag"));
    assert_ne!(values(&restarted, "ice-pwd"), values(&first, "ice-pwd"));
    let (setup, ice) = plane(&bed, 0).unwrap();
    assert_eq!(ice.unwrap().remote.as_deref(), Some("efgh"));
    assert_eq!(setup, before.unwrap().0, "a restart is no new handshake");

    let renewed = browser("active", "another", RESTARTED);
    reoffered(&mut bed, &mut a, &mut b, &renewed);
    let (setup, _) = plane(&bed, 0).unwrap();
    assert_eq!(setup.expected[..], [print("another")]);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn an_address_that_is_no_candidate_goes_without_ice() {
    let mut bed = optional();
    let candidate = format!("{ICE}a=candidate:1 1 UDP 1 10.0.0.5 4000 typ host\r\n");
    let body = browser("actpass", "browser", &candidate)
        .replace("m=audio 9 ", "m=audio 5000 ")
        .replace("IN IP4 0.0.0.0", "IN IP4 127.0.0.10");
    let (mut a, b, answer) = connected(&mut bed, &body);
    assert!(answer.contains("a=ice-mismatch\r\n"), "{answer}");
    assert!(
        !answer.contains("ice-ufrag") && !answer.contains("ice-lite"),
        "{answer}"
    );
    assert_eq!(plane(&bed, 0).unwrap().1, None);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// The carrier's trunk is offered DTLS-SRTP.
#[test]
fn a_trunk_may_be_offered_handshakes() {
    let keying = "srtp = \"required\"\nsrtp_keying = \"dtls\"";
    for (setup, role) in [("active", Role::Passive), ("passive", Role::Active)] {
        for with_ice in [false, true] {
            let mut bed = bed("", keying);
            let mut a = dial(&mut bed, &Bed::caller_end().offer("sendrecv"));
            let at_b = bed.expect(B1, "INVITE");
            let offered = said(&at_b);
            assert!(offered.contains(" UDP/TLS/RTP/SAVP 0 "), "{offered}");
            assert_eq!(values(&offered, "setup"), ["actpass"]);
            assert!(offered.contains("a=ice-lite\r\n") && offered.contains("a=rtcp-mux\r\n"));
            assert_eq!(values(&offered, "ice-ufrag").len(), 1);
            let b = bed.callee(B1, &at_b);
            let mut answer = Bed::carrier_end(B1).answer(&offered, "sendrecv");
            answer = answer
                .replace(PLAIN, "UDP/TLS/RTP/SAVP")
                .replace("UDP/TLS/UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVP");
            answer.push_str(&format!(
                "a=setup:{setup}\r\na=fingerprint:{}\r\na=rtcp-mux\r\n",
                print("b")
            ));
            if with_ice {
                answer.push_str(ICE);
            }
            bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
            bed.expect(B1, "ACK");
            let ok = bed.expect(A, "200 INVITE");
            let heard = said(&ok);
            assert!(
                heard.contains(" RTP/AVP 0 ") && !heard.contains("fingerprint"),
                "{heard}"
            );
            assert!(
                !heard.contains("rtcp-mux"),
                "the caller has not offered that: {heard}"
            );
            let ack = a.ack(&ok);
            bed.send(A, &ack);
            bed.wait(10);
            let (plane, ice) = plane(&bed, 1).unwrap();
            assert_eq!((plane.role, plane.settled), (role, true));
            assert_eq!(plane.expected[..], [print("b")]);
            assert_eq!(ice.is_some(), with_ice);
            assert!(bed.world.media.legs()[1].mux && !bed.world.media.legs()[0].mux);
            bed.hang_up(&mut a, &b);
            bed.settle_one();
        }
    }
}

#[test]
fn an_answer_without_a_certificate_is_none() {
    let mut bed = bed("", "srtp = \"optional\"\nsrtp_keying = \"dtls\"");
    dial(&mut bed, &Bed::caller_end().offer("sendrecv"));
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    bed.expect(B1, "BYE");
    bed.expect(A, "488 INVITE");
}

#[test]
fn a_call_whose_media_gets_no_keys_is_ended() {
    let mut bed = optional();
    let (_, b, _) = connected(&mut bed, &browser("actpass", "browser", ICE));
    let path = |change| {
        Input::Media(rtp_proto::control::Event::Path {
            id: MediaId(1),
            side: Side::A,
            change,
        })
    };
    bed.world.tell(path(PathChange::Secured));
    bed.world.tell(path(PathChange::Goodbye));
    bed.quiet(A, 100);
    bed.world.tell(path(PathChange::NotSecured(Failure::Fingerprint)));
    bed.serve(B1, &b, "BYE", 200);
    let bye = bed.expect(A, "BYE");
    assert!(bye.write().contains("cause=88"), "{}", bye.write());
}

/// The called side refreshes with the bytes of its answer: it is answered in its role, not offered a choice (RFC 5763 §5).
#[test]
fn a_refresh_by_whoever_has_answered_is_no_offer_again() {
    let mut bed = bed("", "srtp = \"required\"\nsrtp_keying = \"dtls\"");
    let mut a = dial(&mut bed, &Bed::caller_end().offer("sendrecv"));
    let at_b = bed.expect(B1, "INVITE");
    let mut b = bed.callee(B1, &at_b);
    let answer = Bed::carrier_end(B1).answer(&said(&at_b), "sendrecv");
    let answer = answer.replace(" RTP/AVP", " UDP/TLS/RTP/SAVP")
        + &format!("a=setup:active\r\na=fingerprint:{}\r\na=rtcp-mux\r\n", print("b"));
    bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let before = plane(&bed, 1);
    let refresh = b.invite(Some(&answer));
    bed.send(B1, &refresh);
    let at_a = bed.expect(A, "INVITE");
    let own = Bed::caller_end().answer(&said(&at_a), "sendrecv");
    bed.send(A, &a.reply(&at_a, 200, Some(&own)));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(10);
    assert_eq!(values(&said(&ok), "setup"), ["passive"]);
    assert_eq!(plane(&bed, 1), before);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// Who rings, or hears it ring, may make nothing of SDP in a 18x: the time for a handshake runs from the answer, on both legs.
#[test]
fn no_handshake_is_waited_for_before_the_answer() {
    let keying = "srtp = \"required\"\nsrtp_keying = \"dtls\"";
    for early in [true, false] {
        let mut bed = Bed::changed(&[
            ("name = \"pbx\"", "srtp = \"optional\"\nringback = \"ring\""),
            ("name = \"b1\"", keying),
            ("", "[[sound]]\nname = \"ring\"\ntone = \"ringback\"\n"),
        ]);
        let mut a = dial(&mut bed, &browser("actpass", "browser", ICE));
        let at_b = bed.expect(B1, "INVITE");
        let b = bed.callee(B1, &at_b);
        let answer = Bed::carrier_end(B1).answer(&said(&at_b), "sendrecv");
        let answer = answer.replace(PLAIN, "UDP/TLS/RTP/SAVP")
            + &format!("a=setup:active\r\na=fingerprint:{}\r\na=rtcp-mux\r\n", print("b"));
        bed.send(B1, &b.reply(&at_b, 183, early.then_some(answer.as_str())));
        assert!(bed.expect(A, "183 INVITE").sdp().is_some());
        bed.wait(10);
        let settled = |bed: &Bed| [0, 1].map(|leg| plane(bed, leg).unwrap().0.settled);
        assert_eq!(plane(&bed, 0).unwrap().0.expected[..], [print("browser")]);
        assert_eq!(settled(&bed), [false, false], "early media: {early}");
        bed.send(B1, &b.reply(&at_b, 200, Some(&answer)));
        bed.expect(B1, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        assert_eq!(settled(&bed), [true, true]);
        bed.hang_up(&mut a, &b);
        bed.settle_one();
    }
}
