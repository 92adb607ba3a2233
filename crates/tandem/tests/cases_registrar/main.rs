//! The registrar: phones that register with us, call and are called.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod bindings;
mod calls;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message};
use support::phone::{Phone, bindings};
use support::{MOMENT, NUMBER, connect, hang_up, header, invite_of, is, ms, quick, text, until, uri, values};
use testbed::{Bed, Call, Setup, SipPeer, digest, sdp};

const ALICE: (&str, &str) = ("alice", "wonder");
const BOB: (&str, &str) = ("bob", "builder");
/// Phones of a customer, wherever they are, and a registrar that takes short times.
const USERS: &str = "users = [{ username = \"alice\", password = \"wonder\", numbers = [\"+4420555\"] }, \
                     { username = \"bob\", password = \"builder\" }]";

fn phones(setup: Setup) -> Setup {
    setup.trunk("phones", &["role = \"customer\"", USERS])
}

/// A place on the stranger's address: behind one NAT all have one address.
fn port(bed: &Bed, offset: u16) -> SocketAddr {
    SocketAddr::new(bed.places.x.ip(), bed.places.x.port() + offset)
}

/// The called side answers, and the caller hangs up.
fn talk_and_hang_up(bed: &Bed, call: &Call<'_>, leg: &Call<'_>) {
    connect(call, leg, &sdp::offer(bed.places.rtp_b1));
    hang_up(call, leg);
}

/// What an answer lists, as (URI, seconds).
fn listed(answer: &Message) -> Vec<(String, u64)> {
    let one = |value: String| {
        let (uri, rest) = value.trim_start_matches('<').split_once('>').unwrap();
        let seconds = rest.rsplit_once("expires=").unwrap().1.parse().unwrap();
        (uri.to_owned(), seconds)
    };
    let mut all: Vec<_> = values(answer, HeaderId::Contact).into_iter().map(one).collect();
    all.sort();
    all
}
