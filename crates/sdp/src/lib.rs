//! SDP: parse, view, rewrite, and the arithmetic of offer and answer.
//!
//! Pure: no clock, no sockets, no randomness. A document is kept as its bytes with an index of lines; what this
//! crate does not understand survives [`compose()`] unless the rule table in [`rules`] says otherwise.
//!
//! - [`parse`] → [`Sdp`] with its [`Media`] (RFC 8866, tolerant where the world is)
//! - [`compose()`] the far leg's body: our origin, addresses and ports, filtered codecs, the m-lines that the slots ask for
//! - [`Crypto`]: the keys of `a=crypto` (RFC 4568), parsed and written
//! - [`pt_map`], [`acceptable`], [`is_hold`], [`Direction::answer_to`]: RFC 3264 and RFC 6337

mod codec;
mod compose;
mod crypto;
mod dtls;
mod fields;
mod ice;
mod media;
mod offer;
mod parse;
mod ptmap;
mod span;

pub use codec::{Codec, same_codec};
pub use compose::{
    CodecFilter, Compose, ComposeError, NewOrigin, RtcpPlan, Slot, Transport, basic_offer, compose, rules,
};
pub use crypto::{Crypto, CryptoError, CryptoKey, CryptoSuite, FecOrder, SessionParam, Unusable};
pub use dtls::{FingerprintLine, SetupRole, dtls_lines, fingerprints, is_bundled, mid, setup};
pub use ice::{Candidate, ICE_LITE, Ice, candidates, ice, ice_lines};
pub use media::{Attribute, Direction, Kind, Media, Proto};
pub use offer::{Refusal, acceptable, complement, first_acceptable, hold_direction, is_hold, unchanged};
pub use parse::{Endpoints, Limits, Origin, Sdp, SdpError, parse, parse_bytes};
pub use ptmap::{PtMapping, PtPair, pt_map};
