//! So many a second.

use std::time::{Duration, Instant};

/// A bucket that holds one second's worth, and fills over that second.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: u32,
    spent: u32,
    since: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            spent: 0,
            since: None,
        }
    }

    /// Whether there is one more.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let each = Duration::from_secs(1) / self.per_second;
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        let earned = u32::try_from(passed.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX);
        if earned >= self.spent {
            (self.spent, self.since) = (0, Some(now));
        } else if earned > 0 {
            self.spent -= earned;
            self.since = Some(since + each * earned);
        }
        let is_left = self.spent < self.per_second;
        self.spent += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(10);
        let burst = (0..100).filter(|_| budget.take(start)).count();
        assert_eq!(burst, 10);
        let ask = |budget: &mut Budget, ms: u64| budget.take(start + Duration::from_millis(ms));
        assert!(!ask(&mut budget, 99));
        assert!(ask(&mut budget, 100));
        assert!(!ask(&mut budget, 150), "half a one is none");
        assert!(ask(&mut budget, 200), "and is not forgotten");
        let second = (10_000..11_000).filter(|ms| ask(&mut budget, *ms)).count();
        assert!(
            (19..=20).contains(&second),
            "a full bucket and a second's filling: {second}"
        );
    }
}
