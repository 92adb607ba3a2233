//! What other threads tell the shard, and how it comes to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use records::{Outcome, OutcomeSink};
use rtp_net::EventSink;
use rtp_proto::control::Event;
use sip_net::capture::{MirrorCounters, View};
use sip_net::{Answered, Fetch, Resolution, StreamSetup};
use switch::record::{Balance, CallRecord, Money};
use switch::{
    BanOutcome, BanView, BindingView, CallView, CanaryView, Candidate, CreditView, EndOutcome, Explanation,
    FraudView, Gauges, GroupFigures, LimitView, NoAnswer, Question, Rated, Rating, RegistrationView,
    ShadowView, Snapshot, Standing, TargetView, TestLesson, TrialId, Trying,
};
use tokio::sync::{mpsc, oneshot};

use super::TrialStart;

/// What other threads tell the shard.
pub(crate) enum ShardInput {
    /// From the media workers.
    Media(Event),
    /// From the record store.
    Record(Outcome),
    /// From the resolver.
    Resolved(Resolution),
    /// From the fetcher of callers' certificates.
    Certificate(Fetch),
    /// From who asks where numbers are served.
    LookedUp(Answered),
    /// From the operator.
    Ask(Ask),
}

/// What an operator may want of the shard.
pub(crate) enum Ask {
    Calls(oneshot::Sender<Vec<CallView>>),
    Call(String, oneshot::Sender<Option<CallView>>),
    Trunks(oneshot::Sender<Vec<TrunkState>>),
    /// What was learned of the trunk of this name.
    Quality(String, oneshot::Sender<Option<Vec<GroupFigures>>>),
    Registrations(oneshot::Sender<Vec<BindingView>>),
    /// Messages of the last while, and the Call-IDs of this call if it is up; `None`: none are kept.
    Trace(String, oneshot::Sender<Option<Traced>>),
    /// A trunk's name and whether it is to take no new calls; whether there is such a trunk.
    DrainTrunk(String, bool, oneshot::Sender<bool>),
    Bans(oneshot::Sender<Vec<BanView>>),
    /// An address, and for how long.
    Ban(IpAddr, Duration, oneshot::Sender<BanOutcome>),
    /// Whether the address was banned.
    Unban(IpAddr, oneshot::Sender<bool>),
    /// Try a configuration out, or none any more, and why; what was tried out before.
    TryOut(
        Trying,
        Option<Box<Candidate>>,
        String,
        oneshot::Sender<Option<Arc<Snapshot>>>,
    ),
    Shadow(oneshot::Sender<Option<Box<ShadowView>>>),
    Canary(oneshot::Sender<Option<Box<CanaryView>>>),
    Explain(Box<Question>, oneshot::Sender<Result<Explanation, NoAnswer>>),
    Fraud(oneshot::Sender<FraudView>),
    /// A block's number; whether there was such a block.
    LiftFraud(u64, oneshot::Sender<bool>),
    /// How the call of this id stands for feedback; `None`: it is not up.
    Standing(String, oneshot::Sender<Option<Standing>>),
    /// By what statistics the carrier of a call that is over is known.
    Rated(Box<CallRecord>, oneshot::Sender<Option<Rated>>),
    /// An application has said how a call was, and the store has it.
    Feedback(Box<Rating>, oneshot::Sender<()>),
    /// What a call to this trunk and number costs that talks so long.
    TestPrice(String, String, Duration, oneshot::Sender<Option<Money>>),
    /// Which of these carriers have got worse for calls to a number.
    Down(Vec<(String, String)>, oneshot::Sender<Vec<bool>>),
    /// A test call by the clock is over.
    Tested(Box<TestLesson>),
    Hangup(String, oneshot::Sender<EndOutcome>),
    Credit(oneshot::Sender<Vec<CreditView>>),
    /// A payment of this customer's is in the store.
    Paid(String, Balance, oneshot::Sender<()>),
    Figures(oneshot::Sender<Box<Figures>>),
    /// Answered with how long it took.
    Reload(Arc<Snapshot>, Box<StreamSetup>, oneshot::Sender<Duration>),
    /// Begin a test of a trunk; whether there is room for one.
    Trial(Box<TrialStart>, oneshot::Sender<bool>),
    /// A message of whoever tests.
    TrialMessage(TrialId, Bytes),
    /// A test is over.
    TrialEnd(TrialId),
    Drain,
    /// End every call and stop as soon as nothing is left.
    Shutdown,
    /// Wait for nobody's answer any more: stop as soon as every record is written.
    Leave,
}

/// What a call's ladder is made of.
pub(crate) struct Traced {
    /// `None`: no such call is up.
    pub(crate) call_ids: Option<Vec<Box<[u8]>>>,
    pub(crate) view: View,
}

/// One trunk's live state.
pub(crate) struct TrunkState {
    pub(crate) name: String,
    pub(crate) calls: u32,
    pub(crate) drains: bool,
    pub(crate) above_alert: bool,
    pub(crate) targets: Vec<TargetView>,
    pub(crate) registration: Option<RegistrationView>,
    /// What was learned of it.
    pub(crate) figures: Option<switch::Figures>,
}

/// What metrics are made of.
pub(crate) struct Figures {
    pub(crate) gauges: Gauges,
    pub(crate) drops: Vec<(&'static str, u64)>,
    pub(crate) trunks: Vec<TrunkState>,
    pub(crate) credit: Vec<CreditView>,
    pub(crate) limits: Vec<LimitView>,
    pub(crate) sockets: sip_net::UdpCounters,
    pub(crate) mirrored: MirrorCounters,
    pub(crate) names: sip_net::ResolverCounters,
    /// When our certificate for signing is valid.
    pub(crate) certificate: Option<(u64, u64)>,
    pub(crate) streams: sip_net::StreamFigures,
}

/// The way to the shard.
pub(crate) type Queue = mpsc::Sender<ShardInput>;

pub(crate) fn queue(length: usize) -> (Queue, mpsc::Receiver<ShardInput>) {
    mpsc::channel(length)
}

/// Media events go to the shard's queue; what finds it full stays with the worker.
pub(crate) struct MediaSink(pub(crate) Queue);

impl EventSink for MediaSink {
    fn deliver(&self, event: Event) -> Result<(), Event> {
        match self.0.try_reserve() {
            Ok(place) => {
                place.send(ShardInput::Media(event));
                Ok(())
            }
            Err(_) => Err(event),
        }
    }
}

/// So do the store's outcomes.
pub(crate) struct StoreSink(pub(crate) Queue);

impl OutcomeSink for StoreSink {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        while !outcomes.is_empty() {
            let Ok(place) = self.0.try_reserve() else { return };
            place.send(ShardInput::Record(outcomes.remove(0)));
        }
    }
}
