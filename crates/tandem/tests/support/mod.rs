//! What the end-to-end tests share: a bed, a call that is up, and messages that testbed's polite peers would not send.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a program of its own and uses a part of this"
)]

pub mod browser;
pub mod connected;
#[macro_use]
pub mod engines;
pub mod odd;
pub mod phone;
pub mod secure;
pub mod siege;
pub mod speech;
pub mod swarm;
pub mod voice;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message};
use testbed::bulk::Held;
use testbed::sip::Incoming;
use testbed::{Bed, Call, Record, Setup, SipPeer, sdp};

/// Whom everybody calls.
pub const NUMBER: &str = "+442079460000";

/// Long enough for what must not come, short beside a timer.
pub const MOMENT: Duration = Duration::from_millis(150);

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A daemon with the default trunks and T1 = 25 ms, changed by `setup`: for all that isn't about timers.
pub fn quick(setup: impl FnOnce(Setup) -> Setup) -> Bed {
    bed(|base| setup(base.t1_ms(25)))
}

/// A daemon with the default trunks and T1 = 50 ms, changed by `setup`.
pub fn bed(setup: impl FnOnce(Setup) -> Setup) -> Bed {
    let setup = engines::chosen(setup(Setup::default()));
    Bed::start(env!("CARGO_BIN_EXE_tandem"), setup)
}

/// Alice calls, Bob rings and answers, Alice acknowledges; media at the places that the bed has for it.
pub fn talk<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer) -> Held<'p> {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    let b_to = sdp::audio(&invite_of(&leg).body());
    leg.reply(180);
    call.expect(180);
    let a_to = connect(&call, &leg, &sdp::offer(bed.places.rtp_b1));
    Held {
        call,
        leg,
        a_to,
        b_to,
    }
}

/// The called side answers, the caller acknowledges; where the caller is to send media to.
pub fn connect(call: &Call<'_>, leg: &Call<'_>, answer: &str) -> SocketAddr {
    leg.answer(answer);
    let a_to = sdp::audio(&call.expect(200).body());
    call.ack();
    leg.expect_request("ACK");
    a_to
}

/// The first hangs up.
pub fn hang_up(first: &Call<'_>, other: &Call<'_>) {
    first.bye();
    other.ok("BYE");
    first.expect(200);
}

/// The 200's body; what comes before it is passed over.
pub fn answered(call: &Call<'_>) -> Vec<u8> {
    call.expect(180);
    call.expect(200).body().to_vec()
}

/// Waits until this holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(ms(10));
    }
}

/// The INVITE by which a called party came to know of the call.
pub fn invite_of(leg: &Call<'_>) -> Message {
    leg.invite.clone().expect("a called party has the INVITE")
}

/// Holds of a request with this method.
pub fn is(method: &'static str) -> impl Fn(&Incoming) -> bool {
    move |incoming| method_of(&incoming.message) == method
}

/// Holds of a response with this status to this method.
pub fn is_answer(status: u16, method: &'static str) -> impl Fn(&Incoming) -> bool {
    move |incoming| {
        incoming.message.status() == Some(status) && incoming.message.cseq().1.as_bytes() == method.as_bytes()
    }
}

/// The method of a request; empty for a response.
pub fn method_of(message: &Message) -> String {
    message.method().map(|m| text(m.as_bytes())).unwrap_or_default()
}

/// Octets as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A header's value; empty when it isn't there.
pub fn header(message: &Message, id: HeaderId) -> String {
    text(message.header(id).unwrap_or_default())
}

/// The values of a header, over all its lines.
pub fn values(message: &Message, id: HeaderId) -> Vec<String> {
    message.values(id).map(text).collect()
}

/// The Request-URI.
pub fn uri(message: &Message) -> String {
    text(message.uri())
}

/// When the messages for which `wanted` holds came, copies included, since `start`, in milliseconds.
pub fn copies(peer: &SipPeer, start: Instant, wanted: impl Fn(&Incoming) -> bool) -> Vec<u64> {
    let times = RefCell::new(Vec::new());
    peer.repeats(|incoming| {
        if wanted(incoming) {
            let since = incoming.at.saturating_duration_since(start);
            times
                .borrow_mut()
                .push(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        }
        false
    });
    times.into_inner()
}

/// Reads at all peers in turn, so that the times of what comes are right to a few milliseconds.
pub fn listen_all(peers: &[&SipPeer], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        for peer in peers {
            peer.listen(ms(3));
        }
    }
}

/// Answers a request of `leg` with full control over the headers: nothing but Via, From, To (with `tag`), Call-ID, CSeq and
/// Content-Length is written besides `headers`.
pub fn reply_raw(
    peer: &SipPeer,
    request: &Message,
    status: u16,
    tag: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) {
    let out = reply_text(request, status, tag, headers, body);
    peer.send_raw(peer.sut(), out.as_bytes());
}

/// Its text.
pub fn reply_text(
    request: &Message,
    status: u16,
    tag: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> String {
    let mut out = format!("SIP/2.0 {status} {}\r\n", sip_msg::status_reason(status));
    for header in request.headers() {
        let value = text(header.value);
        match header.id {
            HeaderId::Via | HeaderId::From | HeaderId::CallId | HeaderId::CSeq => {
                let _ = write!(out, "{}: {value}\r\n", header.id.name());
            }
            HeaderId::To if request.to_tag().is_none() => {
                let _ = write!(out, "To: {value};tag={tag}\r\n");
            }
            HeaderId::To => {
                let _ = write!(out, "To: {value}\r\n");
            }
            _ => {}
        }
    }
    finish(&mut out, headers, body);
    out
}

/// A request in the dialog of `leg`, the called side, as `from` would send it, CSeq by hand.
pub fn called_request(
    leg: &Call<'_>,
    from: SocketAddr,
    method: &str,
    cseq: u32,
    body: Option<&str>,
) -> String {
    let invite = invite_of(leg);
    let target = invite
        .contact()
        .map(|contact| text(contact.uri))
        .unwrap_or_default();
    let mut out = format!("{method} {target} SIP/2.0\r\n");
    let branch = format!("z9hG4bK{cseq}{}{}", from.port(), leg.tag());
    let _ = write!(out, "Via: SIP/2.0/UDP {from};branch={branch};rport\r\n");
    let _ = write!(
        out,
        "From: {};tag={}\r\nTo: {}\r\n",
        header(&invite, HeaderId::To),
        leg.tag(),
        header(&invite, HeaderId::From)
    );
    let _ = write!(
        out,
        "Call-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n",
        leg.call_id()
    );
    let contact = format!("<sip:bob@{from}>");
    finish(&mut out, &[("Contact", &contact)], body);
    out
}

/// A request that begins something, written from scratch: what `lines` don't say it has not got.
pub fn request(method: &str, uri: &str, lines: &[String], body: Option<&str>) -> String {
    let mut out = format!("{method} {uri} SIP/2.0\r\n");
    for line in lines {
        let _ = write!(out, "{line}\r\n");
    }
    finish(&mut out, &[], body);
    out
}

fn finish(out: &mut String, headers: &[(&str, &str)], body: Option<&str>) {
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    if body.is_some() {
        out.push_str("Content-Type: application/sdp\r\n");
    }
    let body = body.unwrap_or_default();
    let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
}

/// Asks OPTIONS from `peer` until an answer comes within 50 ms, three times at most. Gives the status.
///
/// One slow answer is the test machine's; three are the switch's.
pub fn options_within_50_ms(peer: &SipPeer) -> u16 {
    let sut = peer.sut();
    for _ in 0..3 {
        let (branch, call_id, tag) = (peer.mint("z9hG4bK"), peer.mint("options-"), peer.mint("o"));
        let lines = [
            format!("Via: SIP/2.0/UDP {};branch={branch};rport", peer.local()),
            format!("From: <sip:probe@{}>;tag={tag}", peer.local()),
            format!("To: <sip:{sut}>"),
            format!("Call-ID: {call_id}"),
            "CSeq: 1 OPTIONS".to_owned(),
            "Max-Forwards: 70".to_owned(),
        ];
        peer.send_raw(
            sut,
            request("OPTIONS", &format!("sip:{sut}"), &lines, None).as_bytes(),
        );
        let ours = |incoming: &Incoming| incoming.message.call_id() == call_id.as_bytes();
        if let Some(answer) = peer.wait_for("OPTIONS", ms(50), ours) {
            return answer.message.status().unwrap_or_default();
        }
    }
    peer.fail("OPTIONS is not answered within 50 ms")
}

/// Fails unless the record says this of its call: cause, status, who ended it, number of attempts.
pub fn check(record: &Record, kind: &str, status: u64, by: &str, attempts: usize) {
    let said = (
        record.text("cause.kind"),
        record.number("cause.sip"),
        record.text("hung_up_by"),
        record.count("attempts"),
    );
    assert_eq!(said, (kind, status, by, attempts), "{record:#?}");
}

/// How many calls the switch says that it has had: so many records there have to be.
pub fn calls_had(bed: &Bed) -> usize {
    let metrics = bed.metrics();
    let of = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        metrics
            .sum_where("tandem_calls_total", &label)
            .unwrap_or_default()
    };
    (of("admitted") + of("refused-limit")) as usize
}

/// Whether the tests run as long as they are to run before a release.
pub fn is_acceptance() -> bool {
    std::env::var_os("TANDEM_ACCEPT").is_some()
}

/// A request outside of any dialog, from `peer` to `target`.
pub fn page(peer: &SipPeer, method: &str, target: &str, lines: &[(&str, &str)], body: &str) {
    let local = peer.local();
    let mut all = format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={};rport\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:+442071838750@inside.example>;tag={}\r\nTo: <{target}>\r\nCall-ID: {}@inside.example\r\n\
         CSeq: 1 {method}\r\n",
        peer.mint("z9hG4bK"),
        peer.mint("t"),
        peer.mint("page-"),
    );
    for (name, value) in lines {
        all.push_str(&format!("{name}: {value}\r\n"));
    }
    all.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    peer.send_raw(peer.sut(), all.as_bytes());
}

pub fn target(bed: &Bed, number: &str) -> String {
    format!("sip:{number}@{}", bed.places.sut)
}
