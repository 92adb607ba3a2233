//! `/v1/routes/shadow`, `/v1/routes/canary`, `/v1/routes/promote`: another configuration, tried out beside the one in force.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use switch::{CanaryView, ShadowView, Trying};

use crate::backend::{Backend, ReloadReport};
use crate::problem::Problem;

type Shared = Arc<dyn Backend>;

/// What is to be tried out.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryWish {
    /// The configuration file, by its whole path.
    pub config: PathBuf,
    /// Of a canary: how much of the new calls, per cent.
    pub percent: Option<f64>,
}

/// What is tried out from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TryReport {
    /// What it changes, as `key: old → new`.
    pub changes: Vec<String>,
    /// What looked odd but was taken.
    pub warnings: Vec<String>,
}

/// What is in force from now on.
#[derive(Debug, Clone, Serialize)]
pub struct Promotion {
    /// The file that it was read from.
    pub config: PathBuf,
    /// The file that the switch was started with: it is read by the next reload and the next start. Absent: none, the defaults hold then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload_reads: Option<PathBuf>,
    /// What it has changed.
    #[serde(flatten)]
    pub report: ReloadReport,
}

/// Which one is to be put in force.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromoteQuery {
    which: Option<String>,
}

/// A share that some calls are in, and others not.
fn is_share(percent: f64) -> bool {
    percent > 0.0 && percent <= 100.0
}

fn checked(way: Trying, wish: Result<Json<TryWish>, JsonRejection>) -> Result<TryWish, Problem> {
    let bad = |why: String| Problem::new(400, "bad wish", why);
    let Json(wish) = wish.map_err(|error| bad(error.to_string()))?;
    if !wish.config.is_absolute() {
        let why = format!("config: {} is not a whole path, from / on", wish.config.display());
        return Err(bad(why));
    }
    match (way, wish.percent) {
        (Trying::Canary, Some(percent)) if is_share(percent) => Ok(wish),
        (Trying::Canary, _) => Err(bad(
            "percent: say how much of the new calls, above 0 and up to 100".to_owned(),
        )),
        (Trying::Shadow, None) => Ok(wish),
        (Trying::Shadow, Some(_)) => Err(bad("percent: a shadow has no calls of its own".to_owned())),
    }
}

fn none(way: Trying) -> Problem {
    let word = way.word();
    Problem::new(
        404,
        "not found",
        format!("there is no {word}; begin one with tandem route {word} FILE"),
    )
}

pub(crate) async fn shadow(State(backend): State<Shared>) -> Result<Json<ShadowView>, Problem> {
    let view = backend.shadow().await?;
    view.map(Json).ok_or_else(|| none(Trying::Shadow))
}

pub(crate) async fn canary(State(backend): State<Shared>) -> Result<Json<CanaryView>, Problem> {
    let view = backend.canary().await?;
    view.map(Json).ok_or_else(|| none(Trying::Canary))
}

pub(crate) async fn begin_shadow(
    State(backend): State<Shared>,
    wish: Result<Json<TryWish>, JsonRejection>,
) -> Result<Json<TryReport>, Problem> {
    let wish = checked(Trying::Shadow, wish)?;
    backend.try_out(Trying::Shadow, wish).await.map(Json)
}

pub(crate) async fn begin_canary(
    State(backend): State<Shared>,
    wish: Result<Json<TryWish>, JsonRejection>,
) -> Result<Json<TryReport>, Problem> {
    let wish = checked(Trying::Canary, wish)?;
    backend.try_out(Trying::Canary, wish).await.map(Json)
}

async fn end(backend: Shared, way: Trying) -> Result<StatusCode, Problem> {
    if backend.stop_trying(way).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(none(way))
    }
}

pub(crate) async fn end_shadow(State(backend): State<Shared>) -> Result<StatusCode, Problem> {
    end(backend, Trying::Shadow).await
}

pub(crate) async fn end_canary(State(backend): State<Shared>) -> Result<StatusCode, Problem> {
    end(backend, Trying::Canary).await
}

pub(crate) async fn promote(
    State(backend): State<Shared>,
    query: Result<Query<PromoteQuery>, QueryRejection>,
) -> Result<Json<Promotion>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let which = match query.which.as_deref() {
        None => None,
        Some("shadow") => Some(Trying::Shadow),
        Some("canary") => Some(Trying::Canary),
        Some(other) => {
            let why = format!("which: {other:?} is neither shadow nor canary");
            return Err(Problem::new(400, "bad query", why));
        }
    };
    backend.promote(which).await.map(Json)
}
