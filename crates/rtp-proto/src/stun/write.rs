//! Messages as they leave.

use super::{COOKIE, Class, FINGERPRINT_XOR, HEADER, Transaction, attribute, mac};
use hmac::Mac;
use std::net::{IpAddr, SocketAddr};

/// Writes a message into a buffer. What does not fit makes [`finish`](Self::finish) answer `None`, and nothing else.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
    fits: bool,
}

impl<'a> Writer<'a> {
    /// Begins a message in `buffer`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], class: Class, method: u16, transaction: Transaction) -> Self {
        let kind = (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2) | class.bits();
        let mut writer = Self {
            buffer,
            length: 0,
            fits: true,
        };
        writer.put(&kind.to_be_bytes());
        writer.put(&[0, 0]);
        writer.put(&COOKIE.to_be_bytes());
        writer.put(&transaction.0);
        writer
    }

    /// Adds an attribute, padded to a whole word.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let Ok(length) = u16::try_from(value.len()) else {
            self.fits = false;
            return self;
        };
        self.put(&kind.to_be_bytes());
        self.put(&length.to_be_bytes());
        self.put(value);
        let padding = value.len().next_multiple_of(4) - value.len();
        self.put([0; 3].get(..padding).unwrap_or_default());
        self.set_length();
        self
    }

    /// Adds XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub fn xor_mapped_address(&mut self, address: SocketAddr) -> &mut Self {
        let [a, b, ..] = COOKIE.to_be_bytes();
        let [high, low] = address.port().to_be_bytes();
        let mut value = [0; 20];
        let mut mask = [0; 16];
        if let Some(header) = self.buffer.get(4..HEADER) {
            mask.iter_mut().zip(header).for_each(|(slot, byte)| *slot = *byte);
        }
        let octets: ([u8; 16], usize, u8) = match address.ip() {
            IpAddr::V4(ip) => {
                let mut all = [0; 16];
                all.iter_mut()
                    .zip(ip.octets())
                    .for_each(|(slot, byte)| *slot = byte);
                (all, 4, 1)
            }
            IpAddr::V6(ip) => (ip.octets(), 16, 2),
        };
        let (octets, count, family) = octets;
        let head = [0, family, high ^ a, low ^ b];
        let masked = octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask);
        value
            .iter_mut()
            .zip(head.into_iter().chain(masked.take(count)))
            .for_each(|(slot, byte)| *slot = byte);
        self.attribute(
            attribute::XOR_MAPPED_ADDRESS,
            value.get(..4 + count).unwrap_or_default(),
        )
    }

    /// Adds ERROR-CODE (§14.8).
    pub fn error(&mut self, code: u16, reason: &str) -> &mut Self {
        let mut value = [0; 64];
        let class = u8::try_from(code / 100).unwrap_or(5) & 7;
        let number = u8::try_from(code % 100).unwrap_or_default();
        let bytes = [0, 0, class, number].into_iter().chain(reason.bytes());
        let length = value
            .iter_mut()
            .zip(bytes)
            .map(|(slot, byte)| *slot = byte)
            .count();
        self.attribute(attribute::ERROR_CODE, value.get(..length).unwrap_or_default())
    }

    /// Adds MESSAGE-INTEGRITY, made with `key` over all that stands before it (§14.5).
    pub fn integrity(&mut self, key: &[u8]) -> &mut Self {
        let before = self.buffer.get(..self.length).filter(|_| self.fits);
        match before.and_then(|before| mac(key, before)) {
            Some(mac) => {
                let value: [u8; 20] = mac.finalize().into_bytes().into();
                self.attribute(attribute::MESSAGE_INTEGRITY, &value)
            }
            None => {
                self.fits = false;
                self
            }
        }
    }

    /// Adds FINGERPRINT (§14.7) and ends the message. Its length; `None`: the buffer was too small.
    #[must_use]
    pub fn finish(&mut self) -> Option<usize> {
        // The CRC is over a header that already counts the attribute.
        self.put_length(self.length + 8);
        let before = self.buffer.get(..self.length)?;
        let crc = crc32fast::hash(before) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &crc.to_be_bytes());
        self.fits.then_some(self.length)
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.buffer.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.fits = false,
        }
    }

    fn set_length(&mut self) {
        self.put_length(self.length);
    }

    fn put_length(&mut self, total: usize) {
        let length = u16::try_from(total.saturating_sub(HEADER));
        match (length, self.buffer.get_mut(2..4)) {
            (Ok(length), Some(place)) => place.copy_from_slice(&length.to_be_bytes()),
            (Err(_), _) | (_, None) => self.fits = false,
        }
    }
}
