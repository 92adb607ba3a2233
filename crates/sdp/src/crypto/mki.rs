//! Master key identifiers: decimal in SDP, big-endian bytes in packets, of up to 128 bytes.

use smallvec::SmallVec;

use super::MAX_MKI;
use crate::span::number;

/// `None` unless the length is 1 to 128 and the number fits in it.
pub(super) fn mki_bytes(decimal: &[u8], length: &[u8]) -> Option<SmallVec<[u8; 8]>> {
    let length = number(length).filter(|length| (1..=MAX_MKI).contains(length))?;
    if decimal.is_empty() || decimal.len() > 400 {
        return None;
    }
    let mut bytes = SmallVec::from_elem(0, length);
    for digit in decimal {
        let mut carry = u16::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        for byte in bytes.iter_mut().rev() {
            let [high, low] = (u16::from(*byte) * 10 + carry).to_be_bytes();
            (*byte, carry) = (low, u16::from(high));
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

/// The number that the bytes are.
pub(super) fn mki_number(bytes: &[u8]) -> String {
    // Lowest digit first.
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u16::from(*byte);
        for digit in &mut digits {
            let value = u16::from(*digit) * 256 + carry;
            carry = value / 10;
            *digit = u8::try_from(value % 10).unwrap_or_default();
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    if digits.is_empty() {
        digits.push(0);
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect()
}
