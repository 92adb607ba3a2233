//! Why messages were dropped or refused without a transaction, counted.

macro_rules! reasons {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// Why a message was dropped, absorbed, or refused without a transaction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason {
            $(#[doc = $doc] $variant,)*
        }

        impl DropReason {
            /// All of them, in the order of [`Endpoint::drops`](crate::Endpoint::drops).
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A short name: a metric's label.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    Malformed = "malformed", "Could not be read and could not or must not be answered.";
    MalformedRefused = "malformed-refused", "A request that could not be read; answered statelessly.";
    RequestCopy = "request-copy", "A copy of a request that is being or has been answered.";
    AckCopy = "ack-copy", "A copy of the ACK to a refusal.";
    AckOfStateless = "ack-of-stateless", "The ACK to a refusal that was sent statelessly.";
    AckTooEarly = "ack-too-early", "An ACK to an INVITE without final answer.";
    AckUnmatched = "ack-unmatched", "An ACK that matches no INVITE and has no To-tag, so can't be for a 2xx either.";
    CancelUnmatched = "cancel-unmatched", "A CANCEL for no INVITE here; refused with 481.";
    CancelledBefore = "cancelled-before", "An INVITE whose CANCEL was here before it; refused with 487.";
    CancelTooLate = "cancel-too-late", "A CANCEL for an INVITE that has its final answer; answered 200, without effect (RFC 3261 §9.2).";
    InviteUnkept = "invite-of-refused", "An INVITE with the tag of a refusal of which nothing was kept; refused with 481.";
    MethodRefused = "method-refused", "A method that isn't taken; refused with 405 or 501.";
    SchemeRefused = "scheme-refused", "A Request-URI that is none of sip, sips, tel, or of an INVITE urn:service:sos; refused with 416.";
    TooManyHops = "too-many-hops", "Max-Forwards is 0; refused with 483.";
    Merged = "merged", "The same request came by another way too; refused with 482.";
    ExtensionRefused = "extension-refused", "Requires what we don't have; refused with 420.";
    Overload = "overload", "More than can be done now, or too many server transactions; refused with 503.";
    Banned = "banned", "From an address that is banned; not read.";
    Scanner = "scanner", "A scanner's request.";
    RateLimited = "rate-limited", "More requests than its source may send; dropped, or a trunk's refused with 503.";
    SourceUnknown = "source-unknown", "A request from an address that is nobody's; dropped, or answered (403, 405; OPTIONS with 200) without anything being kept of it.";
    SourceUnproved = "source-unproved", "A request without credentials from an address that may be a user's; challenged.";
    Loop = "loop", "A call that has come back to us once too often; refused with 482.";
    ResponseCopy = "response-copy", "A copy of a response that was dealt with.";
    ResponseVias = "response-vias", "A response with more than one Via (RFC 3261 §8.1.3.3).";
    ResponseNotOurs = "response-not-ours", "A response whose top Via is not of our making (RFC 3261 §18.1.2).";
    ResponseUnmatched = "response-unmatched", "A response to no transaction that is alive (RFC 6026 §7.3).";
    ResponseLate = "response-late", "A response that its transaction has no use for any more.";
    TooManyForks = "too-many-forks", "A 2xx from one more branch than is ACKed.";
    AnswerLate = "answer-late", "Our own user answered a transaction that is over or answered.";
    AnswerForbidden = "answer-forbidden", "Our own user answered what RFC 4320 forbids, or no response.";
}

/// A counter per reason.
#[derive(Clone, Debug)]
pub(super) struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    pub(super) const fn new() -> Self {
        Self([0; DropReason::ALL.len()])
    }

    pub(super) fn count(&mut self, reason: DropReason) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter += 1;
        }
    }

    pub(super) fn get(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }
}
