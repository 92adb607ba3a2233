//! What a call is worth: the objective that all policies are measured by, and that the oracle makes the most of.
//!
//! A call to somebody who would have answered is worth from 0 to 1: 0 if it did not get through, or was answered by somebody else or by
//! nobody (false answer, dead air); otherwise what its sound and the wait for it leave. A call to somebody who would not have answered is worth
//! nothing whoever carries it. An answer costs, relative to the cheapest carrier that was to be had; that a liar's answers cost too is
//! what makes lies pay. A call's utility is `quality * worth - price * extra`, the weights being its class's.

/// Relative extra price above which a carrier is no dearer than at it.
pub const MOST_EXTRA: f64 = 2.0;

/// What sound of this MOS leaves: all from 4.0 on, nothing at 2.0 and below.
pub fn of_sound(mos: f64) -> f64 {
    ((mos - 2.0) / 2.0).clamp(0.0, 1.0)
}

/// What a wait of so many seconds until it rings leaves: all up to 3 s, a twentieth less per second from then on, 0.3 at least.
pub fn of_wait(seconds: f64) -> f64 {
    (1.0 - 0.05 * (seconds - 3.0).max(0.0)).max(0.3)
}

/// Price over that of the cheapest, relative to it.
pub fn extra(price: f64, cheapest: f64) -> f64 {
    if cheapest <= 0.0 {
        return if price <= 0.0 { 0.0 } else { MOST_EXTRA };
    }
    ((price - cheapest) / cheapest).clamp(0.0, MOST_EXTRA)
}
