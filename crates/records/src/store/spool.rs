//! What waits in memory while the store fails: bounded, in order, at most two jobs for a call.

use super::Job;
use std::collections::{HashMap, VecDeque};

/// Jobs in the order in which they came; what a later job of the same call makes needless is merged into it.
#[derive(Debug)]
pub(super) struct Spool {
    jobs: VecDeque<Option<Job>>,
    /// Position, counted from `base`, of the one journal or interim job of each call that has one here.
    unfinished: HashMap<Box<str>, u64>,
    /// Position of the front of `jobs`.
    base: u64,
    live: usize,
    limit: usize,
}

impl Spool {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            jobs: VecDeque::new(),
            unfinished: HashMap::new(),
            base: 0,
            live: 0,
            limit,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Keeps a job, or gives it back when there is no room. The upper half of the room is for final records only: a journal entry
    /// that is lost matters if the process dies too, a final record always.
    pub(super) fn push(&mut self, job: Job) -> Result<(), Job> {
        let id = job.record().id.as_str();
        let earlier = self.unfinished.get(id).copied();
        let is_final = matches!(job, Job::Final { .. });
        match earlier {
            Some(position) if is_final => {
                self.unfinished.remove(id);
                if self.slot(position).is_some_and(|slot| slot.take().is_some()) {
                    self.live -= 1;
                }
            }
            Some(position) => {
                if let Some(waiting) = self.slot(position).and_then(Option::as_mut) {
                    merge(waiting, job);
                }
                return Ok(());
            }
            None => {}
        }
        if self.live >= if is_final { self.limit } else { self.limit / 2 } {
            return Err(job);
        }
        if !is_final {
            self.unfinished.insert(
                job.record().id.as_str().into(),
                self.base + self.jobs.len() as u64,
            );
        }
        self.jobs.push_back(Some(job));
        self.live += 1;
        Ok(())
    }

    /// Moves up to `count` jobs, oldest first, to the end of `batch`.
    pub(super) fn take(&mut self, count: usize, batch: &mut Vec<Job>) {
        while batch.len() < count {
            let Some(slot) = self.jobs.pop_front() else { return };
            self.base += 1;
            let Some(job) = slot else { continue };
            if let Job::Journal { record, .. } | Job::Interim { record, .. } = &job {
                self.unfinished.remove(record.id.as_str());
            }
            self.live -= 1;
            batch.push(job);
        }
    }

    /// Puts back what [`Spool::take`] gave, in its old place.
    pub(super) fn put_back(&mut self, batch: &mut Vec<Job>) {
        for job in batch.drain(..).rev() {
            self.base -= 1;
            if let Job::Journal { record, .. } | Job::Interim { record, .. } = &job {
                self.unfinished.insert(record.id.as_str().into(), self.base);
            }
            self.live += 1;
            self.jobs.push_front(Some(job));
        }
    }

    fn slot(&mut self, position: u64) -> Option<&mut Option<Job>> {
        self.jobs
            .get_mut(usize::try_from(position.checked_sub(self.base)?).ok()?)
    }
}

/// Brings a waiting journal or interim job up to what a later one of the same call says.
fn merge(waiting: &mut Job, later: Job) {
    match (waiting, later) {
        (Job::Journal { record, .. } | Job::Interim { record, .. }, Job::Interim { record: newer, .. }) => {
            *record = newer
        }
        (waiting, later) => *waiting = later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use switch::record::CallRecord;

    fn journal(n: u64) -> Job {
        Job::Journal {
            ticket: n,
            record: Box::new(samples::record(n)),
            dialogs: vec![1],
        }
    }

    fn interim(n: u64, talk_ms: u64) -> Job {
        Job::Interim {
            ticket: n,
            record: Box::new(CallRecord {
                talk_ms,
                ..samples::record(n)
            }),
        }
    }

    fn last(n: u64) -> Job {
        Job::Final {
            ticket: n,
            record: Box::new(samples::record(n)),
        }
    }

    fn drained(spool: &mut Spool) -> Vec<Job> {
        let mut batch = Vec::new();
        spool.take(usize::MAX, &mut batch);
        batch
    }

    #[test]
    fn jobs_leave_in_the_order_in_which_they_came() {
        let mut spool = Spool::new(10);
        for n in 0..5 {
            spool.push(last(n)).unwrap();
        }
        let mut batch = Vec::new();
        spool.take(2, &mut batch);
        assert_eq!(batch, [last(0), last(1)]);
        spool.put_back(&mut batch);
        assert_eq!(drained(&mut spool), (0..5).map(last).collect::<Vec<_>>());
        assert!(spool.is_empty());
    }

    #[test]
    fn a_final_record_replaces_what_waited_for_its_call() {
        let mut spool = Spool::new(10);
        for job in [journal(1), journal(2), interim(1, 7), last(1), journal(3)] {
            spool.push(job).unwrap();
        }
        assert_eq!(spool.len(), 3);
        assert_eq!(drained(&mut spool), [journal(2), last(1), journal(3)]);
    }

    #[test]
    fn an_interim_account_joins_the_journal_entry_that_waits() {
        let mut spool = Spool::new(10);
        for job in [journal(1), interim(1, 7)] {
            spool.push(job).unwrap();
        }
        let jobs = drained(&mut spool);
        assert!(
            matches!(jobs.as_slice(), [Job::Journal { record, dialogs, .. }] if record.talk_ms == 7 && dialogs == &[1])
        );
    }

    #[test]
    fn journal_entries_leave_half_of_the_room_to_final_records() {
        let mut spool = Spool::new(4);
        assert_eq!((0..4).filter(|n| spool.push(journal(*n)).is_ok()).count(), 2);
        assert_eq!((4..8).filter(|n| spool.push(last(*n)).is_ok()).count(), 2);
        assert_eq!(spool.push(last(9)), Err(last(9)));
        // A call whose journal entry waits has its room already.
        assert_eq!(spool.push(last(0)), Ok(()));
        assert_eq!(spool.len(), 4);
    }

    #[test]
    fn what_is_put_back_still_gives_way_to_its_final_record() {
        let mut spool = Spool::new(10);
        spool.push(journal(1)).unwrap();
        spool.push(journal(2)).unwrap();
        let mut batch = Vec::new();
        spool.take(1, &mut batch);
        spool.put_back(&mut batch);
        spool.push(last(1)).unwrap();
        assert_eq!(drained(&mut spool), [journal(2), last(1)]);
    }
}
