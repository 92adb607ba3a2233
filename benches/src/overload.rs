//! More calls than the daemon can serve: it runs under a processor quota, the callers and the called outside of it.
//!
//! | file | what it is |
//! |---|---|
//! | `overload/quota.rs` | the quota |
//! | `overload/caller.rs` | who calls, at a rate that nothing slows down |
//! | `overload/called.rs` | who answers |

pub mod called;
pub mod caller;
pub mod quota;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use testbed::{Bed, Setup, proc};

use caller::Outcome;
use quota::Quota;

/// What is left of a processor.
pub const SHARE: f64 = 0.25;

/// A daemon under its quota.
#[derive(Debug)]
pub struct Stage {
    bed: Bed,
    _quota: Quota,
}

/// What came of some seconds at one rate, or of several such times.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How often.
    pub times: u32,
    /// Calls offered per second.
    pub rate: f64,
    /// What became of them.
    pub outcome: Outcome,
    /// Processor time of the daemon, µs.
    pub cpu_us: f64,
    /// Memory before the first and after the last, kB.
    pub memory_kb: (u64, u64),
}

impl Run {
    /// Calls served per second.
    pub fn served(&self) -> f64 {
        self.outcome.served_per_s / f64::from(self.times.max(1))
    }

    /// Takes in what came of another time at this rate.
    pub fn add(&mut self, run: Self) {
        let before = if self.times == 0 {
            run.memory_kb.0
        } else {
            self.memory_kb.0
        };
        self.times += run.times;
        self.rate = run.rate;
        self.outcome.add(run.outcome);
        self.cpu_us += run.cpu_us;
        self.memory_kb = (before, run.memory_kb.1);
    }
}

impl Stage {
    /// Starts the daemon.
    ///
    /// # Errors
    /// There is no cgroup to be had (it takes root).
    pub fn start(daemon: &Path) -> Result<Self> {
        let setup = Setup::default()
            .impatient()
            .t1_ms(500)
            .media_ports(10_000, 29_999);
        let bed = Bed::start(daemon, setup);
        let quota = Quota::set(bed.pid(), SHARE)?;
        Ok(Self { bed, _quota: quota })
    }

    /// Offers so many calls per second for so long. What is served is counted in the last two thirds.
    ///
    /// # Errors
    /// A socket cannot be had.
    pub fn offer(&self, rate: f64, time: Duration) -> Result<Run> {
        let places = &self.bed.places;
        let stop = Arc::new(AtomicBool::new(false));
        let called = called::start(places, Arc::clone(&stop))?;
        let pid = self.bed.pid();
        let (memory, cpu) = (proc::private_kb(pid), proc::cpu_ns(pid));
        let outcome = caller::call(places, rate, time);
        let cpu_us = (proc::cpu_ns(pid) - cpu) as f64 / 1000.0;
        stop.store(true, Ordering::Relaxed);
        let _ = called.join();
        Ok(Run {
            times: 1,
            rate,
            outcome: outcome?,
            cpu_us,
            memory_kb: (memory, proc::private_kb(pid)),
        })
    }
}
