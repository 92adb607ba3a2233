//! The call record: what is written, once, for every call that was admitted.
//!
//! A record is plain data. `records` stores it, `api` and the command line show it; only this crate fills it.

use route::AttemptOutcome;
pub use route::deck::{Balance, Money};
use route::quality::{CallResult, Ending};
pub use rtp_proto::control::{AfterAnswer, BadAnswer, Heard, LossStructure, Quality};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::result::Measured;

/// Version of the record's shape. A reader refuses a newer one and migrates an older one.
pub const RECORD_VERSION: u32 = 1;

/// One call, from its INVITE to its end, with every attempt that was made for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Shape of this record, [`RECORD_VERSION`].
    pub version: u32,
    /// The call's id, as it stands on every log line; unique over nodes and restarts.
    pub id: String,
    /// `node.name` of the switch that carried the call.
    pub node: String,
    /// Whether this is the last word on the call, or an interim account of one that goes on.
    pub state: RecordState,
    /// When the INVITE came, milliseconds since 1970 (UTC), by the wall clock of that moment.
    pub started_ms: u64,
    /// When the caller was answered; milliseconds since 1970, derived from `started_ms` and the monotonic clock.
    pub answered_ms: Option<u64>,
    /// When the call ended; derived likewise, so that a stepped wall clock never bends a duration.
    pub ended_ms: Option<u64>,
    /// From INVITE to the first 18x or answer that the caller got, milliseconds (RFC 6076 §4.3).
    pub pdd_ms: Option<u64>,
    /// From the first 180/183 to the answer or the end, milliseconds.
    pub ring_ms: Option<u64>,
    /// From answer to end, milliseconds; 0 for a call that was not answered. This is the billable time.
    pub talk_ms: u64,
    /// Trunk the call came from.
    pub from_trunk: String,
    /// Trunk that answered, or was tried last.
    pub to_trunk: Option<String>,
    /// Calling number or user, as received.
    pub caller: String,
    /// Called number or user: in E.164 where the trunk's `numbering` or dial plan tells, else as received.
    pub called: String,
    /// What was dialled, where that is not `called`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled: Option<String>,
    /// The routing number of a ported number, by which the call was priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<String>,
    /// It was a customer's call to emergency services.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// Address that the INVITE came from.
    pub source: SocketAddr,
    /// Call-ID of the caller's leg.
    pub call_id: String,
    /// Who ended the call.
    pub hung_up_by: HungUpBy,
    /// Why it ended.
    pub cause: Cause,
    /// Every carrier that was tried, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Transfers that the call was asked for, in order; absent where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<TransferRecord>,
    /// What arrived from the caller.
    pub caller_media: MediaRecord,
    /// What arrived from the called party.
    pub called_media: MediaRecord,
    /// Mean opinion score of what both sides said, as it arrived here: 1 to 4.5 (ITU-T G.107).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "rtp_proto::figures::score_if_known"
    )]
    pub mos: Option<f32>,
    /// The score of the worst five seconds of either.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "rtp_proto::figures::score_if_known"
    )]
    pub mos_min: Option<f32>,
    /// Who vouched for the caller; absent where nobody was asked and nothing was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stir: Option<Box<StirRecord>>,
    /// It was a test of a trunk (`tandem trunk test`), and nobody's call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// The route decision as data: what it saw, and what it made of it. Absent where the call did not come to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Box<route::DecisionView>>,
    /// What the carriers that answered ask, in `currency`; 0 where nobody answered; absent where no deck prices who was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// What the customer pays, likewise; absent where it has no prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// `price` less `cost`; absent where one of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Balance>,
    /// The base currency (`billing.currency`) when the call began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What is taken off which customer's credit for it: the store does that together with writing the final record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountRecord>,
    /// What an application has said of the call. The store keeps it beside the record, and readers put it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Box<FeedbackRecord>>,
    /// Why the attempts stood in this order: the route decision in words, one line per candidate; then a line for each trunk that could
    /// not be offered the call, with the reason.
    pub decision: Vec<String>,
}

/// What an application says of how a call was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRecord {
    /// When it came, milliseconds since 1970 (UTC).
    pub given_ms: u64,
    /// From 1, bad, to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// What was wrong, in words of the application's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A price that is taken off a customer's credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The customer's trunk.
    pub customer: String,
    /// The amount, in the record's currency.
    pub price: Money,
}

/// STIR/SHAKEN of a call: what came of the caller's signature, and what went on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StirRecord {
    /// What the verification said, as `verstat` says it: `TN-Validation-Passed-A`, `TN-Validation-Failed`, `No-TN-Validation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verstat: Option<String>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The signer's origination identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origid: Option<String>,
    /// Whether it passed by a chain of diversions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub diverted: bool,
    /// What the last attempt carried: `shaken A` (or B, C) by us, `handed-on`, or `div` (handed on and signed as diverted).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// Our origination identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_origid: Option<String>,
}

/// Whether a record is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordState {
    /// Written while the call goes on.
    Interim,
    /// The call has ended; there is exactly one of these per call.
    Final,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HungUpBy {
    /// The calling side (BYE or CANCEL).
    Caller,
    /// The called side (BYE or a final answer that stopped the hunt).
    Called,
    /// The switch itself: a timer, a limit, lost media, an error.
    Switch,
    /// A person or program through the API.
    Operator,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// One word for it, e.g. `normal`, `cancelled`, `ack-timeout`, `rtp-timeout`, `no-route`.
    pub kind: String,
    /// Final SIP status that the caller got; 200 for an answered call.
    pub sip: u16,
    /// Q.850 cause, as received in a Reason header (RFC 3326) or mapped from the status (RFC 3398 §7.2.4.1).
    pub q850: Option<u8>,
}

/// One attempt to reach the called party through one target of one trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Trunk that was tried.
    pub trunk: String,
    /// Target URI that the INVITE was sent to.
    pub target: String,
    /// The address that the target's name led to; absent where the target is an address. Several places of one target are several
    /// of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Call-ID of this attempt.
    pub call_id: String,
    /// From the call's INVITE to this attempt's, milliseconds.
    pub offset_ms: u64,
    /// From this INVITE to its first 18x or answer, milliseconds.
    pub pdd_ms: Option<u64>,
    /// From this INVITE to its final answer or to the moment it was given up, milliseconds.
    pub elapsed_ms: u64,
    /// Final SIP status received, or the one that stands for what happened (408 timeout, 503 transport).
    pub sip: u16,
    /// Q.850 cause from the answer's Reason header.
    pub q850: Option<u8>,
    /// What became of it, in a word: `answered`, `refused`, `redirected`, `timeout-trying`, `timeout-progress`, `timeout-answer`, `unreachable`,
    /// `incompatible` (the caller's offer is nothing for this trunk: it was not asked), `cancelled`, `overtaken` (of several carriers that
    /// were asked at once another was faster).
    pub outcome: String,
    /// The number that it called, where the call had been sent on to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Why it had been, in a word: `busy`, `no-answer`, `failure`, `unregistered` (a backup of the number before), `redirected` (by its called
    /// side).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl CallRecord {
    /// How the call was, if it was answered, by what its called side has sent.
    #[must_use]
    pub fn result(&self) -> CallResult {
        Measured::of_record(self).result()
    }
}

impl AttemptRecord {
    /// Whose doing its end was; `None`: it says nothing of the carrier.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        let rang = self.pdd_ms.is_some();
        match self.outcome.as_str() {
            "answered" => Some(Ending::Answered),
            "cancelled" => Some(Ending::cancelled(rang)),
            "refused" => Ending::of(AttemptOutcome::Final {
                status: self.sip,
                q850: self.q850,
                rang,
            }),
            "timeout-trying" => Ending::of(AttemptOutcome::TimeoutTrying),
            "timeout-progress" => Ending::of(AttemptOutcome::TimeoutProgress),
            "timeout-answer" => Ending::of(AttemptOutcome::TimeoutAnswer { status: self.sip }),
            "unreachable" => Ending::of(AttemptOutcome::Unreachable),
            _ => None,
        }
    }
}

/// A side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// Who has called, or has its place.
    Caller,
    /// Who was called, or has its place.
    Called,
}

/// A party was to be connected to somebody else in its counterpart's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// Which side has asked for it, or was replaced.
    pub by: Party,
    /// Its trunk: the new leg is a call of its.
    pub trunk: String,
    /// The number that it has named; `another call` where it has joined two of its calls; who came, where a party was replaced.
    pub to: String,
    /// From the call's INVITE to the transfer's request, milliseconds.
    pub offset_ms: u64,
    /// From that request to its outcome, milliseconds.
    pub elapsed_ms: u64,
    /// What became of it, in a word: `answered`, `joined` (to another call of the transferor's), `replaced` (a party, by one that came for
    /// its place), `failed`, `cancelled` (the call ended before).
    pub outcome: String,
    /// The status that the transferor was told of.
    pub sip: u16,
    /// Call-ID of the leg that has come into the call; empty: none has.
    pub call_id: String,
    /// Every carrier that was tried for it; their `offset_ms` is from the transfer's request.
    pub attempts: Vec<AttemptRecord>,
}

/// What arrived from one side of the call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaRecord {
    /// Codec of the answer, as `name/clock`, e.g. `PCMU/8000`.
    pub codec: Option<String>,
    /// RTP packets received.
    pub packets: u64,
    /// Bytes of them, RTP headers included.
    pub bytes: u64,
    /// Packets that never came, by sequence number.
    pub lost: u64,
    /// Interarrival jitter at the end, microseconds (RFC 3550 §6.4.1).
    pub jitter_us: u64,
    /// Packets dropped by the relay's rules (stranger, malformed, no destination).
    pub dropped: u64,
    /// Digits that were pressed, as far as they came as telephone events (RFC 4733), or as tones that
    /// were converted. Which they were is nobody's business.
    #[serde(default)]
    pub digits: u64,
    /// How loss is spread; absent where nothing was lost.
    #[serde(default, skip_serializing_if = "is_none_lost")]
    pub loss: LossStructure,
    /// How it sounded; absent where its codec is not one that this can be told of, or hardly anything came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Last round trip between us and this side, microseconds; absent where RTCP told none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u32>,
    /// For how long nothing was heard from this side though the other one spoke, milliseconds; absent where it was not noticed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mute_ms: u64,
    /// What this side said, in RTCP, of what it heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Box<Heard>>,
    /// What is wrong with its answer; absent: nothing that was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<BadAnswer>,
    /// What was heard from its answer on; absent where it was not listened to, or spoke what can't be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_answer: Option<Box<AfterAnswer>>,
}

fn is_none_lost(loss: &LossStructure) -> bool {
    loss.events == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
