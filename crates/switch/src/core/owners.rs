//! Who waits for what: the answers to requests of ours, addresses of names, timers.

use rtp_proto::control::Side;

use crate::ident::CallKey;
use crate::pager::PageKey;

/// Who waits for the answer to a request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientOwner {
    /// The INVITE of a call's current attempt.
    Attempt(CallKey),
    /// A re-INVITE that carries one side's offer to `Side`.
    Reinvite(CallKey, Side),
    /// A BYE to this side of a call.
    Bye(CallKey, Side),
    /// A mid-dialog request relayed to this side (INFO and the like).
    Relayed(CallKey, Side),
    /// A refresh of the session timer of this side of a call.
    Refresh(CallKey, Side),
    /// The PRACK for a reliable response of a call's called side.
    Prack(CallKey),
    /// An INVITE that its call has given up.
    Orphan,
    /// An OPTIONS ping; the number is the pinger's.
    Ping(u32),
    /// A BYE of no call's.
    Goodbye,
    /// A request outside of any dialog that was sent on.
    Page(PageKey),
    /// A REGISTER of ours; the number is the registration's.
    Register(u32),
    /// An OPTIONS to a registered contact; the number is the binding's.
    Contact(u64),
    /// An OPTIONS of a trunk's test; the number is that of the pings to its target.
    Probe(u64),
    /// A request whose answer nobody waits for any more.
    Nobody,
}

/// Who waits for a host name's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// A call's attempt.
    Call(CallKey),
    /// An OPTIONS ping.
    Ping(u32),
    /// A request outside of any dialog.
    Page(PageKey),
    /// A registration of ours.
    Register(u32),
    /// A trunk's source, by its place among them.
    Source(u32),
    /// The pings of a trunk's test to one target.
    Probe(u64),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The current attempt has been silent, without progress, or unanswered for too long.
    Stage(CallKey),
    /// The call has lasted as long as a call may.
    MaxDuration(CallKey),
    /// The record or the media figures are late: the caller waits no longer.
    StoreDeadline(CallKey),
    /// Time for an interim record.
    Interim(CallKey),
    /// The session timer of one side of a call.
    Session(CallKey, Side),
    /// A provisional response has waited for its PRACK.
    Prack(CallKey),
    /// A caller's certificate is late: its call goes on without.
    Certificate(CallKey),
    /// Word of who serves the called number is late: its call goes on without.
    Dip(CallKey),
    /// Time to ping a target; the number is the pinger's.
    Ping(u32),
    /// A request outside of any dialog has not been answered.
    Page(PageKey),
    /// Time for a registration's next round.
    Register(u32),
    /// A registered contact is to be kept reachable, or has run out.
    Binding(u64),
    /// Registrations of others are to be handed out.
    SaveBindings,
    /// Time to look up a trunk's source, by its place among them.
    Source(u32),
    /// Time to look at a customer's credit, by its place among the accounts.
    Credit(u32),
    /// What calls in progress cost is to be looked at.
    Guard,
    /// What was learned of carriers is to be looked at.
    Learn,
}
