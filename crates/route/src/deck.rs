//! Price decks: what a trunk asks for a call, by longest prefix of the called number.

/// A trunk's prices.
#[derive(Debug, Clone, Default)]
pub struct Deck {}

/// An amount of money in the deck's currency, in billionths of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub u64);

/// What one row of a deck asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Price of a minute.
    pub per_minute: Money,
    /// Fee for the connection, whatever its length.
    pub fee: Money,
    /// Seconds charged at least.
    pub first_interval: u16,
    /// Seconds by which a longer call is charged.
    pub increment: u16,
    /// The trunk does not sell this destination.
    pub blocked: bool,
    /// How many digits of the called number the row matched.
    pub prefix_len: u8,
}

/// A row of a deck that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {column}: {message}")]
pub struct RowError {
    /// Line in the file, from 1.
    pub line: u32,
    /// Name of the column.
    pub column: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Reads a deck from CSV.
pub fn parse_csv(text: &str) -> Result<Deck, Vec<RowError>> {
    todo!()
}

impl Deck {
    /// The row with the longest prefix of `digits` that is in force at `at_unix_s`.
    pub fn lookup(&self, digits: &str, at_unix_s: u64) -> Option<Rate> {
        todo!()
    }
}

/// What a call with `talk_ms` of conversation costs at `rate`.
pub fn cost(rate: Rate, talk_ms: u64) -> Money {
    todo!()
}
