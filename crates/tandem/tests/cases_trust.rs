//! What one side may see of the other, who may call at all, and messages written in every way that RFC 3261 allows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message};
use support::{
    MOMENT, NUMBER, check, header, invite_of, is, is_answer, ms, quick, reply_raw, request, text, uri, values,
};
use testbed::{Bed, SipPeer, sdp};

/// A caller whose every header and SDP line names its own network.
struct Talkative<'b> {
    bed: &'b Bed,
    peer: &'b SipPeer,
    call_id: String,
}

const INSIDE: &str = "secret-host.internal";

impl Talkative<'_> {
    fn request(&self, method: &str, cseq: u32, branch: u32, to_tag: &str, body: Option<&str>) -> String {
        let (a, sut) = (self.bed.places.a, self.bed.places.sut);
        let mut lines = vec![
            format!("Via: SIP/2.0/UDP {a};branch=z9hG4bKinside{branch};rport"),
            format!("From: \"Alice\" <sip:+442071838750@{INSIDE}>;tag=insidetag"),
            format!("To: <sip:{NUMBER}@{sut}>{to_tag}"),
            format!("Call-ID: {}", self.call_id),
            format!("CSeq: {cseq} {method}"),
            "Max-Forwards: 70".to_owned(),
        ];
        if method == "REFER" {
            lines.extend([
                format!(
                    "Refer-To: \"Desk\" <sip:{NUMBER};desk={INSIDE}@{INSIDE};x={INSIDE}?X-Internal={INSIDE}>"
                ),
                format!("Referred-By: \"Alice\" <sip:alice@{INSIDE}>;cid=\"1@{INSIDE}\""),
            ]);
        }
        if matches!(method, "INVITE" | "REFER") {
            lines.extend([
                format!("Via: SIP/2.0/UDP {INSIDE}:5062;branch=z9hG4bKfarther"),
                format!("Record-Route: <sip:{a};lr;node={INSIDE}>"),
                format!("Contact: <sip:alice@{a};host={INSIDE}>"),
                format!("User-Agent: PBX ({INSIDE})"),
                format!("X-Internal: {INSIDE}"),
                "X-Campaign: spring".to_owned(),
                format!("P-Asserted-Identity: \"Alice\" <sip:alice@{INSIDE}>"),
                format!("P-Preferred-Identity: <sip:alice@{INSIDE}>"),
                format!("Remote-Party-ID: <sip:alice@{INSIDE}:5062>;party=calling;id-type=subscriber;node={INSIDE}"),
                format!("Diversion: <sip:desk@{INSIDE}>;reason=\"no-answer\";counter=1;ext={INSIDE}"),
                format!(
                    "History-Info: <sip:reception@{INSIDE}>;index=1, <sip:desk@{INSIDE};cause=486?Reason=SIP%3Btext%3D{INSIDE}>;\
                     index=1.1;mp=1, <sip:{NUMBER}@{INSIDE};cause=408>;index=1.1.1;mp=1.1"
                ),
                format!("Call-Info: <http://{INSIDE}/card>"),
                "Reason: SIP;cause=200;text=\"secret-host.internal\"".to_owned(),
            ]);
        }
        request(method, &format!("sip:{NUMBER}@{sut}"), &lines, body)
    }

    fn send(&self, text: &str) {
        self.peer.send_raw(self.peer.sut(), text.as_bytes());
    }

    fn answer(&self, status: u16, method: &'static str) -> Message {
        self.peer
            .wait(&format!("{status} to {method}"), is_answer(status, method))
            .message
    }

    fn offer(&self, version: u64, direction: &str) -> String {
        let plain = sdp::session(self.bed.places.rtp_a, version, direction);
        let (head, media) = plain.split_once("t=0 0").unwrap();
        let port = self.bed.places.rtp_a.port() + 1;
        let ip = self.bed.places.rtp_a.ip();
        format!(
            "{head}t=0 0{media}a=rtcp:{port} IN IP4 {ip}\r\na=candidate:1 1 UDP 2130706431 {ip} 20000 typ host\r\n\
             a=ssrc:1 cname:alice@{INSIDE}\r\na=x-vendor:{INSIDE}\r\n"
        )
        .replace("s=-", &format!("s={INSIDE}"))
        .replacen(&format!("IN IP4 {ip}"), &format!("IN IP4 {INSIDE}"), 1)
    }
}

fn assert_clean(message: &Message, secrets: &[String]) {
    let text = text(message.raw());
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{secret:?} shows in\n{text}");
    }
}

/// A call with re-INVITE, REFER, BYE and CANCEL, a refusal and a redirection: neither side sees an address, a name, a tag or a Call-ID of
/// the other; a header that the trunk lets through does pass.
#[test]
fn se_01_nothing_of_one_network_shows_in_the_other() {
    for identity in IDENTITIES {
        nothing_shows(identity);
    }
}

/// From a network that tells nothing of who calls to one that is told everything there is to tell, in every header.
const IDENTITIES: [[&str; 2]; 3] = [
    ["{}", "{}"],
    [
        "{ trust = true, assert = \"p-asserted-identity\", connected = true }",
        "{ trust = true, assert = [\"p-asserted-identity\", \"p-preferred-identity\", \"remote-party-id\"], diversion = \"pass\" }",
    ],
    [
        "{ caller = [\"remote-party-id\", \"from\"], assert = \"remote-party-id\", connected = true }",
        "{ trust = true, privacy = \"pass\", assert = \"remote-party-id\", diversion = \"history-info\" }",
    ],
];

fn nothing_shows([inside, beyond]: [&str; 2]) {
    let bed = quick(|setup| {
        setup
            .key("pbx", &format!("identity = {inside}"))
            .key("b1", &format!("identity = {beyond}"))
            .key("b1", "pass_headers = [\"X-Campaign\", \"X-Reply\"]")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let caller = |n: u32| Talkative {
        bed: &bed,
        peer: &alice,
        call_id: format!("{n}-inside@{INSIDE}"),
    };
    let a_secrets = [
        INSIDE.to_owned(),
        bed.places.a.ip().to_string(),
        "insidetag".to_owned(),
    ];
    let mut b_secrets = vec!["outside.example".to_owned(), bed.places.b1.ip().to_string()];
    let (b1, rtp_b1) = (bed.places.b1, bed.places.rtp_b1);
    let contact = format!("<sip:bob@{b1};via=outside.example>");
    let outside = [
        ("Contact", contact.as_str()),
        ("Server", "outside.example switch"),
        ("X-Node", "outside.example"),
        ("Warning", "399 outside.example \"busy\""),
        ("P-Asserted-Identity", "\"Bob\" <sip:bob@outside.example>"),
        (
            "Remote-Party-ID",
            "<sip:bob@outside.example>;party=called;privacy=off",
        ),
        ("Reason", "Q.850;cause=17;text=\"outside.example\""),
        ("X-Reply", "welcome"),
    ];
    let answer_sdp = |version, direction| {
        let plain = sdp::session(rtp_b1, version, direction).replace("s=-", "s=outside.example");
        let named = plain.replacen(&format!("IN IP4 {}", b1.ip()), "IN IP4 outside.example", 1);
        named + "a=x-vendor:outside.example\r\n"
    };

    let first = caller(1);
    first.send(&first.request("INVITE", 1, 1, "", Some(&first.offer(0, "sendrecv"))));
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    b_secrets.extend([leg.call_id(), leg.tag()]);
    let mut to_b = vec![invite.clone()];
    assert_eq!(
        text(invite.header_named("X-Campaign").unwrap_or_default()),
        "spring"
    );
    reply_raw(
        &bob,
        &invite,
        183,
        &leg.tag(),
        &outside,
        Some(&answer_sdp(0, "sendrecv")),
    );
    let mut to_a = vec![first.answer(100, "INVITE"), first.answer(183, "INVITE")];
    reply_raw(
        &bob,
        &invite,
        200,
        &leg.tag(),
        &outside,
        Some(&answer_sdp(0, "sendrecv")),
    );
    to_a.push(first.answer(200, "INVITE"));
    assert_eq!(
        text(to_a[1].header_named("X-Reply").unwrap_or_default()),
        "welcome"
    );
    let told = to_a[1]
        .header(HeaderId::PAssertedIdentity)
        .or(to_a[1].header(HeaderId::RemotePartyId));
    assert_eq!(told.is_some(), beyond != "{}", "{:?}", told.map(text));
    let tag = format!(";tag={}", text(to_a[1].to_tag().unwrap()));
    first.send(&first.request("ACK", 1, 2, &tag, None));
    to_b.push(leg.expect_request("ACK"));
    first.send(&first.request("INVITE", 2, 3, &tag, Some(&first.offer(1, "sendonly"))));
    let reinvite = leg.expect_request("INVITE");
    reply_raw(
        &bob,
        &reinvite,
        200,
        "",
        &outside,
        Some(&answer_sdp(1, "recvonly")),
    );
    to_a.push(first.answer(200, "INVITE"));
    first.send(&first.request("ACK", 2, 4, &tag, None));
    to_b.extend([reinvite, leg.expect_request("ACK")]);
    first.send(&first.request("REFER", 3, 6, &tag, None));
    to_a.push(first.answer(202, "REFER"));
    let target = bob.incoming();
    reply_raw(&bob, &invite_of(&target), 180, &target.tag(), &outside, None);
    reply_raw(&bob, &invite_of(&target), 486, &target.tag(), &outside, None);
    to_b.extend([invite_of(&target), target.expect_request("ACK")]);
    b_secrets.extend([target.call_id(), target.tag()]);
    for status in [100, 180, 486] {
        let notify = alice.wait("NOTIFY", is("NOTIFY")).message;
        assert!(text(&notify.body()).starts_with(&format!("SIP/2.0 {status} ")));
        reply_raw(&alice, &notify, 200, "", &[], None);
        to_a.push(notify);
    }
    first.send(&first.request("BYE", 4, 5, &tag, None));
    let bye = leg.expect_request("BYE");
    reply_raw(&bob, &bye, 200, "", &outside[1..], None);
    to_b.push(bye);
    to_a.push(first.answer(200, "BYE"));

    for (n, status) in (2..).zip([486, 302, 0]) {
        let next = caller(n);
        next.send(&next.request("INVITE", 1, 10 * n, "", Some(&next.offer(0, "sendrecv"))));
        let leg = bob.incoming();
        let invite = invite_of(&leg);
        to_b.push(invite.clone());
        if status == 0 {
            reply_raw(&bob, &invite, 180, &leg.tag(), &outside, None);
            to_a.push(next.answer(180, "INVITE"));
            next.send(&next.request("CANCEL", 1, 10 * n, "", None));
            to_a.push(next.answer(200, "CANCEL"));
            let cancel = leg.ok("CANCEL");
            to_b.push(cancel);
        }
        let status = if status == 0 { 487 } else { status };
        reply_raw(&bob, &invite, status, &leg.tag(), &outside, None);
        to_b.push(leg.expect_request("ACK"));
        let refusal = next.answer(status, "INVITE");
        if status == 302 {
            let contact = header(&refusal, HeaderId::Contact);
            assert_eq!(contact, format!("<sip:bob@{}>", bed.places.sut));
        }
        to_a.push(refusal);
        let tag = format!(";tag={}", text(to_a.last().and_then(Message::to_tag).unwrap()));
        next.send(&next.request("ACK", 1, 10 * n, &tag, None));
        b_secrets.extend([leg.call_id(), leg.tag()]);
    }
    to_b.iter().for_each(|message| assert_clean(message, &a_secrets));
    // A's own secrets come back to it in Via, From and Call-ID, as they must; B1's must not come.
    to_a.iter().for_each(|message| assert_clean(message, &b_secrets));
    bed.finish_lingering(4, 4);
}

/// RFC 3261 §8.2, by source: a network of carriers calls in without a challenge though it challenges us; its neighbour, a
/// stranger and a stranger in its clothes are refused, and no port is taken for them.
#[test]
fn se_03_trunks_are_known_by_where_they_come_from() {
    let carrier = [
        "role = \"carrier\"",
        "targets = [{ uri = \"sip:{b1}\" }]",
        "sources = [\"{b1.ip}/31\"]",
        "auth = { username = \"us\", password = \"secret\" }",
    ];
    let rules = "[[number]]\nmatch = \"+4420718387*\"\nto = \"pbx\"\n[[number]]\nmatch = \"+442079460001\"\nto = \"pbx2\"";
    let bed = quick(|setup| {
        setup
            .without("b1")
            .without("b2")
            .trunk("carrier", &carrier)
            .trunk("pbx2", &["role = \"customer\"", "sources = [\"{x}\"]"])
            .extra(rules)
    });
    let (alice, other) = (bed.peer_a(), bed.peer("PBX 2", bed.places.x));
    let neighbour = (std::net::Ipv4Addr::from_bits(ip_bits(bed.places.b1) + 2), 5080).into();
    let carriers = [bed.peer_b1(), bed.peer_b2()];
    let mut calls = 0;
    let numbers = [
        "sip:+442071838750@{}",
        "sip:442071838750@{}",
        "sip:+442071838750@{};user=phone",
        "tel:+442071838750",
    ];
    for carrier in &carriers {
        for number in numbers {
            let target = number.replace("{}", &bed.places.sut.to_string());
            let id = format!("{calls}-{}", carrier.local());
            carrier.send_raw(
                carrier.sut(),
                inbound(carrier, &id, &target, "carrier.example", &bed).as_bytes(),
            );
            refuse_as(&alice, carrier);
            calls += 1;
        }
    }
    // Another number, another customer.
    let carrier = &carriers[0];
    let target = format!("sip:+442079460001@{}", bed.places.sut);
    carrier.send_raw(
        carrier.sut(),
        inbound(carrier, "did", &target, "carrier.example", &bed).as_bytes(),
    );
    refuse_as(&other, carrier);
    // A number that nobody here has.
    let target = format!("sip:+33123456789@{}", bed.places.sut);
    carrier.send_raw(
        carrier.sut(),
        inbound(carrier, "none", &target, "carrier.example", &bed).as_bytes(),
    );
    carrier.wait("404", is_answer(404, "INVITE"));
    calls += 2;
    let strangers = [
        bed.peer("neighbour", neighbour),
        bed.peer("carrier's port", (bed.places.rtp_x.ip(), 5080).into()),
    ];
    for stranger in &strangers {
        for host in ["stranger.example".to_owned(), bed.places.b1.to_string()] {
            let target = format!("sip:+442071838750@{}", bed.places.sut);
            stranger.send_raw(
                stranger.sut(),
                inbound(stranger, &host, &target, &host, &bed).as_bytes(),
            );
            let refusal = stranger.wait("a refusal", |incoming| incoming.message.status() >= Some(200));
            assert_eq!(refusal.message.status(), Some(403));
        }
    }
    assert_eq!(bed.metrics().sum("tandem_ports"), Some(0.0));
    alice.expect_silence(MOMENT);
    bed.finish_lingering(calls, calls);
}

fn ip_bits(at: std::net::SocketAddr) -> u32 {
    match at {
        std::net::SocketAddr::V4(at) => at.ip().to_bits(),
        std::net::SocketAddr::V6(_) => 0,
    }
}

fn inbound(peer: &SipPeer, id: &str, target: &str, host: &str, bed: &Bed) -> String {
    let local = peer.local();
    let lines = [
        format!("Via: SIP/2.0/UDP {local};branch=z9hG4bK{};rport", peer.mint("in")),
        format!("From: <sip:+12125550123@{host}>;tag={}", peer.mint("t")),
        format!("To: <{target}>"),
        format!("Call-ID: {id}"),
        "CSeq: 1 INVITE".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:{local}>"),
    ];
    request("INVITE", target, &lines, Some(&sdp::offer(bed.places.rtp_b1)))
}

/// The called party is busy; the calling one hears just that, never a challenge.
fn refuse_as(called: &SipPeer, calling: &SipPeer) {
    let leg = called.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    let answer = calling.wait("an answer", |incoming| incoming.message.status() >= Some(200));
    assert_eq!(answer.message.status(), Some(486));
}

/// RFC 3261 §7.3: compact names, folded lines, any case, blanks around colons, two Vias on one line; and back in the same shape.
#[test]
fn px_03_compact_folded_and_oddly_cased_call() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (a, sut) = (bed.places.a, bed.places.sut);
    let odd = |method: &str, cseq: u32, branch: &str, to: &str, body: &str| {
        let typed = if body.is_empty() {
            ""
        } else {
            "c :\r\n application/sdp\r\n"
        };
        format!(
            "{method} sip:{NUMBER}@{sut} SIP/2.0\r\nv:SIP/2.0/UDP {a} ;branch=z9hG4bK{branch}; rport ,\r\n\tSIP / 2.0 / UDP \
             192.0.2.9 ; branch=z9hG4bKfar\r\nMAX-forwards :  70\r\nf: \"Al\r\n ice\"\r\n <sip:+442071838750@{a}>\r\n \
             ;tag=odd\r\nt: <sip:{NUMBER}@{sut}>{to}\r\ni:odd-call\r\ncSEQ: {cseq}\r\n  {method}\r\nM: <sip:{a}>\r\nk: timer,\r\n \
             path\r\ns:\r\n{typed}l: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let send = |text: String| alice.send_raw(sut, text.as_bytes());
    send(odd("INVITE", 1, "one", "", &sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    assert_eq!(uri(&invite_of(&leg)), format!("sip:{NUMBER}@{}", bed.places.b1));
    leg.reply(180);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let ringing = alice.wait("180", is_answer(180, "INVITE")).message;
    let ok = alice.wait("200", is_answer(200, "INVITE")).message;
    for answer in [&ringing, &ok] {
        let vias = values(answer, HeaderId::Via);
        assert!(vias.len() == 2 && vias[1].contains("192.0.2.9"), "{vias:?}");
        assert_eq!((answer.call_id(), answer.cseq().0), (&b"odd-call"[..], 1));
    }
    let to = format!(" ;\r\n tag = {}", text(ok.to_tag().unwrap()));
    send(odd("ACK", 1, "two", &to, ""));
    leg.expect_request("ACK");
    send(odd(
        "INVITE",
        2,
        "three",
        &to,
        &sdp::session(bed.places.rtp_a, 1, "sendonly"),
    ));
    assert_eq!(sdp::direction(&leg.expect_request("INVITE").body()), "sendonly");
    leg.answer(&sdp::session(bed.places.rtp_b1, 1, "recvonly"));
    alice.wait("200", is_answer(200, "INVITE"));
    send(odd("ACK", 2, "four", &to, ""));
    leg.expect_request("ACK");
    send(odd("BYE", 3, "five", &to, ""));
    leg.ok("BYE");
    alice.wait("200", is_answer(200, "BYE"));
    bob.expect_silence(ms(100));
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §12.2.1.1 for every kind of Contact: requests go to it as it was written, not a byte less.
#[test]
fn px_01_contact_is_taken_whole() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let b1 = bed.places.b1;
    let gruu = format!("sip:bob@{b1};gr=urn:uuid:c8651907-f0b2-0027-bdbd-ce4ed05c9ef4;transport=udp");
    let plain = format!("sip:bob@{b1}");
    let called = format!("sip:{NUMBER}@{b1}");
    let contacts = [
        (
            format!("<{gruu}>;+org.linphone.specs=\"ephemeral/1.1,groupchat/1.1\""),
            &gruu,
        ),
        (format!("\"B, C\" <{plain}>"), &plain),
        (format!("{plain};expires=5"), &plain),
        (format!("\"a>b;c\" <{gruu}> ; q=0.5"), &gruu),
        // Headers have no place in a Request-URI (§19.1.1), and what is no URI is no target.
        (format!("<{plain}?Subject=x&Priority=urgent>"), &plain),
        (format!("<{gruu}?Replaces=x%40y>;expires=5"), &gruu),
        (format!("<{plain}0000>"), &called),
    ];
    for (contact, target) in &contacts {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let answer = sdp::offer(bed.places.rtp_b1);
        reply_raw(
            &bob,
            &invite_of(&leg),
            200,
            &leg.tag(),
            &[("Contact", contact)],
            Some(&answer),
        );
        call.expect(200);
        call.ack();
        assert_eq!(&uri(&leg.expect_request("ACK")), *target);
        call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
        let reinvite = leg.expect_request("INVITE");
        assert_eq!(&uri(&reinvite), *target);
        reply_raw(
            &bob,
            &reinvite,
            200,
            &leg.tag(),
            &[("Contact", contact)],
            Some(&answer),
        );
        call.expect(200);
        call.ack();
        leg.expect_request("ACK");
        call.bye();
        assert_eq!(&uri(&leg.ok("BYE")), *target);
        call.expect(200);
    }
    // The caller's as well.
    let there = bed.places.a;
    let lines = inbound(
        &alice,
        "headers",
        &format!("sip:{NUMBER}@{}", bed.places.sut),
        "a",
        &bed,
    );
    let own = format!("<sip:{there}>\r\n");
    alice.send_raw(
        alice.sut(),
        lines
            .replacen(&own, &format!("<sip:me@{there}?Subject=x>\r\n"), 1)
            .as_bytes(),
    );
    let leg = bob.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let ok = alice.wait("200", is_answer(200, "INVITE")).message;
    let head: Vec<&str> = lines
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("To:") && !line.starts_with("Content-"))
        .collect();
    let ack = head
        .join("\r\n")
        .replace("INVITE", "ACK")
        .replacen("z9hG4bK", "z9hG4bKack", 1);
    let ack = format!(
        "{ack}\r\nTo: {}\r\nContent-Length: 0\r\n\r\n",
        header(&ok, HeaderId::To)
    );
    alice.send_raw(alice.sut(), ack.as_bytes());
    leg.expect_request("ACK");
    leg.bye();
    let bye = alice.wait("BYE", is("BYE")).message;
    assert_eq!(uri(&bye), format!("sip:me@{there}"));
    reply_raw(&alice, &bye, 200, "", &[], None);
    leg.expect(200);
    bed.finish(contacts.len() + 1);
}
