//! rsip.
