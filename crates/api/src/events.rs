//! Events as server-sent events (WHATWG HTML, "Server-sent events"): one connection, a line of JSON for each.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event as Frame, KeepAlive};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::problem::Problem;

/// How often a connection without events has a comment, so that whoever is between does not cut it.
const QUIET: Duration = Duration::from_secs(15);

/// An event as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Its number since the start; absent where it is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// What has happened.
    #[serde(flatten)]
    pub event: switch::Event,
}

/// What a follower gets.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event.
    Event(Arc<EventView>),
    /// It was too slow for so many.
    Missed(u64),
}

/// Events as they happen.
pub type Events = Pin<Box<dyn Stream<Item = Heard> + Send>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Begin with the one after this number.
    after: Option<u64>,
    /// Calls that are over are wanted too.
    #[serde(default)]
    calls: bool,
}

/// `GET /v1/events`. A client that comes back says in `Last-Event-ID` what it had last.
pub(crate) async fn events(
    State(backend): State<Arc<dyn Backend>>,
    headers: HeaderMap,
    query: Result<Query<EventQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Frame, axum::Error>>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = last.and_then(|id| id.parse().ok()).or(query.after);
    let frames = backend.events(after, query.calls).map(|heard| frame(&heard));
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(QUIET)))
}

fn frame(heard: &Heard) -> Result<Frame, axum::Error> {
    match heard {
        Heard::Event(view) => {
            let frame = Frame::default()
                .event(view.event.kind.word())
                .json_data(&**view)?;
            Ok(match view.number {
                Some(number) => frame.id(number.to_string()),
                None => frame,
            })
        }
        Heard::Missed(missed) => Frame::default()
            .event("missed")
            .json_data(serde_json::json!({ "kind": "missed", "missed": missed })),
    }
}
