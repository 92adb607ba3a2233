//! Our registrations with carriers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod requests;

use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::phone::{Registrar, asked, place, shown, state, wait_state};
use support::{
    MOMENT, NUMBER, calls_had, connect, hang_up, header, invite_of, is, ms, quick, text, uri, values,
};
use testbed::sip::Incoming;
use testbed::{Bed, Setup, SipPeer, digest, proc, sdp};

const WHO: (&str, &str) = ("tandem", "secret");
const REGISTER: &str =
    r#"register = { uri = "sip:{b1}", username = "tandem", password = "secret", expires = "300s" }"#;

fn registering(setup: Setup) -> Setup {
    setup.key("b1", REGISTER)
}

/// Ends the bed: the registration is taken back, and whoever answers is not waited for longer than that takes.
fn finish(bed: Bed, registrar: &Registrar<'_>, calls: usize) {
    bed.finish(calls);
    let last = registrar.next();
    assert_eq!(asked(&last), 0, "un-REGISTER");
}
