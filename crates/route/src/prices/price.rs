//! Prices as they are compared: four bytes each, in the order of the amounts that they stand for.

use crate::deck::{self, Money, Rate};

/// Talk time over which offers are compared, so that fees and increments count: about the mean length of a
/// call.
const COMPARED_MS: u64 = 180_000;

/// Minutes in [`COMPARED_MS`].
pub(crate) const COMPARED_MINUTES: u64 = COMPARED_MS / 60_000;

/// What a call of three minutes costs.
///
/// Below two units of the base currency to the billionth; above, where four bytes don't hold that, to a thirty-millionth of itself:
/// two prices that are closer than that are equal. Nothing else is lost, and what is billed comes from the rate itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Price(u32);

/// Bits of an amount that are kept where not all of them are.
const MANTISSA: u32 = 25;
/// Amounts below two to the power of this stand for themselves.
const EXACT: u32 = 31;

impl Price {
    /// There is no offer: behind every price.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Of an amount.
    pub(crate) const fn of(amount: Money) -> Self {
        let amount = amount.0;
        let bits = u64::BITS - amount.leading_zeros();
        if bits <= EXACT {
            return Self(amount as u32);
        }
        let mantissa = (amount >> (bits - 1 - MANTISSA)) as u32 & ((1 << MANTISSA) - 1);
        Self((1 << EXACT) + ((bits - 1 - EXACT) << MANTISSA) + mantissa)
    }

    /// Of a rate.
    pub(crate) fn of_rate(rate: Rate) -> Self {
        Self::of(deck::cost(rate, COMPARED_MS))
    }

    /// The least amount that it may stand for; `None`: there is none.
    pub(crate) const fn amount(self) -> Option<Money> {
        if self.0 == Self::NONE.0 {
            return None;
        }
        let Some(code) = self.0.checked_sub(1 << EXACT) else {
            return Some(Money(self.0 as u64));
        };
        let (exponent, mantissa) = (code >> MANTISSA, code & ((1 << MANTISSA) - 1));
        let whole = (1u64 << MANTISSA) | mantissa as u64;
        Some(Money(whole << (exponent + EXACT - MANTISSA)))
    }

    /// How it compares with another: their quotient. 1 where both are nothing.
    pub(crate) fn relative_to(self, other: Self) -> f32 {
        match (self.amount(), other.amount()) {
            (Some(Money(0)), Some(Money(0))) => 1.0,
            (Some(own), Some(other)) => (own.0 as f64 / other.0 as f64) as f32,
            (None, _) => f32::INFINITY,
            (Some(_), None) => 0.0,
        }
    }

    /// Of what [`Price::bits`] gave.
    pub(crate) const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits, in the order of prices.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prices_stand_in_the_order_of_their_amounts(a: u64, b: u64, shift in 0u32..64) {
            let (a, b) = (a >> shift, b >> shift);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(Price::of(Money(low)) <= Price::of(Money(high)));
            prop_assert!(Price::of(Money(high)) < Price::NONE);
            if high - low > high >> MANTISSA {
                prop_assert!(Price::of(Money(low)) < Price::of(Money(high)), "{} {}", low, high);
            }
        }

        #[test]
        fn a_price_says_its_amount_again(amount: u64, shift in 0u32..64) {
            let amount = amount >> shift;
            let said = Price::of(Money(amount)).amount().unwrap().0;
            prop_assert!(said <= amount && amount - said <= amount >> MANTISSA);
            if amount < 1 << EXACT {
                prop_assert_eq!(said, amount);
            }
        }
    }

    #[test]
    fn quotients_are_defined_for_every_pair() {
        let of = |amount| Price::of(Money(amount));
        for (a, b, quotient) in [
            (of(30), of(20), 1.5),
            (of(0), of(0), 1.0),
            (of(0), of(5), 0.0),
            (of(5), of(0), f32::INFINITY),
            (Price::NONE, of(5), f32::INFINITY),
            (of(5), Price::NONE, 0.0),
            (Price::NONE, Price::NONE, f32::INFINITY),
        ] {
            assert_eq!(a.relative_to(b), quotient, "{a:?} {b:?}");
        }
    }
}
