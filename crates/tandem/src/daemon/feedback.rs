//! Feedback of applications: into the store first, then to what is learned.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use api::{FeedbackWish, Given, Problem};
use records::{Feedbacks, Filter, StoreError};
use switch::record::{CallRecord, FeedbackRecord};
use switch::{CallView, Rated, Rating, Standing};
use tokio::sync::oneshot;

use super::backend::Daemon;
use super::shard::{Ask, ShardInput};

/// For how long after a call's end feedback is taken, in hours: what was learned of it is worth something for about as long.
const HOURS: u64 = 72;
const HOUR_MS: u64 = 3_600_000;

impl Daemon {
    /// A call that is up, with what was said of it.
    pub(super) async fn call_now(&self, id: String) -> Result<Option<CallView>, Problem> {
        let Some(mut view) = self.ask(|reply| Ask::Call(id.clone(), reply)).await? else {
            return Ok(None);
        };
        if view.talk_s.is_some() {
            // A store that fails is no reason not to show the call.
            let said = with_feedback(self.records.clone(), move |feedbacks| feedbacks.get(&id)).await;
            view.feedback = said.ok().flatten().map(Box::new);
        }
        Ok(Some(view))
    }

    /// Keeps what is said of a call, up or over, and lets it count.
    pub(super) async fn feedback(&self, id: String, wish: FeedbackWish) -> Result<Given, Problem> {
        let given_ms = now_ms();
        let rated = match self.ask(|reply| Ask::Standing(id.clone(), reply)).await? {
            Some(Standing::Unanswered) => return Ok(Given::Unanswered),
            Some(Standing::Answered(rated)) => rated,
            None => {
                let Some(record) = self.record_of(&id).await? else {
                    return Ok(Given::Unknown);
                };
                let over = record.ended_ms.unwrap_or(record.started_ms);
                if given_ms.saturating_sub(over) > HOURS * HOUR_MS {
                    return Ok(Given::Late(HOURS));
                }
                self.ask(|reply| Ask::Rated(Box::new(record), reply)).await?
            }
        };
        let said = FeedbackRecord {
            given_ms,
            score: wish.score,
            issues: wish.issues,
            comment: wish.comment,
        };
        self.keep_and_count(id, said, rated).await
    }

    /// By a task of its own: who said it may go away, and what is kept has to count.
    async fn keep_and_count(
        &self,
        id: String,
        said: FeedbackRecord,
        rated: Option<Rated>,
    ) -> Result<Given, Problem> {
        let (path, queue, kept) = (self.records.clone(), self.queue.clone(), said.clone());
        let done = tokio::spawn(async move {
            let put = {
                let kept = kept.clone();
                with_feedback(path, move |feedbacks| feedbacks.put(&id, &kept)).await
            };
            let before = put?;
            let again = before.is_some();
            if let Some(rated) = rated {
                let (reply, counted) = oneshot::channel();
                let rating = Rating {
                    rated,
                    now: kept,
                    before,
                };
                let ask = Ask::Feedback(Box::new(rating), reply);
                if queue.send(ShardInput::Ask(ask)).await.is_ok() {
                    let _ = counted.await;
                }
            }
            Ok(again)
        });
        match done.await {
            Ok(Ok(true)) => Ok(Given::Again(said)),
            Ok(Ok(false)) => Ok(Given::First(said)),
            Ok(Err(problem)) => Err(problem),
            Err(_) => Err(Problem::busy()),
        }
    }

    async fn record_of(&self, id: &str) -> Result<Option<CallRecord>, Problem> {
        let one = Filter {
            id: Some(id.to_owned()),
            limit: 1,
            ..Filter::default()
        };
        Ok(self.read_records(one).await?.into_iter().next())
    }
}

/// Does something with what was said, beside the calls.
async fn with_feedback<T: Send + 'static>(
    path: PathBuf,
    act: impl FnOnce(&mut Feedbacks) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || act(&mut Feedbacks::open(&path)?)).await;
    let refused = |error: String| Problem::new(500, "feedback can't be kept", error);
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(error) => Err(refused(error.to_string())),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
