//! What the fuzz targets check. See the README beside this crate.

pub mod sip_framer;
pub mod sip_parse;
pub mod sip_uri;
pub mod sip_write;
