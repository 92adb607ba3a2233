//! Who calls and what each side is told of it: identity headers, privacy, diversions, numbers, screening, header rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod numbers;
mod rules;
mod told;

use sip_msg::{HeaderId, Message};
use support::{header, invite_of, is_answer, quick, request, text, uri, values};
use testbed::{Bed, Setup, SipPeer, sdp};

/// The host that nobody on the other side may see.
const SECRET: &str = "secret.example";

/// Sends an INVITE of the given number, From and more lines.
fn call(peer: &SipPeer, target: &str, from: &str, lines: &[&str]) {
    let local = peer.local();
    let mut all = vec![
        format!("Via: SIP/2.0/UDP {local};branch={};rport", peer.mint("z9hG4bK")),
        format!("From: {from};tag={}", peer.mint("t")),
        format!("To: <{target}>"),
        format!("Call-ID: {}", peer.mint("call-")),
        "CSeq: 1 INVITE".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("Contact: <sip:{local}>"),
    ];
    all.extend(lines.iter().map(|line| (*line).to_owned()));
    let offer = sdp::offer((local.ip(), 20_000).into());
    let invite = request("INVITE", target, &all, Some(&offer));
    peer.send_raw(peer.sut(), invite.as_bytes());
}

/// What the called side gets of such an INVITE; it is busy.
fn got(calling: &SipPeer, called: &SipPeer, target: &str, from: &str, lines: &[&str]) -> Message {
    call(calling, target, from, lines);
    let leg = called.incoming();
    leg.reply(486);
    leg.expect_request("ACK");
    calling.wait("486", is_answer(486, "INVITE"));
    invite_of(&leg)
}

/// From without our tag.
fn from_of(message: &Message) -> String {
    let from = header(message, HeaderId::From);
    from.split(";tag=").next().unwrap_or_default().to_owned()
}

/// A carrier at B1 for the numbers of one prefix.
fn carrier(setup: Setup, name: &str, prefix: &str, keys: &[&str]) -> Setup {
    let lines = ["role = \"carrier\"", "targets = [{ uri = \"sip:{b1}\" }]"];
    let lines: Vec<&str> = lines.into_iter().chain(keys.iter().copied()).collect();
    let rule = format!("[[number]]\nmatch = \"{prefix}*\"\nto = \"{name}\"\n");
    setup.trunk(name, &lines).extra(&rule)
}

/// Identity headers of a message: From, P-Asserted-Identity, Remote-Party-ID, Privacy, as `-` where there is none.
fn told(message: &Message, bed: &Bed) -> [String; 4] {
    assert!(!text(message.raw()).contains(SECRET), "{}", text(message.raw()));
    let of = |id| match message.header(id) {
        Some(value) => text(value).replace(&bed.places.sut.to_string(), "us"),
        None => "-".to_owned(),
    };
    [
        from_of(message).replace(&bed.places.sut.to_string(), "us"),
        of(HeaderId::PAssertedIdentity),
        of(HeaderId::RemotePartyId),
        of(HeaderId::Privacy),
    ]
}

const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
