//! Prices as they are compared: four bytes each, in the order of the amounts that they stand for.

use crate::deck::{self, Money, Rate};

/// Talk time over which offers are compared, so that fees and increments count: about the mean length of a
/// call.
pub(crate) const COMPARED_MS: u64 = 180_000;

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

    /// Of what [`Price::bits`] gave.
    pub(crate) const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The amount, to as many digits as are kept, in billionths; of no offer more than any.
    pub(crate) const fn amount(self) -> u64 {
        let bits = self.0;
        if bits >> EXACT == 0 {
            return bits as u64;
        }
        let (above, mantissa) = (bits & ((1 << EXACT) - 1), bits & ((1 << MANTISSA) - 1));
        let shift = (above >> MANTISSA) + EXACT - MANTISSA;
        // No amount has more than 64 bits.
        if shift + MANTISSA >= u64::BITS {
            return u64::MAX;
        }
        (1_u64 << MANTISSA | mantissa as u64) << shift
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
        fn a_price_stands_for_its_amount(amount: u64, shift in 0u32..64) {
            let amount = amount >> shift;
            let kept = Price::of(Money(amount)).amount();
            prop_assert!(kept <= amount && amount - kept <= amount >> MANTISSA, "{} {}", amount, kept);
            prop_assert!(Price::NONE.amount() == u64::MAX);
        }

        #[test]
        fn small_prices_are_told_apart_to_the_billionth(amount in 0u64..(1 << EXACT) - 1) {
            prop_assert!(Price::of(Money(amount)) < Price::of(Money(amount + 1)));
        }
    }
}
