//! Messages that the tests start from.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use sip_msg::{Limits, Message, ParseError};

/// An INVITE of about 900 octets as a PBX sends it.
pub(crate) const INVITE: &[u8] = b"INVITE sip:+442071838750@sbc.example.com:5060;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnashds8a7f3c;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Alice Example\" <sip:+442079460123@pbx.example.com>;tag=9fxced76sl\r\n\
To: <sip:+442071838750@sbc.example.com;user=phone>\r\n\
Call-ID: 3848276298220188511@pbx.example.com\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:+442079460123@192.0.2.10:5060;transport=udp>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE\r\n\
Supported: replaces, timer\r\n\
Session-Expires: 1800;refresher=uac\r\n\
User-Agent: ExamplePBX 20.5.0\r\n\
P-Asserted-Identity: <sip:+442079460123@pbx.example.com>\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 214\r\n\
\r\n\
v=0\r\n\
o=- 1545998512 1545998512 IN IP4 192.0.2.10\r\n\
s=ExamplePBX\r\n\
c=IN IP4 192.0.2.10\r\n\
t=0 0\r\n\
m=audio 11424 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=sendrecv\r\n";

/// A 200 to it.
pub(crate) const OK: &[u8] = b"SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnashds8a7f3c;rport=5060;received=192.0.2.10\r\n\
From: \"Alice Example\" <sip:+442079460123@pbx.example.com>;tag=9fxced76sl\r\n\
To: <sip:+442071838750@sbc.example.com;user=phone>;tag=314a\r\n\
Call-ID: 3848276298220188511@pbx.example.com\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:+442071838750@198.51.100.4:5060>\r\n\
Content-Length: 0\r\n\
\r\n";

/// A BYE in that dialog.
pub(crate) const BYE: &[u8] = b"BYE sip:+442071838750@198.51.100.4:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKb1e;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Alice Example\" <sip:+442079460123@pbx.example.com>;tag=9fxced76sl\r\n\
To: <sip:+442071838750@sbc.example.com;user=phone>;tag=314a\r\n\
Call-ID: 3848276298220188511@pbx.example.com\r\n\
CSeq: 314160 BYE\r\n\
Content-Length: 0\r\n\
\r\n";

/// As one datagram with the usual limits.
pub(crate) fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    sip_msg::parse(Bytes::copy_from_slice(bytes), &Limits::default())
}

/// A seeded generator (xorshift64*), so that a failure comes again.
pub(crate) struct Random(u64);

impl Random {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `n`, which isn't 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() >> 33).unwrap() % n
    }

    /// One of them.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
