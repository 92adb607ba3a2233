//! What a call without a caller of its own is for, and what it leaves to the call that waits for it.

use config::Until;
use route::{AttemptOutcome, TrunkIx};
use sdp::Sdp;
use sip_msg::Message;

use super::fork::OVERTAKEN;
use super::story::{Close, Tried};
use crate::ident::CallKey;

/// What makes a call an errand.
pub(crate) struct Errand {
    pub(crate) of: CallKey,
    /// Whose call it is: the transferor's.
    pub(crate) customer: TrunkIx,
    /// The transferee's session, as an offer.
    pub(crate) offer: Sdp,
    /// The INVITE that the transferor would have sent for the transferee.
    pub(crate) invite: Message,
    /// Its Request-URI, where that is the Refer-To's as it stands.
    pub(crate) uri: Option<Vec<u8>>,
    pub(crate) kind: ErrandKind,
    /// The redirection that it was answered with, for the call that waits for it to follow.
    pub(in crate::call) moved: Option<Message>,
}

/// What a call without a caller of its own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrandKind {
    /// It looks for a transfer's target.
    Transfer,
    /// It is one of several contacts of a user that ring at once.
    Contact,
    /// It is one of several carriers that are asked at once, until one of them is the first to do this.
    Rival(Until),
}

impl Errand {
    /// Whether it is one of several attempts of one call, which is the caller's own.
    pub(crate) fn is_branch(&self) -> bool {
        match self.kind {
            ErrandKind::Transfer => false,
            ErrandKind::Contact | ErrandKind::Rival(_) => true,
        }
    }

    /// Whether it is one of several carriers.
    pub(crate) fn is_rival(&self) -> bool {
        matches!(self.kind, ErrandKind::Rival(_))
    }
}

/// What an errand leaves for the record.
#[derive(Default)]
pub(crate) struct Tale {
    pub(in crate::call) tried: Vec<Tried>,
    /// Why they stood in their order.
    pub(in crate::call) lines: Vec<String>,
    /// Of a branch: what became of the decision, and how it has failed.
    pub(in crate::call) remarks: Vec<String>,
    pub(in crate::call) lost: Option<AttemptOutcome>,
    /// The answer that it has failed with, where that matters.
    pub(in crate::call) answer: Option<Message>,
}

impl Tale {
    /// Whatever is still open in it was given up.
    pub(in crate::call) fn close(&mut self) {
        for tried in &mut self.tried {
            tried.close.get_or_insert(Close {
                outcome: OVERTAKEN,
                elapsed_ms: tried.pdd_ms.unwrap_or_default(),
                sip: 487,
                q850: None,
            });
        }
    }
}
