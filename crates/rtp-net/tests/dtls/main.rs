//! DTLS-SRTP handshakes by the real library: two of ours over a bad network in virtual time, hostile datagrams, and OpenSSL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod bed;
mod hostile;
mod lossy;
mod openssl;
mod pair;
mod session;
