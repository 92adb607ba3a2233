//! Who vouches for a caller's number (STIR/SHAKEN): the signatures of a call that comes in are judged, those of one that goes out
//! are made.
//!
//! | file | what it is |
//! |---|---|
//! | `vouch/material.rs` | key, trust anchors and numbering of a configuration |
//! | `vouch/cache.rs` | certificates that have been fetched, or are being |
//! | `vouch/incoming.rs` | verification, and the wait for a certificate |
//! | `vouch/outgoing.rs` | signing, handing on, and telling of the outcome |

mod cache;
mod incoming;
mod material;
mod outgoing;

pub(crate) use cache::Certificates;
pub use cache::FetchedCertificate;
pub(crate) use incoming::fetched;
pub use material::{Stir, stir};

use sip_proto::timers::TimerKey;
use stir::{Attest, Verdict};

use crate::call::Call;
use crate::record::StirRecord;

/// What a call knows of who vouches for whom. A call that has nothing to do with it has none.
#[derive(Debug, Default)]
pub(crate) struct Vouch {
    /// What came of the verification.
    verdict: Option<Verdict>,
    /// For certificates that are being fetched.
    waiting: Option<Waiting>,
    /// What the last attempt's INVITE said.
    said: Said,
    /// The origination identifier that we sign with, the same in all attempts.
    origid: Option<String>,
}

#[derive(Debug)]
struct Waiting {
    missing: usize,
    timer: Option<TimerKey>,
}

/// What an INVITE of ours says of the caller.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nothing.
    #[default]
    Nothing,
    /// Signed by us.
    Signed(Attest),
    /// What others have signed.
    HandedOn,
    /// The same, and our signature that the call was retargeted.
    Diverted,
}

impl Call {
    /// Says of the caller what this other call of the same caller knows and has said: contacts that ring at once are calls of their own.
    pub(crate) fn vouch_as(&mut self, other: &Self) {
        let Some(known) = other.story.vouch.as_deref() else {
            return;
        };
        self.story.vouch = Some(Box::new(Vouch {
            verdict: known.verdict.clone(),
            waiting: None,
            said: known.said,
            origid: known.origid.clone(),
        }));
    }
}

impl Vouch {
    /// As it stands in the record.
    pub(crate) fn record(&self) -> Option<Box<StirRecord>> {
        let mut record = StirRecord::default();
        match &self.verdict {
            None => {}
            Some(verdict) => {
                record.verstat = Some(verdict.verstat().to_string());
                match verdict {
                    Verdict::Passed(verified) => {
                        record.origid.clone_from(&verified.origid);
                        record.diverted = verified.diverted;
                    }
                    Verdict::Failed(_, why) => record.reason = Some(why.clone()),
                }
            }
        }
        match self.said {
            Said::Nothing => {}
            Said::Signed(attest) => {
                record.sent = Some(format!("shaken {attest}"));
                record.sent_origid.clone_from(&self.origid);
            }
            Said::HandedOn => record.sent = Some("handed-on".to_owned()),
            Said::Diverted => record.sent = Some("div".to_owned()),
        }
        (record != StirRecord::default()).then(|| Box::new(record))
    }
}
