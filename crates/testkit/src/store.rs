//! A record store: fast, slow, failing, or stuck.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use switch::record::{CallRecord, RecordState};
use switch::{Input, RecordJob};

use crate::agenda::{Agenda, What};

/// How a store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// Everything is safe after this time.
    Stores(Duration),
    /// Nothing can be stored now; the store says so after this time, keeps the job and tries on.
    Fails(Duration),
    /// Nothing is stored and nothing is said.
    Stuck,
}

/// A record store.
#[derive(Debug)]
pub struct Store {
    /// How it behaves from now on.
    pub mode: StoreMode,
    /// Calls that are up, by call id: what a new process would find.
    pub journal: BTreeMap<String, (CallRecord, Vec<u8>)>,
    /// Final records in the order in which they came.
    pub finals: Vec<CallRecord>,
    /// Interim records likewise.
    pub interims: Vec<CallRecord>,
    /// Tickets of jobs that nothing was said about.
    pub unanswered: Vec<u64>,
    /// What may not happen and did.
    pub faults: Vec<String>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            mode: StoreMode::Stores(Duration::from_micros(200)),
            journal: BTreeMap::new(),
            finals: Vec::new(),
            interims: Vec::new(),
            unanswered: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, now: Instant, job: RecordJob, agenda: &mut Agenda) {
        let ticket = match job {
            RecordJob::Journal {
                ticket,
                record,
                dialogs,
            } => {
                self.check(&record, RecordState::Interim);
                let before = self.journal.insert(record.id.clone(), (*record, dialogs.clone()));
                if before.is_some_and(|(_, known)| known == dialogs) {
                    self.faults
                        .push("a call was journalled again without need".into());
                }
                ticket
            }
            RecordJob::Interim { ticket, record } => {
                self.check(&record, RecordState::Interim);
                if let Some((kept, _)) = self.journal.get_mut(&record.id) {
                    *kept = (*record).clone();
                } else {
                    self.faults.push(format!(
                        "interim record of a call that is not in the journal: {}",
                        record.id
                    ));
                }
                self.interims.push(*record);
                ticket
            }
            RecordJob::Final { ticket, record } => {
                self.check(&record, RecordState::Final);
                self.journal.remove(&record.id);
                self.finals.push(*record);
                ticket
            }
        };
        match self.mode {
            StoreMode::Stores(after) => {
                agenda.plan(now + after, What::Switch(Box::new(Input::Stored { ticket })));
            }
            StoreMode::Fails(after) => {
                agenda.plan(now + after, What::Switch(Box::new(Input::StoreFailed { ticket })));
            }
            StoreMode::Stuck => self.unanswered.push(ticket),
        }
    }

    fn check(&mut self, record: &CallRecord, state: RecordState) {
        if record.state != state {
            self.faults
                .push(format!("record {} comes as {:?}", record.id, record.state));
        }
        if self
            .finals
            .iter()
            .rev()
            .take(64)
            .any(|other| other.id == record.id)
        {
            self.faults
                .push(format!("call {} goes on after its final record", record.id));
        }
    }

    /// The jobs that nothing was said about are safe after all.
    pub(crate) fn catch_up(&mut self, now: Instant, agenda: &mut Agenda) {
        for ticket in self.unanswered.drain(..) {
            agenda.plan(now, What::Switch(Box::new(Input::Stored { ticket })));
        }
    }
}
