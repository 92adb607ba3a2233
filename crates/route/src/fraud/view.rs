//! What an operator sees.

use super::bars::Kind;
use super::{Event, Guard, Moment, Way};
use serde::Serialize;

/// The guard as an operator sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FraudView {
    /// What is blocked or throttled, the latest first.
    pub blocks: Vec<BlockView>,
    /// What was found, the latest first: the last [`MAX_EVENTS`](super::MAX_EVENTS).
    pub events: Vec<EventView>,
}

/// A block or throttle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockView {
    /// Its number, which is that of its event too.
    pub id: u64,
    /// The trunk whose calls are meant.
    pub customer: String,
    /// Which of them: `+252`, `unusual destinations`, `all calls`.
    pub scope: String,
    /// `out` for a customer's calls, `in` for a carrier's.
    pub way: &'static str,
    /// What was found.
    pub rule: &'static str,
    /// `block`, or `throttle`.
    pub action: &'static str,
    /// Calls per second that get through, where some do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
    /// Seconds until it ends.
    pub left_s: u64,
    /// Calls that it has refused.
    pub refused: u64,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventView {
    /// Its number.
    pub id: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// The trunk whose calls they are.
    pub customer: String,
    /// `out` for a customer's calls, `in` for a carrier's.
    pub way: &'static str,
    /// What was found.
    pub rule: &'static str,
    /// Where they go, or come from.
    pub place: String,
    /// What was counted.
    pub figure: &'static str,
    /// How much of it.
    pub seen: f64,
    /// How much is usual.
    pub usual: f64,
    /// How much there may be.
    pub limit: f64,
    /// What was spent there within an hour.
    pub spent: String,
    /// Some of the numbers.
    pub numbers: Vec<String>,
    /// About how many numbers were called.
    pub called: u32,
    /// About how many numbers called.
    pub callers: u32,
    /// What was done: `alerted`, `throttled`, `blocked`, `cut`.
    pub done: &'static str,
    /// Calls that were ended.
    pub cut: u32,
}

fn word(way: Way) -> &'static str {
    match way {
        Way::Out => "out",
        Way::In => "in",
    }
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            at_ms: event.at_ms,
            customer: event.customer.to_string(),
            way: word(event.way),
            rule: event.rule.word(),
            place: event.place.clone(),
            figure: event.figure,
            seen: event.seen,
            usual: event.usual,
            limit: event.limit,
            spent: event.spent.to_string(),
            numbers: event.numbers.clone(),
            called: event.called,
            callers: event.callers,
            done: event.done.word(),
            cut: event.cut,
        }
    }
}

impl Guard {
    /// What is barred, and what was found.
    #[must_use]
    pub fn view(&self, now: Moment) -> FraudView {
        let mut blocks: Vec<BlockView> = Vec::new();
        for customer in &self.customers {
            let standing = customer.bars.list.iter().filter(|bar| !bar.is_over(now.at));
            blocks.extend(standing.map(|bar| BlockView {
                id: bar.id,
                customer: customer.name.to_string(),
                scope: bar.scope.to_string(),
                way: word(bar.way),
                rule: bar.rule.word(),
                action: match bar.kind {
                    Kind::Block => "block",
                    Kind::Throttle(_) => "throttle",
                },
                rate: match bar.kind {
                    Kind::Block => None,
                    Kind::Throttle(rate) => Some(rate),
                },
                since_ms: bar.since_ms,
                left_s: bar.until.saturating_duration_since(now.at).as_secs() + 1,
                refused: bar.refused,
            }));
        }
        blocks.sort_by_key(|block| std::cmp::Reverse(block.id));
        FraudView {
            blocks,
            events: self.events.iter().rev().map(EventView::from).collect(),
        }
    }

    /// How many bars there are; one that is over goes with the next call of its customer's.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.customers
            .iter()
            .map(|customer| customer.bars.list.len())
            .sum()
    }
}
