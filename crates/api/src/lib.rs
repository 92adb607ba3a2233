//! HTTP: what the switch knows, and the few things that it can be told, as JSON.
//!
//! No logic lives here. A [`Backend`] answers; this crate speaks HTTP for it: paths, parameters, statuses, problem
//! documents (RFC 9457).

mod backend;
mod events;
mod explain;
mod feedback;
mod problem;
mod routes;
mod test_calls;
mod trial;
mod whatif;

pub use backend::{Answer, Backend, DrainOutcome, MessageView, PaymentWish, ReloadReport, TrunkView};
pub use events::{EventView, Events, Heard};
pub use feedback::{FeedbackWish, Given};
pub use problem::Problem;
pub use routes::router;
pub use test_calls::{TestCallView, TestOutcome, TestRun, TestsView};
pub use trial::{Check, TrialReport, TrialStart, TrialState, TrialWish, Verdict};
pub use whatif::{Promotion, TryReport, TryWish};

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

/// Serves the API on a bound socket until `stop` resolves.
///
/// # Errors
/// What the system says when the socket cannot be accepted from.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(backend))
        .with_graceful_shutdown(stop)
        .await
}
