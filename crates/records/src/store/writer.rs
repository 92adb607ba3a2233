//! The writer thread: gathers jobs, commits them together, and carries them through times when the store fails.

use super::session::{Opened, Session, Verdict};
use super::shared::{Shared, file_id};
use super::spool::Spool;
use super::{Job, Outcome, OutcomeSink, StoreConfig};
use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use rusqlite::ErrorCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Jobs in one transaction.
const BATCH: usize = 256;

/// Empty turns of `batch_delay` after which the writer sleeps until a job wakes it.
const LINGER: u32 = 4;

/// Longest sleep while there are chores.
const CHORES: Duration = Duration::from_millis(500);

/// Longest wait for another process's write lock: what a caller of a single job may wait, and far below what a call may.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Waits between attempts while the store fails: the first, doubled each time, up to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Attempts to save the spool after the store was closed.
const LAST_ATTEMPTS: u32 = 6;

/// A commit that takes longer is counted.
const SLOW: Duration = Duration::from_millis(200);

/// Why a session ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The store is closed and everything is written or given up.
    Closed,
    /// The connection can't be trusted; open another.
    Reopen,
    /// The file was taken away; open another.
    Moved,
}

/// The state of a store that fails.
#[derive(Debug)]
struct Failing {
    retry_at: Instant,
    wait: Duration,
}

/// What the writer keeps over all its connections.
pub(super) struct Writer {
    config: StoreConfig,
    stretch: usize,
    queue: Receiver<Job>,
    closed: bool,
    last_attempts: u32,
    sink: Box<dyn OutcomeSink>,
    shared: Arc<Shared>,
    spool: Spool,
    failing: Option<Failing>,
    dropping: bool,
    batch: Vec<Job>,
    verdicts: Vec<Verdict>,
    outcomes: Vec<Outcome>,
    empty_turns: u32,
}

impl Writer {
    pub(super) fn new(
        config: StoreConfig,
        stretch: usize,
        queue: Receiver<Job>,
        sink: Box<dyn OutcomeSink>,
        shared: Arc<Shared>,
    ) -> Self {
        shared.set_file(file_id(&config.path));
        Self {
            spool: Spool::new(config.spool),
            config,
            stretch,
            queue,
            closed: false,
            last_attempts: LAST_ATTEMPTS,
            sink,
            shared,
            failing: None,
            dropping: false,
            batch: Vec::with_capacity(BATCH),
            verdicts: Vec::with_capacity(BATCH),
            outcomes: Vec::with_capacity(BATCH),
            empty_turns: 0,
        }
    }

    /// Writes until the store is closed, over as many connections as it takes.
    pub(super) fn run(mut self, first: Opened) {
        let mut opened = Some(first);
        loop {
            let end = match opened.take() {
                Some(opened) => self.serve(opened),
                None => self.wait_to_retry(),
            };
            if end == End::Closed {
                return;
            }
            if self.retry_is_due() {
                match Opened::open(&self.config.path, self.stretch, Instant::now()) {
                    Ok((next, _)) => {
                        self.shared.set_file(file_id(&self.config.path));
                        opened = Some(next);
                    }
                    Err(error) => self.fail(&error.to_string()),
                }
            }
        }
    }

    /// Works on one connection until it fails or the store is closed.
    fn serve(&mut self, opened: Opened) -> End {
        let (connection, slots, stretches) = opened.split();
        let session = connection
            .busy_timeout(LOCK_WAIT)
            .and_then(|()| Session::new(&connection, slots, stretches));
        let end = match session {
            Ok(mut session) => self.serve_session(&mut session),
            Err(error) => {
                self.fail(&error.to_string());
                End::Reopen
            }
        };
        if end != End::Closed {
            self.shared.set_file(None);
        }
        if end == End::Reopen {
            // Closing mustn't wait for a disk that doesn't answer; the next connection finds the log as it is.
            let option = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            if let Err(error) = connection.set_db_config(option, true) {
                tracing::debug!(%error, "closing the connection");
            }
        }
        end
    }

    fn serve_session(&mut self, session: &mut Session<'_>) -> End {
        loop {
            if self.failing.is_some() {
                if self.wait_to_retry() == End::Closed {
                    return End::Closed;
                }
                if self.retry_is_due() && self.replay(session) == Some(End::Reopen) {
                    return End::Reopen;
                }
                continue;
            }
            self.gather(session.has_chores());
            if self.closed && self.batch.is_empty() {
                self.deliver();
                return End::Closed;
            }
            if let Some(end) = self.store(session) {
                return end;
            }
            self.deliver();
            if self.shared.finish_checkpoint.swap(false, Ordering::AcqRel) {
                session.finish_checkpoint();
            }
        }
    }

    /// Fills the batch. While jobs come, it polls at the batch delay: that gathers them, and spares whoever submits the cost of
    /// waking a sleeper. When none come, it sleeps until one does.
    fn gather(&mut self, chores: bool) {
        if self.is_blocked() {
            std::thread::sleep(self.config.batch_delay);
            return;
        }
        let lingers = self.empty_turns < LINGER || !self.outcomes.is_empty();
        if lingers && !self.closed {
            std::thread::sleep(self.config.batch_delay);
        } else if !self.closed {
            let wait = if chores {
                self.queue.recv_timeout(CHORES)
            } else {
                self.queue.recv().map_err(Into::into)
            };
            match wait {
                Ok(job) => self.batch.push(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.closed = true,
            }
        }
        self.take_queued();
        self.empty_turns = if self.batch.is_empty() {
            self.empty_turns.saturating_add(1)
        } else {
            0
        };
    }

    /// While the sink takes nothing, neither do we, and the queue pushes back; except at the end, when only the queue is left.
    fn is_blocked(&self) -> bool {
        self.outcomes.len() >= self.config.queue && !self.shared.closing.load(Ordering::Acquire)
    }

    fn take_queued(&mut self) {
        while self.batch.len() < BATCH {
            match self.queue.try_recv() {
                Ok(job) => self.batch.push(job),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    /// Commits the batch, with its chores; on failure keeps it in the spool.
    fn store(&mut self, session: &mut Session<'_>) -> Option<End> {
        // Until its log is copied, a file that was moved is written as before: a new file in its place would take its log away.
        if self.shared.moved.load(Ordering::Acquire) && session.drain_log() {
            self.shared.moved.store(false, Ordering::Release);
            self.fail("the file was moved or deleted");
            self.spool_batch("the file was moved or deleted");
            return Some(End::Moved);
        }
        if self.batch.is_empty() && !session.has_chores() {
            return None;
        }
        let start = Instant::now();
        match session.apply(&self.batch, false, &mut self.verdicts, start) {
            Ok(()) => {
                if start.elapsed() > SLOW {
                    metrics::counter!("tandem_records_slow_commits_total").increment(1);
                }
                self.stored(self.batch.len());
                for (job, verdict) in self.batch.drain(..).zip(self.verdicts.drain(..)) {
                    let ticket = job.ticket();
                    self.outcomes.push(match verdict {
                        Ok(()) => Outcome::Stored { ticket },
                        Err(refusal) => Outcome::Failed {
                            ticket,
                            error: refusal.to_string(),
                        },
                    });
                }
                None
            }
            Err(error) => {
                let text = error.to_string();
                self.fail(&text);
                self.spool_batch(&text);
                must_reopen(&error).then_some(End::Reopen)
            }
        }
    }

    /// Writes from the spool once; when it is empty, the store works again.
    fn replay(&mut self, session: &mut Session<'_>) -> Option<End> {
        self.spool.take(BATCH, &mut self.batch);
        let end = match session.apply(&self.batch, true, &mut self.verdicts, Instant::now()) {
            Ok(()) => {
                self.stored(self.batch.len());
                self.batch.clear();
                self.last_attempts = LAST_ATTEMPTS;
                if self.spool.is_empty() {
                    self.recovered();
                }
                None
            }
            Err(error) => {
                self.spool.put_back(&mut self.batch);
                self.fail(&error.to_string());
                must_reopen(&error).then_some(End::Reopen)
            }
        };
        self.shared.set_spooled(self.spool.len());
        end
    }

    /// While the store fails: takes what comes into the spool, telling the sink at once, until the next attempt is due.
    fn wait_to_retry(&mut self) -> End {
        let wait = self.failing.as_ref().map_or(Duration::ZERO, |f| {
            f.retry_at.saturating_duration_since(Instant::now())
        });
        if self.closed {
            if self.spool.is_empty() || self.last_attempts == 0 {
                self.give_up();
                return End::Closed;
            }
            self.last_attempts -= 1;
            std::thread::sleep(wait);
            return End::Reopen;
        }
        let wait = if self.outcomes.is_empty() {
            wait
        } else {
            wait.min(self.config.batch_delay)
        };
        if !self.is_blocked() {
            match self.queue.recv_timeout(wait) {
                Ok(job) => self.batch.push(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.closed = true,
            }
            self.take_queued();
        } else {
            std::thread::sleep(wait);
        }
        self.spool_batch("the store fails");
        End::Reopen
    }

    fn retry_is_due(&self) -> bool {
        self.failing
            .as_ref()
            .is_none_or(|failing| Instant::now() >= failing.retry_at)
    }

    /// Moves the batch into the spool and tells the sink.
    fn spool_batch(&mut self, error: &str) {
        let failed = self.batch.len();
        if failed > 0 {
            metrics::counter!("tandem_records_failed_total").increment(failed as u64);
        }
        for job in self.batch.drain(..) {
            self.outcomes.push(Outcome::Failed {
                ticket: job.ticket(),
                error: error.to_owned(),
            });
            let Err(lost) = self.spool.push(job) else { continue };
            match lost {
                Job::Final { record, .. } => {
                    self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                    metrics::counter!("tandem_records_dropped_total", "kind" => "final").increment(1);
                    if !self.dropping {
                        tracing::error!(call = %record.id, "the record spool is full: call records are being LOST from this one on");
                    }
                    self.dropping = true;
                }
                Job::Journal { .. } | Job::Interim { .. } => {
                    metrics::counter!("tandem_records_dropped_total", "kind" => "journal").increment(1);
                }
            }
        }
        self.shared.set_spooled(self.spool.len());
        self.deliver();
    }

    /// Notes a failure: an alarm for the first, a longer wait after each.
    fn fail(&mut self, error: &str) {
        let wait = match &self.failing {
            Some(failing) => (failing.wait * 2).min(RETRY.1),
            None => {
                tracing::error!(
                    path = %self.config.path.display(), error,
                    "call records can't be stored: they are kept in memory and tried again; calls go on"
                );
                self.shared.set_failing(Some(Instant::now()));
                RETRY.0
            }
        };
        self.failing = Some(Failing {
            retry_at: Instant::now() + wait,
            wait,
        });
    }

    fn recovered(&mut self) {
        self.failing = None;
        self.dropping = false;
        self.shared.set_failing(None);
        let lost = self.shared.dropped.load(Ordering::Relaxed);
        tracing::warn!(
            lost_since_start = lost,
            "call records are stored again; what was kept in memory is written"
        );
    }

    /// The store is closed and still fails.
    fn give_up(&mut self) {
        let mut lost = Vec::new();
        self.spool.take(usize::MAX, &mut lost);
        let finals = lost.iter().filter(|job| matches!(job, Job::Final { .. })).count();
        if finals > 0 {
            self.shared.dropped.fetch_add(finals as u64, Ordering::Relaxed);
            metrics::counter!("tandem_records_dropped_total", "kind" => "final").increment(finals as u64);
            tracing::error!(
                records = finals,
                "the store failed until the end: call records are LOST"
            );
        }
        self.shared.set_spooled(0);
        self.deliver();
    }

    fn stored(&self, jobs: usize) {
        self.shared.committed.fetch_add(jobs as u64, Ordering::Release);
        metrics::counter!("tandem_records_stored_total").increment(jobs as u64);
    }

    fn deliver(&mut self) {
        if !self.outcomes.is_empty() {
            self.sink.deliver(&mut self.outcomes);
        }
    }
}

/// Whether a failure may be the connection's own; a lock or a full disk isn't.
fn must_reopen(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
    )
}
