//! `GET /v1/routes/explain`: what would become of a call, without one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use switch::{Explanation, Question};

use crate::backend::Backend;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainQuery {
    trunk: Option<String>,
    #[serde(default)]
    caller: String,
    called: String,
    class: Option<String>,
    /// Seconds since 1970.
    at: Option<u64>,
    #[serde(default)]
    draw: u64,
}

pub(crate) async fn explain(
    State(backend): State<Arc<dyn Backend>>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Json<Explanation>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let question = Question {
        trunk: query.trunk,
        caller: query.caller,
        called: query.called,
        class: query.class,
        at_unix_s: query.at,
        draw: query.draw,
    };
    let answer = backend.explain(question).await?;
    answer
        .map(Json)
        .map_err(|why| Problem::new(422, "no such call", why.to_string()))
}
