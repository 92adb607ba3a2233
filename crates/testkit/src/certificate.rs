//! A certificate whose handshakes come to nothing: the media plane here is played, and only SDP is looked at.

use std::time::Instant;

use rtp_proto::dtls::{Broken, Engine, Engines, Fingerprint, Hash, Output, Role};

/// The switch's certificate.
#[derive(Debug)]
pub struct Certificate(Fingerprint);

impl Default for Certificate {
    fn default() -> Self {
        Self(Fingerprint::of(Hash::Sha256, b"the switch's certificate"))
    }
}

impl Engines for Certificate {
    fn start(&self, _now: Instant, _role: Role) -> Box<dyn Engine> {
        Box::new(Mute)
    }

    fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }
}

#[derive(Debug)]
struct Mute;

impl Engine for Mute {
    fn receive(&mut self, _now: Instant, _datagram: &[u8]) -> Result<(), Broken> {
        Ok(())
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Broken> {
        Ok(())
    }

    fn poll<'a>(&mut self, _buffer: &'a mut [u8]) -> Result<Output<'a>, Broken> {
        Ok(Output::Wait(None))
    }
}
