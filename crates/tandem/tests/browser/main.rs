//! A call between Chromium (ICE, DTLS-SRTP, bundled, behind a page of ours) and a plain telephone, through the daemon: each hears
//! the other's tone. The test carries the browser's SDP to and fro as SIP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail by panicking"
)]

mod bridge;
mod tone;

use bridge::{Bridge, Chromium, Said};
use std::time::{Duration, Instant};
use testbed::rtp::RtpPeer;
use testbed::{Bed, Setup, sdp};
use tone::{Phone, ulaw_level};

/// The page's tone and the telephone's.
const FROM_BROWSER: f64 = 700.0;
const FROM_PHONE: f64 = 1300.0;
/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
const NUMBER: &str = "+442079460000";

fn bed() -> Bed {
    let setup = Setup::default().key("pbx", "srtp = \"required\"");
    Bed::start(env!("CARGO_BIN_EXE_tandem"), setup)
}

/// Only PCMU: the browser has it too, and nothing is converted.
fn answer(at: std::net::SocketAddr) -> String {
    sdp::offer(at).replace(" 0 8 101\r\n", " 0\r\n")
}

/// Waits until the page has said what is looked for; what else it says is passed over, but not an error.
fn heard(bridge: &mut Bridge, what: &str, enough: impl Fn(&Said) -> bool) {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < PATIENCE {
        if let Some(said) = bridge.next_said(Duration::from_secs(1)) {
            assert!(said.error.is_none(), "{what}: {said:?}");
            if enough(&said) {
                return;
            }
            last = Some(said);
        }
    }
    panic!("{what} has not come; the page's last word: {last:?}");
}

fn is_tone(said: &Said, hz: f64) -> bool {
    said.hz
        .is_some_and(|heard| (heard - hz).abs() < 15.0 && said.db.is_some_and(|db| db > -60.0))
}

#[test]
fn a_browser_and_a_plain_telephone_hear_each_other() {
    let bed = bed();
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    alice.set_patience(PATIENCE);
    bob.set_patience(PATIENCE);
    let mut bridge = Bridge::bind();
    let _chromium = Chromium::start(&bridge.url());

    let offer = bridge.offer(PATIENCE);
    assert!(offer.contains("UDP/TLS/RTP/SAVPF"), "{offer}");
    let call = alice.invite(NUMBER, Some(&offer));
    let leg = bob.incoming();
    let invite = leg.invite.clone().unwrap().body();
    let plain = String::from_utf8_lossy(&invite).into_owned();
    assert!(
        plain.contains(" RTP/AVP ") && !plain.contains("fingerprint"),
        "{plain}"
    );
    leg.reply(180);
    call.expect(180);
    leg.answer(&answer(bed.places.rtp_b1));
    let accepted = call.expect(200).body();
    call.ack();
    leg.expect_request("ACK");
    bridge.answer(&String::from_utf8_lossy(&accepted));

    let phone = Phone::talk(RtpPeer::bind(bed.places.rtp_b1), sdp::audio(&invite), FROM_PHONE);
    heard(&mut bridge, "the connection", |said| {
        said.state.as_deref() == Some("connected")
    });
    heard(&mut bridge, "the telephone's tone", |said| {
        is_tone(said, FROM_PHONE)
    });
    heard(&mut bridge, "its suite", |said| said.srtp.is_some());
    let begun = Instant::now();
    let level = |audio: &[u8]| (ulaw_level(audio, FROM_BROWSER), ulaw_level(audio, FROM_PHONE));
    while !phone.last_second().is_some_and(|audio| {
        let (tone, other) = level(&audio);
        tone > 0.05 && tone > 10.0 * other
    }) {
        let said = phone.last_second().map(|audio| level(&audio));
        assert!(
            begun.elapsed() < PATIENCE,
            "the browser's tone has not come: {said:?}"
        );
        let _ = bridge.next_said(Duration::from_millis(100));
    }

    // An ICE restart changes the path and not the call.
    bridge.wish("restart");
    let again = bridge.offer(PATIENCE);
    assert_ne!(ufrag(&again), ufrag(&offer));
    call.reinvite(Some(&again));
    let at_b = leg.expect_request("INVITE");
    leg.reply_to(&at_b, 200, &[], Some(&answer(bed.places.rtp_b1)));
    let fresh = call.expect(200).body();
    call.ack();
    leg.expect_request("ACK");
    let fresh = String::from_utf8_lossy(&fresh).into_owned();
    assert_ne!(ufrag(&fresh), ufrag(&String::from_utf8_lossy(&accepted)));
    bridge.answer(&fresh);
    heard(&mut bridge, "the restart", |said| said.restarted == Some(true));
    let before = phone.count();
    heard(&mut bridge, "the telephone's tone again", |said| {
        is_tone(said, FROM_PHONE)
    });
    std::thread::sleep(Duration::from_secs(1));
    assert!(phone.count() > before + 20, "the browser is still heard");

    bridge.wish("end");
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    phone.hang_up();
    bed.finish(1);
}

fn ufrag(body: &str) -> &str {
    let line = body.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    line.expect("a user name fragment")
}
