//! The four transaction machines (RFC 3261 §17, RFC 6026, RFC 4320), as pure types.
//!
//! A machine knows its state, takes an input and says what is to be done; it holds no message, no address and no clock.
//! [`Endpoint`](crate::Endpoint) keeps those and carries the actions out in order. Every row of the state tables in
//! `docs/specs/sip-transaction.md` is a test with the row's name in the machine's own file.
//!
//! No transaction ever has more than two timers running: one that repeats a message and one that ends the state. Which of the
//! RFC's letters they stand for follows from machine and state.

pub mod client_invite;
pub mod client_non_invite;
pub mod server_invite;
pub mod server_non_invite;

pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;

use std::time::Duration;

use smallvec::SmallVec;

/// Which of a transaction's two timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Sends again: timers A, E, G, and the core's retransmission of a 2xx (RFC 3261 §13.3.1.4).
    Repeat,
    /// Ends the state: timers B, D, F, H, I, J, K, L, M, and the wait for a final answer after CANCEL (§9.1).
    Limit,
}

/// Something to be done for a machine, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send what is kept: a client's request, a server's last response.
    Send,
    /// Server of a non-INVITE: send a 100 of our own and keep it as the last response (RFC 4320 §4.1).
    SendTrying,
    /// Client of an INVITE: ACK the refusal (RFC 3261 §17.1.1.3).
    SendAck,
    /// Client of an INVITE: send the CANCEL (RFC 3261 §9.1).
    SendCancel,
    /// Give the message at hand to the transaction user.
    Deliver,
    /// Start a timer, or start it anew.
    Start(Slot, Duration),
    /// Stop a timer.
    Stop(Slot),
    /// Tell the user that no final response came in time.
    Timeout,
    /// Tell the user that the request could not be sent.
    Failed,
    /// Tell the user that the 2xx was never ACKed.
    AckTimeout,
    /// Tell the user that a response may not have arrived.
    Gone,
    /// Drop what was kept for sending again; a server's INVITE is settled.
    Forget,
    /// The transaction is over: take it away.
    End,
}

/// What one input leads to.
pub type Actions = SmallVec<[Action; 6]>;

/// Starts a timer at once or, where the RFC sets it to zero, ends the transaction.
fn linger(actions: &mut Actions, time: Option<Duration>) {
    match time {
        Some(time) => actions.push(Action::Start(Slot::Limit, time)),
        None => actions.push(Action::End),
    }
}

/// One test per row of a state table: a name (checked to stand in the specification too), the machine before,
/// the input, the actions and the state after.
#[cfg(test)]
macro_rules! rows {
    ($($name:ident: $machine:expr, $input:expr => [$($action:expr),*], $state:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let spec = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/sip-transaction.md"));
                assert!(spec.contains(concat!("`", stringify!($name), "`")), "the specification has this row");
                let mut machine = $machine;
                let actions = machine.on($input, &$crate::Timers::default());
                let expected: Vec<$crate::transaction::Action> = vec![$($action),*];
                assert_eq!(actions.to_vec(), expected);
                assert_eq!(machine.state(), $state);
            }
        )*
    };
}
#[cfg(test)]
use rows;
