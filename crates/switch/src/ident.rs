//! Ids that the switch makes.

pub(crate) use rtp_proto::ids::IdMap;

/// A call inside this process; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallKey(pub(crate) u64);

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id on a call's record and log lines: 48 bits of time and 80 random bits in 26 letters, so that ids sort by
/// time and never meet, whichever node made them.
pub(crate) fn call_id(unix_ms: u64, random: [u64; 2]) -> Box<str> {
    let value = (u128::from(unix_ms & 0xffff_ffff_ffff) << 80)
        | (u128::from(random[0] & 0xffff) << 64)
        | u128::from(random[1]);
    let mut text = String::with_capacity(26);
    for position in (0..26).rev() {
        let index = ((value >> (position * 5)) & 31) as usize;
        text.push(char::from(CROCKFORD.get(index).copied().unwrap_or(b'0')));
    }
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_sort_by_time() {
        let early = call_id(1_700_000_000_000, [u64::MAX, u64::MAX]);
        let late = call_id(1_700_000_000_001, [0, 0]);
        assert!(early < late);
        assert_eq!(early.len(), 26);
    }
}
