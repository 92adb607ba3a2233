//! Many calls held at once by raw peers, each with media addresses of its own.

use crate::daemon::Bed;
use crate::sdp;
use crate::sip::{Call, SipPeer};
use bytes::Bytes;
use sip_msg::Message;
use std::net::SocketAddr;

/// One call that is up.
#[derive(Debug)]
pub struct Held<'p> {
    /// The calling side.
    pub call: Call<'p>,
    /// The called side.
    pub leg: Call<'p>,
    /// Where the caller sends its RTP, as the switch told it.
    pub a_to: SocketAddr,
    /// Where the called party sends its RTP, as the switch told it.
    pub b_to: SocketAddr,
}

/// The RTP addresses that `count` calls are given: A's and B's, two ports apart.
#[must_use]
pub fn ends(bed: &Bed, count: usize) -> Vec<(SocketAddr, SocketAddr)> {
    let step = |base: SocketAddr, n: usize| SocketAddr::new(base.ip(), base.port() + 2 * n as u16);
    (0..count)
        .map(|n| (step(bed.places.rtp_a, n), step(bed.places.rtp_b1, n)))
        .collect()
}

/// Sets one call up between these RTP addresses.
///
/// # Panics
/// When the switch doesn't put it through.
#[must_use]
pub fn call<'p>(alice: &'p SipPeer, bob: &'p SipPeer, rtp: (SocketAddr, SocketAddr)) -> Held<'p> {
    call_with(alice, bob, &sdp::offer(rtp.0), |_| sdp::offer(rtp.1)).0
}

/// Sets one call up with this offer of the caller's; `answer` makes the called party's answer of what that is offered. Gives
/// the answer that the caller gets, too.
///
/// # Panics
/// When the switch doesn't put it through.
#[must_use]
pub fn call_with<'p>(
    alice: &'p SipPeer,
    bob: &'p SipPeer,
    offer: &str,
    answer: impl FnOnce(&[u8]) -> String,
) -> (Held<'p>, Bytes) {
    let call = alice.invite("+442079460000", Some(offer));
    let leg = bob.incoming();
    let b_told = leg.invite.as_ref().map(Message::body).unwrap_or_default();
    leg.answer(&answer(&b_told));
    let a_told = call.expect(200).body();
    call.ack();
    leg.expect_request("ACK");
    let held = Held {
        call,
        leg,
        a_to: sdp::audio(&a_told),
        b_to: sdp::audio(&b_told),
    };
    (held, a_told)
}

impl Held<'_> {
    /// The caller hangs up.
    ///
    /// # Panics
    /// When the switch doesn't carry it through.
    pub fn hang_up(&self) {
        self.call.bye();
        self.leg.ok("BYE");
        self.call.expect(200);
    }
}
