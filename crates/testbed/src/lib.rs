//! The daemon under test, on loopback: started, called by SIPp and by our own raw peers, and searched for leftovers.
//!
//! Only tests and benches use this crate; so it panics where a test has to fail, waits on sockets with deadlines and
//! says in the panic's text what was seen. A test reads as a transcript:
//!
//! ```no_run
//! use testbed::{Bed, Setup, sdp};
//! let bed = Bed::start("target/release/tandem", Setup::default());
//! let (alice, bob) = (bed.peer_a(), bed.peer_b1());
//! let call = alice.invite("+442079460000", Some(&sdp::offer(bed.places.rtp_a)));
//! let leg = bob.incoming();
//! leg.reply(180);
//! call.expect(180);
//! leg.answer(&sdp::offer(bed.places.rtp_b1));
//! call.expect(200);
//! call.ack();
//! leg.expect_request("ACK");
//! call.bye();
//! leg.ok("BYE");
//! call.expect(200);
//! bed.finish(1);
//! ```
//!
//! Every test has addresses of its own in 127/8 (see [`places`]), so that tests run beside each other.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test support: a broken expectation has to stop the test"
)]

pub mod audio;
pub mod baresip;
pub mod bulk;
pub mod certs;
pub mod daemon;
pub mod digest;
pub mod dns;
pub mod flows;
pub mod http;
pub mod https;
pub mod kamailio;
pub mod linphone;
pub mod load;
pub mod metrics;
pub mod places;
pub mod proc;
pub mod record;
pub mod rtp;
pub mod sdp;
pub mod setup;
pub mod sip;
pub mod sipp;
pub mod srtp;
pub mod stream;

pub use daemon::Bed;
pub use dns::Dns;
pub use places::Places;
pub use record::Record;
pub use rtp::RtpPeer;
pub use setup::Setup;
pub use sip::{Call, SipPeer};
pub use sipp::{Scenario, Stats};
