//! What a carrier leaves of what the customer pays.

use crate::deck::Money;
use std::fmt;

/// A share of a price, in billionths of it: above 0 what is earned, below 0 what is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Margin(pub i64);

impl Margin {
    const WHOLE: i64 = 1_000_000_000;

    /// Of a share: 0.1 is a tenth.
    pub(crate) fn from_share(share: f64) -> Self {
        // A cast from float saturates, and takes NaN for 0.
        Self((share * Self::WHOLE as f64).round() as i64)
    }

    /// What is left of `sell` behind `cost`. All is lost where something is given for nothing.
    pub fn of(sell: Money, cost: Money) -> Self {
        if sell == cost {
            return Self(0);
        }
        let (sell, cost) = (i128::from(sell.0), i128::from(cost.0));
        let left = ((sell - cost) * i128::from(Self::WHOLE)).checked_div_euclid(sell);
        Self(left.and_then(|left| i64::try_from(left).ok()).unwrap_or(i64::MIN))
    }

    /// The most that may be paid of `sell` if this is to be left.
    pub(crate) fn most_of(self, sell: Money) -> Money {
        let share = i128::from(Self::WHOLE) - i128::from(self.0);
        let most = i128::from(sell.0) * share.max(0) / i128::from(Self::WHOLE);
        Money(u64::try_from(most).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Margin {
    /// In percent, with a decimal where it is needed: `-12.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 as f64 / (Self::WHOLE / 1000) as f64).round();
        if tenths % 10.0 == 0.0 {
            write!(f, "{:.0} %", tenths / 10.0)
        } else {
            write!(f, "{:.1} %", tenths / 10.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_margin_is_a_share_of_what_the_customer_pays() {
        for (sell, cost, percent) in [
            (100, 80, "20 %"),
            (100, 100, "0 %"),
            (100, 112, "-12 %"),
            (1000, 1125, "-12.5 %"),
            (100, 200, "-100 %"),
            (0, 0, "0 %"),
            (100, 0, "100 %"),
        ] {
            assert_eq!(
                Margin::of(Money(sell), Money(cost)).to_string(),
                percent,
                "{sell} {cost}"
            );
        }
        assert_eq!(Margin::of(Money(0), Money(1)), Margin(i64::MIN));
    }

    proptest! {
        #[test]
        fn what_may_be_paid_leaves_what_is_to_be_left(sell in 1u64..10_000_000_000, share in -1.0f64..1.0) {
            let (sell, least) = (Money(sell), Margin::from_share(share));
            let most = least.most_of(sell);
            prop_assert!(Margin::of(sell, most) >= least, "{:?} {:?}", most, least);
            prop_assert!(Margin::of(sell, Money(most.0 + 2)) < least, "{:?} {:?}", most, least);
        }
    }
}
