//! Call control: the back-to-back user agent, as a pure machine from inputs to commands.
#![cfg_attr(not(test), warn(missing_docs))]

pub mod record;
