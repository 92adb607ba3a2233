//! How calls sound: RTCP made here, figures of quality in the record, sides that are not heard.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{NUMBER, check, connect, engines, invite_of, ms, quick, talk};
use testbed::bulk::Held;
use testbed::rtp::{RtpPeer, Stream};
use testbed::{Bed, Record, Setup, SipPeer, sdp};

const FRAME: Duration = Duration::from_millis(20);

fn rtcp(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port() + 1)
}

/// Both ends of a call's media.
struct Media {
    a: RtpPeer,
    b: RtpPeer,
    to: (SocketAddr, SocketAddr),
    /// Packets of each side so far.
    sent: usize,
}

impl Media {
    fn of(bed: &Bed, held: &Held<'_>) -> Self {
        Self {
            a: RtpPeer::bind(bed.places.rtp_a),
            b: RtpPeer::bind(bed.places.rtp_b1),
            to: (held.a_to, held.b_to),
            sent: 0,
        }
    }

    /// Twenty milliseconds a packet; `a` and `b`: whether the packet with this number is sent.
    fn talk(&mut self, packets: usize, a: impl Fn(usize) -> bool, b: impl Fn(usize) -> bool) {
        let start = Instant::now();
        let (from_a, from_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
        for n in 0..packets {
            thread::sleep((start + FRAME * n as u32).saturating_duration_since(Instant::now()));
            let number = self.sent + n;
            if a(number) {
                self.a.send(self.to.0, &from_a.packet(number));
            }
            if b(number) {
                self.b.send(self.to.1, &from_b.packet(number));
            }
            if n % 50 == 49 {
                let _ = (self.a.collect(200, ms(1)), self.b.collect(200, ms(1)));
            }
        }
        self.sent += packets;
    }

    /// Both speak; what arrives is left where it is.
    fn speak(&mut self, packets: usize) {
        debug_assert!(packets < 50);
        self.talk(packets, all, all);
    }
}

fn all(_: usize) -> bool {
    true
}

fn none(_: usize) -> bool {
    false
}

/// The packets of a compound: type and bytes.
fn parts(mut compound: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut parts = Vec::new();
    while let [_, kind, high, low, ..] = compound {
        let length = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
        let (part, rest) = compound.split_at(length);
        parts.push((*kind, part.to_vec()));
        compound = rest;
    }
    assert!(compound.is_empty(), "{compound:?}");
    parts
}

fn kinds(compound: &[u8]) -> Vec<u8> {
    parts(compound).into_iter().map(|(kind, _)| kind).collect()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// A sender report of this SSRC.
fn sender_report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0, 0, 0, 1, 2, 3, 4, 5]);
    packet.extend([0; 12]);
    packet
}

fn both(setup: Setup, line: &str) -> Setup {
    setup.key("pbx", line).key("b1", line)
}

/// A call whose caller wants RTCP on its RTP port or beside it, and where each side's RTCP arrives.
struct Reported<'p> {
    held: Held<'p>,
    media: Media,
    /// A's RTCP port, if it has one of its own.
    apart: Option<RtpPeer>,
    rtcp_b: RtpPeer,
    to_a: Vec<Vec<u8>>,
    to_b: Vec<Vec<u8>>,
}

impl<'p> Reported<'p> {
    fn start(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer, mux: bool) -> Self {
        let places = &bed.places;
        let line = if mux { "a=rtcp-mux\r\n" } else { "" };
        let call = alice.invite(NUMBER, Some(&format!("{}{line}", sdp::offer(places.rtp_a))));
        let leg = bob.incoming();
        let b_to = sdp::audio(&invite_of(&leg).body());
        let a_to = connect(&call, &leg, &sdp::offer(places.rtp_b1));
        let held = Held {
            call,
            leg,
            a_to,
            b_to,
        };
        let media = Media::of(bed, &held);
        Self {
            held,
            media,
            apart: (!mux).then(|| RtpPeer::bind(rtcp(places.rtp_a))),
            rtcp_b: RtpPeer::bind(rtcp(places.rtp_b1)),
            to_a: Vec::new(),
            to_b: Vec::new(),
        }
    }

    /// A report from A, on the port that it has for it.
    fn a_reports(&self, report: &[u8]) {
        match &self.apart {
            Some(apart) => apart.send(rtcp(self.held.a_to), report),
            None => self.media.a.send(self.held.a_to, report),
        }
    }

    /// Takes the RTCP that has arrived since.
    fn collect(&mut self) {
        let is_rtcp = |packet: &Vec<u8>| (200..=204).contains(&packet[1]);
        let packets = |peer: &RtpPeer| {
            let heard = peer.collect(200, ms(5)).into_iter();
            heard.map(|heard| heard.packet).collect::<Vec<_>>()
        };
        let on_rtp: Vec<_> = packets(&self.media.a).into_iter().filter(is_rtcp).collect();
        match &self.apart {
            Some(apart) => {
                assert!(on_rtp.is_empty(), "RTCP on an RTP port");
                self.to_a.extend(packets(apart));
            }
            None => self.to_a.extend(on_rtp),
        }
        let on_b = packets(&self.media.b).into_iter().filter(is_rtcp).count();
        assert_eq!(on_b, 0, "RTCP on an RTP port");
        self.to_b.extend(packets(&self.rtcp_b));
    }
}

/// RFC 3550 §6.4: reports of our own tell each side of its own leg, on the port that it wants them on, and say when it is over.
fn generated(mux: bool) {
    let bed = quick(|setup| both(setup, "rtcp = \"generate\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut call = Reported::start(&bed, &alice, &bob, mux);
    // A's own reports are read, and go no further.
    call.a_reports(&sender_report(0xa1));
    // The first comes within 1.25 to 3.75 s of the first look, a second after the start.
    while call.to_a.is_empty() || call.to_b.is_empty() {
        assert!(call.media.sent < 400, "no reports: {}", bed.log());
        call.media.speak(10);
        call.collect();
    }
    for (reports, hears, speaks) in [(&call.to_a, 0xb2, 0xa1), (&call.to_b, 0xa1, 0xb2)] {
        assert_eq!(kinds(&reports[0]), [200, 202], "mux {mux}");
        let sr = &parts(&reports[0])[0].1;
        assert_eq!((word(sr, 4), word(sr, 28)), (hears, speaks));
        let packets = word(sr, 20);
        assert!((30..=call.media.sent as u32).contains(&packets), "{packets}");
        assert_eq!(word(sr, 24), packets * 160);
        assert_eq!(sr[32], 0, "nothing is lost");
    }
    let quoted = word(&parts(&call.to_a[0])[0].1, 44);
    assert_eq!(quoted, 0x0001_0203, "A's own report is quoted to it");
    call.held.hang_up();
    thread::sleep(ms(100));
    call.collect();
    for farewell in [call.to_a.last().unwrap(), call.to_b.last().unwrap()] {
        assert_eq!(kinds(farewell).last(), Some(&203), "mux {mux}");
    }
    engines::assert_in_kernel(&bed, call.media.sent / 2);
    drop(call);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

fn mr_06_generated_reports_reach_each_side_on_its_own_port() {
    generated(false);
}

fn mr_06_generated_reports_reach_each_side_on_its_rtp_port_under_mux() {
    generated(true);
}

/// A peer that gets no RTCP hangs up, sooner or later: it gets ours while the other side sends none, and the other side's as soon as
/// there is any.
fn mr_06_who_gets_no_rtcp_gets_ours() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let mut media = Media::of(&bed, &held);
    let [rtcp_a, rtcp_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(|rtp| RtpPeer::bind(rtcp(rtp)));
    let mut heard = Vec::new();
    let start = Instant::now();
    // A reports every three seconds, B does not.
    while heard.is_empty() && start.elapsed() < Duration::from_secs(20) {
        if media.sent.is_multiple_of(150) {
            rtcp_a.send(rtcp(held.a_to), &sender_report(0xa1));
        }
        media.talk(50, all, all);
        heard = rtcp_a.collect(5, ms(1));
    }
    assert!(start.elapsed() > Duration::from_secs(14), "before it was missed");
    assert_eq!(heard.len(), 1, "A gets ours");
    let report = parts(&heard[0].packet);
    assert_eq!(
        (report[0].0, word(&report[0].1, 4), word(&report[0].1, 28)),
        (200, 0xb2, 0xa1)
    );
    let at_b = rtcp_b.collect(20, ms(50));
    assert!(
        at_b.len() >= 5 && at_b.iter().all(|heard| heard.packet == sender_report(0xa1)),
        "B gets A's"
    );
    rtcp_b.send(rtcp(held.b_to), &sender_report(0xb2));
    assert_eq!(rtcp_a.collect(1, ms(500))[0].packet, sender_report(0xb2));
    media.talk(400, all, all);
    assert!(rtcp_a.collect(5, ms(1)).is_empty(), "ours have ended");
    engines::assert_in_kernel(&bed, media.sent);
    held.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// `rtcp = "off"` on one side: it gets none, the other one gets what it sends.
fn mr_06_a_side_that_wants_no_rtcp_gets_none() {
    let bed = quick(|setup| setup.key("b1", "rtcp = \"off\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let mut media = Media::of(&bed, &held);
    media.talk(60, all, all);
    let [rtcp_a, rtcp_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(|rtp| RtpPeer::bind(rtcp(rtp)));
    rtcp_a.send(rtcp(held.a_to), &sender_report(0xa1));
    rtcp_b.send(rtcp(held.b_to), &sender_report(0xb2));
    assert_eq!(rtcp_a.collect(1, ms(500))[0].packet, sender_report(0xb2));
    assert!(rtcp_b.collect(1, ms(200)).is_empty());
    engines::assert_in_kernel(&bed, media.sent / 2);
    held.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

fn float(record: &Record, path: &str) -> f64 {
    let value = path.split('.').fold(&record.0, |value, key| &value[key]);
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number at {path} in {}", record.0))
}

/// What `tandem call ID` prints.
fn shown(bed: &Bed) -> Value {
    let calls: Value = serde_json::from_str(&bed.get("/v1/calls").body).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["--json", "call"])
        .arg(calls[0]["id"].as_str().unwrap())
        .arg("--config")
        .arg(bed.config())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The only call's record as the API gives it and as the command line prints it, read from the store: the same, and no figure in
/// it has more than four decimals.
fn figures_agree(bed: &Bed) {
    assert_eq!(bed.wait_records(1).len(), 1);
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["records", "--json", "--config"])
        .arg(bed.config())
        .output()
        .unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let given: Value = serde_json::from_str(&bed.get("/v1/records").body).unwrap();
    assert_eq!(given[0], printed);
    let text = String::from_utf8(output.stdout).unwrap();
    let decimals = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .filter_map(|number| number.split_once('.'))
        .filter(|(_, behind)| !behind.contains('.'));
    let longest = decimals.map(|(_, behind)| behind.len()).max();
    assert!(longest.is_some_and(|digits| (2..=4).contains(&digits)), "{text}");
}

/// ITU-T G.107: a call in which one side loses packets sounds as bad as it does, in the call's view and in its record, and the
/// other side is not blamed.
fn loss_is_in_the_record_as_a_score() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let mut media = Media::of(&bed, &held);
    media.talk(250, all, all);
    // Then A loses two packets in a row of every ten: 20 %, in runs of two.
    media.talk(300, |n| n % 10 > 1, all);
    // What B says of what it hears.
    let rtcp_b = RtpPeer::bind(rtcp(bed.places.rtp_b1));
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 0xb2, 0, 0, 0, 0xa1, 64, 0, 0, 60];
    report.extend([0; 16]);
    rtcp_b.send(rtcp(held.b_to), &report);
    thread::sleep(ms(100));
    let view = shown(&bed);
    let seen = &view["from"]["media"];
    assert_eq!(
        (seen["lost"].as_u64(), seen["packets"].as_u64()),
        (Some(60), Some(490)),
        "{view:#}"
    );
    assert_eq!(view["to"]["media"]["heard"]["lost"], 60);
    engines::assert_in_kernel(&bed, media.sent);
    held.hang_up();
    figures_agree(&bed);
    let records = bed.finish(1);
    let record = &records[0];
    check(record, "normal", 200, "caller", 1);
    let worst = float(record, "caller_media.quality.mos_min");
    assert!((1.5..3.0).contains(&worst), "{record:#?}");
    assert!(float(record, "caller_media.quality.mos") > worst);
    assert!(float(record, "called_media.quality.mos_min") > 4.3, "{record:#?}");
    assert_eq!(float(record, "mos_min"), worst);
    assert!(float(record, "mos") < 4.3 && float(record, "mos") > worst);
    assert_eq!(record.number("caller_media.lost"), 60);
    let loss = |name: &str| record.number(&format!("caller_media.loss.{name}"));
    assert_eq!((loss("events"), loss("longest"), loss("bursts")), (30, 2, 1));
    assert!((0.19..0.22).contains(&float(record, "caller_media.loss.burst_density")));
    assert!(
        (5700..6000).contains(&loss("burst_ms")),
        "292 packets of 20 ms: {}",
        loss("burst_ms")
    );
    assert!(!record.has("called_media.loss"), "nothing was lost");
    assert_eq!(record.number("called_media.heard.lost"), 60);
    assert_eq!(float(record, "called_media.heard.fraction_lost"), 0.25);
}

fn unheard(bed: &Bed) -> (bool, bool) {
    let calls: Value = serde_json::from_str(&bed.get("/v1/calls").body).unwrap();
    let of = |leg: &str| calls[0][leg]["unheard"].as_bool().unwrap();
    (of("from"), of("to"))
}

/// One-way audio: noticed within seconds, shown while it lasts, kept in the record and counted.
fn a_side_that_is_not_heard_is_noticed_within_seconds() {
    let bed = quick(|setup| setup.media("one_way_after = \"2s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let mut media = Media::of(&bed, &held);
    media.talk(50, all, none);
    assert_eq!(unheard(&bed), (false, false), "not yet");
    media.talk(150, all, none);
    assert_eq!(unheard(&bed), (false, true), "{}", bed.log());
    assert_eq!(bed.metrics().sum("tandem_one_way_total"), Some(1.0));
    media.talk(100, all, all);
    assert_eq!(unheard(&bed), (false, false), "heard again");
    engines::assert_in_kernel(&bed, 200);
    held.hang_up();
    let records = bed.finish(1);
    let mute = records[0].number("called_media.mute_ms");
    assert!((3000..=6000).contains(&mute), "{mute}");
    assert!(!records[0].has("caller_media.mute_ms"));
}

on_both_engines! {
    mr_06_generated_reports_reach_each_side_on_its_own_port,
    mr_06_generated_reports_reach_each_side_on_its_rtp_port_under_mux,
    mr_06_who_gets_no_rtcp_gets_ours,
    mr_06_a_side_that_wants_no_rtcp_gets_none,
    loss_is_in_the_record_as_a_score,
    a_side_that_is_not_heard_is_noticed_within_seconds,
}
