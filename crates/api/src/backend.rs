//! What the API asks of the switch behind it.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use records::{Booked, Filter, Payment};
use serde::{Deserialize, Serialize};
use switch::record::CallRecord;
use switch::{
    BanOutcome, BanView, BindingView, CallView, CanaryView, CreditView, EndOutcome, Explanation, Figures,
    FraudView, GroupFigures, NoAnswer, Question, RegistrationView, ShadowView, TargetView, Trying,
};

use crate::events::Events;
use crate::feedback::{FeedbackWish, Given};
use crate::problem::Problem;
use crate::test_calls::{TestCallView, TestRun, TestsView};
use crate::trial::{TrialReport, TrialStart, TrialWish};
use crate::whatif::{Promotion, TryReport, TryWish};

/// An answer that takes a moment.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// The switch as the API sees it. Each method answers within milliseconds or says that the switch does not.
pub trait Backend: Send + Sync + 'static {
    /// Calls there are now, oldest first.
    fn calls(&self) -> Answer<'_, Vec<CallView>>;
    /// One call by its id, with what has arrived and been sent so far.
    fn call(&self, id: String) -> Answer<'_, Option<CallView>>;
    /// What was said about a call, up or over, on all its legs, as far as it is remembered; `None`: no such call.
    fn ladder(&self, id: String) -> Answer<'_, Option<Vec<MessageView>>>;
    /// The same as a capture file that Wireshark reads.
    fn pcap(&self, id: String) -> Answer<'_, Option<Vec<u8>>>;
    /// Keeps what an application says of a call, and lets it count for the carrier that had it.
    fn give_feedback(&self, id: String, wish: FeedbackWish) -> Answer<'_, Given>;
    /// Ends a call by its id.
    fn hangup(&self, id: String) -> Answer<'_, EndOutcome>;
    /// Trunks with their load and health.
    fn trunks(&self) -> Answer<'_, Vec<TrunkView>>;
    /// What was learned of a trunk for each group of destinations, all of them first; `None`: no such trunk.
    fn trunk_quality(&self, name: String) -> Answer<'_, Option<Vec<GroupFigures>>>;
    /// Where users are registered.
    fn registrations(&self) -> Answer<'_, Vec<BindingView>>;
    /// Takes no new calls to and from a trunk (`drained`), or does again.
    fn drain_trunk(&self, name: String, drained: bool) -> Answer<'_, DrainOutcome>;
    /// Tests a trunk, beside everything else that goes on.
    fn test_trunk(&self, name: String, wish: TrialWish) -> Answer<'_, TrialStart>;
    /// The test of a trunk that goes on, or the last one; `None`: it has not been tested since the start.
    fn trunk_test(&self, name: String) -> Answer<'_, Option<TrialReport>>;
    /// Test calls by the clock, and what came of them.
    fn test_calls(&self) -> Answer<'_, Vec<TestCallView>>;
    /// Makes the next one of a schedule now; of this trunk, if one is named.
    fn run_test_call(&self, name: String, trunk: Option<String>) -> Answer<'_, TestRun>;
    /// Who is banned, the latest first.
    fn bans(&self) -> Answer<'_, Vec<BanView>>;
    /// Bans an address for so long.
    fn ban(&self, address: IpAddr, time: Duration) -> Answer<'_, BanOutcome>;
    /// Lifts the bans of an address; whether there were any.
    fn unban(&self, address: IpAddr) -> Answer<'_, bool>;
    /// What would become of a call, without one.
    fn explain(&self, question: Question) -> Answer<'_, Result<Explanation, NoAnswer>>;
    /// What a configuration in shadow has shown; `None`: there is none.
    fn shadow(&self) -> Answer<'_, Option<ShadowView>>;
    /// What has come of a canary's calls and of the others; `None`: there is none.
    fn canary(&self) -> Answer<'_, Option<CanaryView>>;
    /// Tries a configuration out, in place of the one that was tried out this way before.
    fn try_out(&self, way: Trying, wish: TryWish) -> Answer<'_, TryReport>;
    /// Ends that; whether there was one.
    fn stop_trying(&self, way: Trying) -> Answer<'_, bool>;
    /// Puts what is tried out in force; `None`: the only one there is.
    fn promote(&self, which: Option<Trying>) -> Answer<'_, Promotion>;
    /// The events after the one of this number as far as they are kept (without a number: none of them), then those that come; and calls
    /// as they end, if they are wanted.
    fn events(&self, after: Option<u64>, calls: bool) -> Events;
    /// What customers may still spend, by name.
    fn credit(&self) -> Answer<'_, Vec<CreditView>>;
    /// A customer's payments, the last first.
    fn payments(&self, customer: String) -> Answer<'_, Vec<Payment>>;
    /// Books a payment of a customer's and lets it count; `None`: there is no such customer.
    fn pay(&self, customer: String, wish: PaymentWish) -> Answer<'_, Option<Booked>>;
    /// What the fraud guard blocks, and what it has found.
    fn fraud(&self) -> Answer<'_, FraudView>;
    /// Lifts a block of the fraud guard's by its number; whether there was one.
    fn lift_fraud(&self, id: u64) -> Answer<'_, bool>;
    /// Finished calls.
    fn records(&self, filter: Filter) -> Answer<'_, Vec<CallRecord>>;
    /// Reads the configuration again and puts it in force, or refuses it whole.
    fn reload(&self) -> Answer<'_, ReloadReport>;
    /// Takes no new calls from now on.
    fn drain(&self) -> Answer<'_, ()>;
    /// Whether new calls are welcome.
    fn ready(&self) -> bool;
    /// Metrics in the Prometheus text format.
    fn metrics(&self) -> Answer<'_, String>;
}

/// A SIP message of a call. Passwords' proofs, keys of media and digits in it are stars.
#[derive(Debug, Clone, Serialize)]
pub struct MessageView {
    /// When it went, microseconds since 1970.
    pub at_us: u64,
    /// Whether we sent it.
    pub outgoing: bool,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// `INVITE`, or `200 OK`, with ` (SDP)` behind it where there is some.
    pub summary: String,
    /// The request that a response answers; for a request itself.
    pub method: String,
    /// All of it.
    pub text: String,
}

/// A payment as it is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentWish {
    /// In the base currency; less than nothing: it is taken back.
    pub amount: f64,
    /// What tells it from others: it is booked once, however often it is asked for.
    pub reference: Option<String>,
    /// What it is for.
    pub note: Option<String>,
}

/// What became of an operator's word on a trunk's new calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainOutcome {
    /// It holds.
    Done,
    /// The trunk's configuration has it drain, which no command takes back.
    Configured,
    /// No such trunk.
    Unknown,
}

/// A trunk as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct TrunkView {
    /// Name.
    pub name: String,
    /// `customer` or `carrier`.
    pub role: &'static str,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it takes no new calls, by its configuration or by command.
    pub draining: bool,
    /// The network that it is in; absent: the one without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Calls in progress.
    pub calls: u32,
    /// Most calls at once.
    pub max_calls: Option<u32>,
    /// Most new calls per second.
    pub max_cps: Option<f64>,
    /// Whether its load is above the alert level.
    pub above_alert: bool,
    /// Where its calls go.
    pub targets: Vec<TargetView>,
    /// How our registration with it stands; none where it wants none.
    pub registration: Option<RegistrationView>,
    /// What was learned of it, over all destinations; absent: nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Figures>,
    /// Its test calls by the clock, as far as they are remembered; absent: none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsView>,
}

/// What a reload changed.
#[derive(Debug, Clone, Serialize)]
pub struct ReloadReport {
    /// Each change, as `key: old → new`.
    pub changes: Vec<String>,
    /// Those of them that wait for a restart.
    pub needs_restart: Vec<String>,
    /// What looked odd but was taken.
    pub warnings: Vec<String>,
}
