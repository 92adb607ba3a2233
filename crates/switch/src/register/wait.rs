//! How long until the next round.

use std::time::Duration;

use crate::core::Core;

/// After the first failure; each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest while nobody answers. A transaction's last copy and this together are below 40 s, so that a registrar that comes back
/// has us again by then.
const SILENT: Duration = Duration::from_secs(30);
/// The longest after answers that say no.
const REFUSED: Duration = Duration::from_secs(300);
/// After our credentials were not taken: it is for people to mend that.
const AUTH: Duration = Duration::from_secs(600);
/// The longest that a Retry-After is believed.
const ASKED: Duration = Duration::from_secs(3600);

/// Why a round has failed, as far as the wait goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// No answer, no address, no way.
    Silent,
    /// An answer that says no.
    Refused,
    /// An answer that says when to ask again.
    Asked(Duration),
    /// Our credentials.
    Auth,
}

/// The time until the next round after `failures` in a row; `chance` is 0 to 1.
pub(super) fn after_failure(why: Why, failures: u32, chance: f64) -> Duration {
    let doubled = |most: Duration| {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        FIRST.saturating_mul(factor).min(most)
    };
    match why {
        Why::Silent => doubled(SILENT).mul_f64(0.5 + chance / 2.0),
        Why::Refused => doubled(REFUSED).mul_f64(0.5 + chance / 2.0),
        Why::Auth => AUTH.mul_f64(1.0 + chance / 4.0),
        // Not before; and not all at once.
        Why::Asked(wait) => wait.min(ASKED) + Duration::from_secs(2).mul_f64(chance),
    }
}

/// The time until what was granted is refreshed: 75 to 88 % of it.
pub(super) fn refresh(granted: Duration, chance: f64) -> Duration {
    granted.mul_f64(0.75 + 0.13 * chance)
}

/// A random number from 0 to 1.
pub(super) fn fraction(core: &mut Core) -> f64 {
    f64::from((core.random() % 10_000) as u32) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_have_an_end() {
        let secs = |why, failures, chance| after_failure(why, failures, chance).as_secs_f64();
        for (why, failures, least, most) in [
            (Why::Silent, 1, 0.5, 1.0),
            (Why::Silent, 3, 2.0, 4.0),
            (Why::Silent, 6, 15.0, 30.0),
            (Why::Silent, u32::MAX, 15.0, 30.0),
            (Why::Refused, 6, 16.0, 32.0),
            (Why::Refused, 1000, 150.0, 300.0),
            (Why::Auth, 1, 600.0, 750.0),
            (Why::Asked(Duration::from_secs(20)), 9, 20.0, 22.0),
            (Why::Asked(Duration::MAX), 1, 3600.0, 3602.0),
        ] {
            assert_eq!(
                (secs(why, failures, 0.0), secs(why, failures, 1.0)),
                (least, most),
                "{why:?} {failures}"
            );
        }
        let hour = Duration::from_secs(3600);
        assert!(refresh(hour, 0.0) >= hour / 2 && refresh(hour, 1.0) <= hour.mul_f64(0.95));
    }
}
