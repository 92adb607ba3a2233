//! The kernel path: plain RTP is relayed by an eBPF program on the ingress of the interfaces and does not come up to a socket.
//!
//! [`KernelPath::open`] looks whether the machine allows it, loads `bpf/relay.bpf.o` and pins it, so that what it relays goes on
//! when the process is gone. The workers put directions of sessions into its flow table and take them back; what a flow is, and
//! what of a session may be one, is [`rtp_proto::offload`]'s to say.

mod clock;
mod complaint;
mod error;
mod interfaces;
mod layout;
mod links;
mod netlink;
mod pins;
mod requirements;
mod routes;
mod table;
#[cfg(test)]
mod tests;

use aya::{Ebpf, EbpfLoader};
use complaint::Complaint;
pub use error::KernelError;
use layout::Joints;
use links::Links;
pub use pins::Leftovers;
use pins::Pins;
use routes::{Routes, Way};
use rtp_proto::offload::{Flow, Ledger};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use table::{Place, Table};

/// The program, as `make bpf` builds it.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../bpf/relay.bpf.o");
/// The index of `lo`, in every network namespace.
const LOOPBACK: u32 = 1;

/// How the kernel path is set up.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// What this switch's pins are found by after a restart. No two processes at a time may have the same.
    pub name: String,
    /// Directory on a bpf file system; the pins are in `NAME/NUMBER/` under it.
    pub pins: PathBuf,
    /// Interfaces by which media comes in, those that come later too; empty: all that carry Ethernet frames, and `lo`.
    pub interfaces: Vec<String>,
    /// Flows there is room for; a session has two. Each takes 0.3 kB of kernel memory, used or not.
    pub flows: u32,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            name: "tandem".to_owned(),
            pins: PathBuf::from("/sys/fs/bpf/tandem"),
            interfaces: Vec::new(),
            flows: 32_768,
        }
    }
}

/// The loaded program. Dropping it takes it away with all flows; a process that is killed leaves it at work.
#[derive(Debug)]
pub struct KernelPath {
    table: Mutex<Table>,
    routes: Mutex<Routes>,
    /// Counts changes of the routing table.
    route_changes: AtomicU64,
    pins: Pins,
    links: Mutex<Links>,
    complaint: Mutex<Complaint>,
    secret: RandomState,
}

/// A flow at work.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Hash of the flow: the session has it whole, and there are two for each call.
    flow: u64,
    place: Place,
    ways: Ways,
}

/// Where a flow's peers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    from: Way,
    to: Way,
}

impl KernelConfig {
    /// Whether this machine and process have what the kernel path needs. [`KernelPath::open`] looks too.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), KernelError> {
        requirements::check(&self.pins)
    }
}

impl KernelPath {
    /// Checks what is needed, loads the program, attaches and pins it.
    ///
    /// # Errors
    /// What is missing, or what the kernel says against it.
    pub fn open(config: &KernelConfig) -> Result<Self, KernelError> {
        config.check()?;
        let mut routes = Routes::open().map_err(KernelError::Routes)?;
        let pins = pins::open(&config.pins, &config.name)?;
        let opened = Opening { pins, whole: false };
        let mut program = load(config.flows)?;
        let table = Table::open(&mut program, config.flows, &opened.pins)?;
        let mut links = Links::new(program, &config.interfaces)?;
        let there = routes.interfaces().map_err(KernelError::Routes)?;
        links.begin(&there, &opened.pins)?;
        Ok(Self {
            table: Mutex::new(table),
            routes: Mutex::new(routes),
            route_changes: AtomicU64::new(0),
            pins: opened.take(),
            links: Mutex::new(links),
            complaint: Mutex::new(Complaint::default()),
            secret: RandomState::new(),
        })
    }

    /// The interfaces whose packets it sees.
    #[must_use]
    pub fn interfaces(&self) -> Vec<String> {
        locked(&self.links).names()
    }

    /// The directory with the pins of this process.
    #[must_use]
    pub fn pins(&self) -> &Path {
        self.pins.directory()
    }

    /// Flows at work now.
    #[must_use]
    pub fn flows(&self) -> usize {
        locked(&self.table).flows()
    }

    /// Relays what `flow` says from now on, counting on from `ledger`.
    pub(crate) fn install(&self, flow: &Flow, ledger: &Ledger) -> Result<Installed, KernelError> {
        let ways = self.ways(flow)?;
        let joints = ways.joints().ok_or(KernelError::NoRoute)?;
        let place = locked(&self.table).insert(flow, joints, ledger)?;
        Ok(Installed {
            flow: self.secret.hash_one(flow),
            place,
            ways,
        })
    }

    /// Whether it is this flow that is at work.
    pub(crate) fn is(&self, installed: &Installed, flow: &Flow) -> bool {
        installed.flow == self.secret.hash_one(flow)
    }

    /// A flow was refused. A peer that cannot be reached is an everyday thing; a full table the operator should know, but not of
    /// each call.
    pub(crate) fn complain(&self, now: Instant, error: &KernelError) {
        if matches!(error, KernelError::NoRoute) {
            tracing::debug!(%error, "a stream stays in userspace");
        } else if let Some(streams) = locked(&self.complaint).again(now) {
            tracing::warn!(%error, streams, "streams stay in userspace; this is said once a minute");
        }
    }

    /// What a flow has counted so far.
    pub(crate) fn read(&self, installed: &Installed) -> Result<Ledger, KernelError> {
        locked(&self.table).read(&installed.place)
    }

    /// Ends a flow; what it counted. From the moment this returns, packets come to the socket.
    pub(crate) fn remove(&self, installed: &Installed) -> Result<Ledger, KernelError> {
        locked(&self.table).remove(&installed.place)
    }

    /// A number that is another when routes may have changed. Interfaces that have come get the program.
    pub(crate) fn route_changes(&self) -> u64 {
        let mut routes = locked(&self.routes);
        if routes.changed() {
            match routes.interfaces() {
                Ok(there) => locked(&self.links).follow(&there, &self.pins),
                Err(error) => tracing::warn!(%error, "the interfaces cannot be listed"),
            }
            self.route_changes.fetch_add(1, Ordering::Relaxed);
        }
        self.route_changes.load(Ordering::Relaxed)
    }

    /// Whether the peers of the flow at work are still reached the same way.
    pub(crate) fn is_routed(&self, installed: &Installed, flow: &Flow) -> bool {
        self.ways(flow).is_ok_and(|ways| ways == installed.ways)
    }

    fn ways(&self, flow: &Flow) -> Result<Ways, KernelError> {
        let mut routes = locked(&self.routes);
        let mut way =
            |from: &SocketAddr, to: &SocketAddr| routes.way(from.ip(), to.ip()).map_err(KernelError::Routes);
        Ok(Ways {
            from: way(&flow.local, &flow.from)?,
            to: way(&flow.via, &flow.to)?,
        })
    }
}

impl Ways {
    /// By which interfaces packets come and go. They have to come by the one that leads back to their source: what comes by
    /// another is for the stack to judge, which knows martians and reverse path filters.
    fn joints(self) -> Option<Joints> {
        let iif = match self.from {
            Way::Local => LOOPBACK,
            Way::Out(iif) => iif,
            Way::None => return None,
        };
        let oif = match self.to {
            Way::Local => 0,
            Way::Out(oif) => oif,
            Way::None => return None,
        };
        Some(Joints { iif, oif, types: 0 })
    }
}

impl Drop for KernelPath {
    fn drop(&mut self) {
        self.pins.remove();
    }
}

/// Pins that go when the opening fails.
struct Opening {
    pins: Pins,
    whole: bool,
}

impl Opening {
    fn take(mut self) -> Pins {
        self.whole = true;
        std::mem::take(&mut self.pins)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.whole {
            self.pins.remove();
        }
    }
}

fn load(flows: u32) -> Result<Ebpf, KernelError> {
    let flows = flows.max(1);
    EbpfLoader::new()
        .map_max_entries(pins::FLOWS, flows)
        .map_max_entries("slots", flows)
        .map_max_entries("gates", flows)
        .map_max_entries("types", table::TYPES)
        .load(OBJECT)
        .map_err(|error| KernelError::Load(chain(&error)))
}

/// An error with its causes: aya's say little at the top.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A thread that panicked left a table that is still true: each call changes it by whole steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
