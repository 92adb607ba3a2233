//! Plain least cost: the cheapest that is up, always.

use super::{Ask, Offer, Policy, Seen};
use crate::world::Ms;

/// The cheapest that is up, then the next.
#[derive(Debug, Default, Clone, Copy)]
pub struct LeastCost;

/// By price, then in the order of the configuration.
pub(super) fn by_price(offers: &[Offer], order: &mut Vec<usize>) {
    let mut offers: Vec<&Offer> = offers.iter().collect();
    offers.sort_by(|a, b| a.price.total_cmp(&b.price));
    order.extend(offers.iter().map(|offer| offer.carrier));
}

impl Policy for LeastCost {
    fn order(&mut self, ask: &Ask<'_>, order: &mut Vec<usize>) -> Option<usize> {
        by_price(ask.offers, order);
        None
    }

    fn note(&mut self, _: &Seen<'_>) {}

    fn tick(&mut self, _: Ms) {}
}
