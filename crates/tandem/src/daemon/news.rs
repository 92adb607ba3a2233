//! Events on their way to those who follow them: the log gets each, `/v1/events` the last ones and whatever comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use api::{EventView, Heard};
use futures_util::Stream;
use futures_util::stream::unfold;
use switch::record::CallRecord;
use switch::{Event, EventKind};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events that are kept for those who come later.
const KEPT: usize = 1000;
/// Events and calls that a follower may be behind before it misses some.
const BEHIND: usize = 4096;

/// What there is to be told, and those who listen.
#[derive(Clone)]
pub(crate) struct News {
    last: Arc<Mutex<Last>>,
    send: broadcast::Sender<Arc<EventView>>,
}

#[derive(Default)]
struct Last {
    kept: VecDeque<Arc<EventView>>,
    number: u64,
}

/// What a follower still has to be told.
struct Follower {
    kept: VecDeque<Arc<EventView>>,
    heard: broadcast::Receiver<Arc<EventView>>,
    calls: bool,
}

impl News {
    pub(crate) fn new() -> Self {
        Self {
            last: Arc::default(),
            send: broadcast::channel(BEHIND).0,
        }
    }

    /// Tells everybody, and the log.
    pub(crate) fn tell(&self, event: Event) {
        let (kind, subject, text) = (event.kind.word(), &event.subject, &event.text);
        if event.kind.is_trouble() {
            tracing::warn!(subject, "{kind}: {text}");
        } else {
            tracing::info!(subject, "{kind}: {text}");
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.number += 1;
        let view = Arc::new(EventView {
            number: Some(last.number),
            event,
        });
        if last.kept.len() == KEPT {
            last.kept.pop_front();
        }
        last.kept.push_back(Arc::clone(&view));
        // Under the lock, so that whoever begins to follow gets each once. Nobody listens: that is no error.
        let _ = self.send.send(view);
    }

    /// A call is over: those who want calls are told, nothing is kept.
    pub(crate) fn call(&self, record: &CallRecord) {
        if self.send.receiver_count() == 0 {
            return;
        }
        let event = Event {
            at_ms: record.ended_ms.unwrap_or(record.started_ms),
            kind: EventKind::Call,
            subject: record.id.clone(),
            text: summary(record),
        };
        let _ = self.send.send(Arc::new(EventView { number: None, event }));
    }

    /// The events after the one of this number as far as they are kept, then those that come; calls if they are wanted.
    pub(crate) fn follow(&self, after: Option<u64>, calls: bool) -> impl Stream<Item = Heard> + Send + use<> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let after = after.unwrap_or(last.number);
        let kept = last.kept.iter().filter(|view| view.number > Some(after));
        let follower = Follower {
            kept: kept.map(Arc::clone).collect(),
            heard: self.send.subscribe(),
            calls,
        };
        drop(last);
        unfold(follower, |mut follower| async move {
            let heard = follower.next().await?;
            Some((heard, follower))
        })
    }
}

impl Follower {
    /// The next that this follower wants to hear of; `None`: there will be nothing more.
    async fn next(&mut self) -> Option<Heard> {
        if let Some(view) = self.kept.pop_front() {
            return Some(Heard::Event(view));
        }
        loop {
            match self.heard.recv().await {
                Ok(view) if view.event.kind == EventKind::Call && !self.calls => {}
                Ok(view) => return Some(Heard::Event(view)),
                Err(RecvError::Lagged(missed)) => return Some(Heard::Missed(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// A finished call in a line.
fn summary(record: &CallRecord) -> String {
    let to = record.to_trunk.as_deref().unwrap_or("-");
    let outcome = match record.answered_ms {
        Some(_) => format!("{:.1} s", record.talk_ms as f64 / 1000.0),
        None => format!("{} {}", record.cause.sip, record.cause.kind),
    };
    let mos = record.mos.map_or(String::new(), |mos| format!(", MOS {mos:.1}"));
    let tries = match record.attempts.len() {
        0 | 1 => String::new(),
        tries => format!(", {tries} attempts"),
    };
    format!(
        "{} → {}: {} → {to}: {outcome}{mos}{tries}",
        record.caller, record.called, record.from_trunk
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use std::pin::pin;

    fn event(text: &str) -> Event {
        Event {
            at_ms: 1,
            kind: EventKind::TargetDown,
            subject: "carrier-a".into(),
            text: text.into(),
        }
    }

    fn text(heard: Option<Heard>) -> String {
        match heard {
            Some(Heard::Event(view)) => view.event.text.clone(),
            Some(Heard::Missed(missed)) => format!("missed {missed}"),
            None => "end".into(),
        }
    }

    #[tokio::test]
    async fn whoever_comes_later_hears_what_was_and_then_what_comes_each_once() {
        let news = News::new();
        for name in ["one", "two", "three"] {
            news.tell(event(name));
        }
        let mut after_one = pin!(news.follow(Some(1), false));
        let mut from_now = pin!(news.follow(None, false));
        news.tell(event("four"));
        for expected in ["two", "three", "four"] {
            assert_eq!(text(after_one.next().await), expected);
        }
        assert_eq!(text(from_now.next().await), "four");
    }

    #[tokio::test]
    async fn who_is_slow_is_told_that_it_has_missed_some() {
        let news = News::new();
        let mut slow = pin!(news.follow(None, false));
        for number in 0..BEHIND + 7 {
            news.tell(event(&number.to_string()));
        }
        assert_eq!(text(slow.next().await), "missed 7");
        assert_eq!(text(slow.next().await), "7");
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let news = News::new();
        for number in 0..2 * KEPT {
            news.tell(event(&number.to_string()));
        }
        let last = news.last.lock().unwrap();
        assert_eq!(last.kept.len(), KEPT);
        assert_eq!(last.kept.front().unwrap().event.text, KEPT.to_string());
    }
}
