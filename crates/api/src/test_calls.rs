//! `/v1/test-calls`: calls that the switch makes by the clock to test carriers.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::problem::Problem;

/// A schedule, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct TestCallView {
    /// Its name.
    pub name: String,
    /// How often each trunk is tested, in seconds.
    pub every_s: u64,
    /// The trunks.
    pub trunks: Vec<String>,
    /// The numbers, those of ours included.
    pub numbers: Vec<String>,
    /// Seconds until the next call is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_s: Option<u64>,
    /// Calls within the last 24 hours.
    pub calls: usize,
    /// What they cost by the decks, in the base currency.
    pub cost: String,
    /// Why the last one that was due was not made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The last ones that were made, the latest first.
    pub results: Vec<TestOutcome>,
}

/// What a test call has shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TestOutcome {
    /// When it was over, milliseconds since 1970.
    pub at_ms: u64,
    /// The trunk.
    pub trunk: String,
    /// The number.
    pub number: String,
    /// The call's id in records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// It showed all that was expected.
    pub passed: bool,
    /// What was wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// Milliseconds to the first word of the called side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdd_ms: Option<u64>,
    /// The codec that the trunk has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Mean opinion score of what the caller heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos_in: Option<f64>,
    /// The same of what the called side heard, of numbers of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos_out: Option<f64>,
    /// Whether the calling number arrived, of numbers of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<bool>,
    /// Whether our tone, or the other side's where that is ours too, was heard.
    pub tone: bool,
    /// The keys that each side has heard of the other, where they were pressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<[String; 2]>,
}

/// The tests of a trunk, of all schedules, as far as they are remembered.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TestsView {
    /// Those that passed.
    pub passed: usize,
    /// All.
    pub total: usize,
    /// The last one that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<TestOutcome>,
}

/// What became of the wish to make a test call now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestRun {
    /// It is being made: over this trunk, to this number.
    Begun(String, String),
    /// It can't be now, and why.
    Held(String),
    /// There is no such schedule.
    Unknown,
    /// The schedule has no such trunk.
    NoTrunk(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunQuery {
    trunk: Option<String>,
}

/// A call that is being made.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    trunk: String,
    number: String,
}

pub(crate) async fn test_calls(
    State(backend): State<Arc<dyn Backend>>,
) -> Result<Json<Vec<TestCallView>>, Problem> {
    backend.test_calls().await.map(Json)
}

pub(crate) async fn run_test_call(
    State(backend): State<Arc<dyn Backend>>,
    Path(name): Path<String>,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    match backend.run_test_call(name.clone(), query.trunk).await? {
        TestRun::Begun(trunk, number) => Ok((StatusCode::ACCEPTED, Json(Begun { trunk, number }))),
        TestRun::Held(why) => Err(Problem::new(409, "not now", why)),
        TestRun::Unknown => Err(Problem::not_found("[[test_call]]", &name)),
        TestRun::NoTrunk(trunk) => Err(Problem::not_found("trunk in this test call", &trunk)),
    }
}
