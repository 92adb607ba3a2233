//! The system bench: the release daemon, Kamailio and rtpengine under the same load in the same run. See the README beside
//! this crate.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

pub mod media;
pub mod ng;
pub mod overload;
pub mod peers;
pub mod report;
pub mod signalling;
