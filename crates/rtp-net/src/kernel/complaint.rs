//! A warning that could be said for every call, said once a minute.

use std::time::{Duration, Instant};

/// How often it is said.
const PAUSE: Duration = Duration::from_mins(1);

/// What there is to complain about.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    said: Option<Instant>,
    count: u64,
}

impl Complaint {
    /// It happened again: how often since this was last said, when it is time to say so.
    pub(crate) fn again(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let due = self
            .said
            .is_none_or(|said| now.saturating_duration_since(said) >= PAUSE);
        if !due {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_once_a_minute_with_how_often() {
        let (mut complaint, now) = (Complaint::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(complaint.again(now), Some(1));
        for second in 1..60 {
            assert_eq!(complaint.again(after(second)), None);
        }
        assert_eq!(complaint.again(after(60)), Some(60));
        assert_eq!(complaint.again(after(500)), Some(1));
    }
}
