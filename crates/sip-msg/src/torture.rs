//! RFC messages.
