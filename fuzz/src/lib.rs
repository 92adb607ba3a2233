//! See the README beside this crate.
