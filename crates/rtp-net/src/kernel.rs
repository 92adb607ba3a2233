//! The kernel path: plain RTP is relayed by an eBPF program on the ingress of the interfaces and does not come up to a socket.
//!
//! [`KernelPath::open`] looks whether the machine allows it, loads `bpf/relay.bpf.o` and pins it, so that what it relays goes on
//! when the process is gone. The workers put directions of sessions into its flow table and take them back; what a flow is, and
//! what of a session may be one, is [`rtp_proto::offload`]'s to say.

mod clock;
mod error;
mod interfaces;
mod layout;
mod pins;
mod requirements;
mod routes;

use aya::maps::{Array, HashMap, MapData, MapError};
use aya::programs::SchedClassifier;
use aya::programs::links::{FdLink, LinkOrder, PinnedLink};
use aya::programs::tc::{TcAttachOptions, TcAttachType};
use aya::{Ebpf, EbpfLoader};
use clock::Clock;
pub use error::KernelError;
use layout::{FlowRecord, Key, TallyRecord};
use pins::{Found, Pins};
use routes::{Routes, Way};
use rtp_proto::offload::{Flow, Ledger};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The program, as `make bpf` builds it.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../bpf/relay.bpf.o");
/// The program's name in it.
const PROGRAM: &str = "relay";
/// BPF_F_LOCK: a tally is read and written whole.
const LOCKED: u64 = 4;

/// How the kernel path is set up.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// What this switch's pins are found by after a restart. No two processes at a time may have the same.
    pub name: String,
    /// Directory on a bpf file system; the pins are in `NAME/NUMBER/` under it.
    pub pins: PathBuf,
    /// Interfaces by which media comes in; empty: all that are up, `lo` too.
    pub interfaces: Vec<String>,
    /// Flows there is room for; a session has two.
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
    clock: Clock,
    pins: Pins,
    found: Mutex<Found>,
    attached: Vec<String>,
    /// Held open for as long as the process runs: the program's links, and the program.
    _links: Vec<PinnedLink>,
    _program: Ebpf,
}

struct Table {
    flows: HashMap<MapData, Key, FlowRecord>,
    tallies: Array<MapData, TallyRecord>,
    free: Vec<u32>,
    used: u32,
    size: u32,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, free) = (self.used, self.free.len());
        write!(
            f,
            "Table({used} of {} slots used, {free} of them free)",
            self.size
        )
    }
}

/// A flow at work.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) flow: Flow,
    key: Key,
    slot: u32,
    way: Way,
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
        let routes = Routes::open().map_err(KernelError::Routes)?;
        let (pins, found) = pins::open(&config.pins, &config.name)?;
        let mut opened = Opening { pins, whole: false };
        let mut program = load(config.flows)?;
        let links = attach(&mut program, config, &opened.pins)?;
        let table = Table::open(&mut program, config.flows, &opened.pins)?;
        opened.whole = true;
        let (attached, links) = links.into_iter().unzip();
        Ok(Self {
            table: Mutex::new(table),
            routes: Mutex::new(routes),
            route_changes: AtomicU64::new(0),
            clock: Clock::now(),
            pins: opened.take(),
            found: Mutex::new(found),
            attached,
            _links: links,
            _program: program,
        })
    }

    /// The interfaces whose packets it sees.
    #[must_use]
    pub fn interfaces(&self) -> &[String] {
        &self.attached
    }

    /// The directory with the pins of this process.
    #[must_use]
    pub fn pins(&self) -> &Path {
        self.pins.directory()
    }

    /// Flows at work now.
    #[must_use]
    pub fn flows(&self) -> usize {
        let table = locked(&self.table);
        usize::try_from(table.used).map_or(0, |used| used - table.free.len())
    }

    /// How many processes before this one left flows at work, which [`remove_found`](Self::remove_found) has not ended.
    #[must_use]
    pub fn found(&self) -> usize {
        locked(&self.found).directories.len()
    }

    /// Ends what processes before this one left: packets of their calls go no further. To be called when those calls have been
    /// hung up. How many processes.
    pub fn remove_found(&self) -> usize {
        locked(&self.found).remove()
    }

    /// Relays what `flow` says from now on, counting on from `ledger`.
    pub(crate) fn install(&self, flow: Flow, ledger: &Ledger) -> Result<Installed, KernelError> {
        let way = self.way(&flow)?;
        let oif = match way {
            Way::Local => 0,
            Way::Out(oif) => oif,
            Way::None => return Err(KernelError::NoRoute),
        };
        let key = Key::new(flow.local);
        let mut table = locked(&self.table);
        let slot = table.reserve()?;
        let tally = TallyRecord::new(ledger, &self.clock);
        let written = match table.tallies.set(slot, tally, LOCKED) {
            Ok(()) => table.flows.insert(key, FlowRecord::new(&flow, oif, slot), 0),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            table.free.push(slot);
            return Err(map_error(&error));
        }
        Ok(Installed { flow, key, slot, way })
    }

    /// What a flow has counted so far.
    pub(crate) fn read(&self, installed: &Installed) -> Result<Ledger, KernelError> {
        let tally = locked(&self.table).tallies.get(&installed.slot, LOCKED);
        tally
            .map(|tally| tally.ledger(&self.clock))
            .map_err(|error| map_error(&error))
    }

    /// Ends a flow; what it counted. From the moment this returns, packets come to the socket.
    pub(crate) fn remove(&self, installed: &Installed) -> Result<Ledger, KernelError> {
        let mut table = locked(&self.table);
        match table.flows.remove(&installed.key) {
            Ok(()) | Err(MapError::KeyNotFound) => {}
            Err(error) => return Err(map_error(&error)),
        }
        // A packet that found the flow before it went is counted by now: that takes less than the system call that took it away.
        let tally = table.tallies.get(&installed.slot, LOCKED);
        table.free.push(installed.slot);
        tally
            .map(|tally| tally.ledger(&self.clock))
            .map_err(|error| map_error(&error))
    }

    /// A number that is another when routes may have changed.
    pub(crate) fn route_changes(&self) -> u64 {
        if locked(&self.routes).changed() {
            self.route_changes.fetch_add(1, Ordering::Relaxed);
        }
        self.route_changes.load(Ordering::Relaxed)
    }

    /// Whether a flow's peer is still reached the same way.
    pub(crate) fn is_routed(&self, installed: &Installed) -> bool {
        self.way(&installed.flow).is_ok_and(|way| way == installed.way)
    }

    fn way(&self, flow: &Flow) -> Result<Way, KernelError> {
        locked(&self.routes)
            .way(flow.via.ip(), flow.to.ip())
            .map_err(KernelError::Routes)
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

impl Table {
    fn open(program: &mut Ebpf, size: u32, pins: &Pins) -> Result<Self, KernelError> {
        let mut take = |name: &str| {
            let missing = || KernelError::Load(format!("it has no map {name}"));
            let map = program.take_map(name).ok_or_else(missing)?;
            let path = pins.path(name);
            map.pin(&path)
                .map_err(|error| KernelError::Load(format!("pinning {}: {error}", path.display())))?;
            Ok(map)
        };
        let (flows, tallies) = (take(pins::FLOWS)?, take("tallies")?);
        Ok(Self {
            flows: HashMap::try_from(flows).map_err(|error| map_error(&error))?,
            tallies: Array::try_from(tallies).map_err(|error| map_error(&error))?,
            free: Vec::new(),
            used: 0,
            size,
        })
    }

    fn reserve(&mut self) -> Result<u32, KernelError> {
        if let Some(slot) = self.free.pop() {
            return Ok(slot);
        }
        if self.used >= self.size {
            return Err(KernelError::Full);
        }
        self.used += 1;
        Ok(self.used - 1)
    }
}

fn load(flows: u32) -> Result<Ebpf, KernelError> {
    let refused = |error: &dyn std::error::Error| KernelError::Load(chain(error));
    let mut program = EbpfLoader::new()
        .map_max_entries(pins::FLOWS, flows.max(1))
        .map_max_entries("tallies", flows.max(1))
        .load(OBJECT)
        .map_err(|error| refused(&error))?;
    classifier(&mut program)?
        .load()
        .map_err(|error| refused(&error))?;
    Ok(program)
}

fn classifier(program: &mut Ebpf) -> Result<&mut SchedClassifier, KernelError> {
    let found = program
        .program_mut(PROGRAM)
        .ok_or_else(|| KernelError::Load(format!("it has no program {PROGRAM}")))?;
    found.try_into().map_err(|error| KernelError::Load(chain(&error)))
}

/// Attaches the program to all interfaces asked for, or all that will have it, and pins the links.
fn attach(
    program: &mut Ebpf,
    config: &KernelConfig,
    pins: &Pins,
) -> Result<Vec<(String, PinnedLink)>, KernelError> {
    let named = !config.interfaces.is_empty();
    let interfaces = if named {
        config.interfaces.clone()
    } else {
        interfaces::usable()
    };
    let classifier = classifier(program)?;
    let (mut links, mut last) = (Vec::new(), "no interface is up".to_owned());
    for interface in interfaces {
        match attach_one(classifier, &interface, pins) {
            Ok(link) => links.push((interface, link)),
            Err(error) if named => return Err(KernelError::Attach(format!("{interface}: {error}"))),
            // It may have gone meanwhile.
            Err(error) => {
                tracing::debug!(%interface, %error, "the relay program is not attached");
                last = format!("{interface}: {error}");
            }
        }
    }
    if links.is_empty() {
        return Err(KernelError::Attach(last));
    }
    Ok(links)
}

fn attach_one(classifier: &mut SchedClassifier, interface: &str, pins: &Pins) -> Result<PinnedLink, String> {
    let options = TcAttachOptions::TcxOrder(LinkOrder::default());
    let id = classifier
        .attach_with_options(interface, TcAttachType::Ingress, options)
        .map_err(|error| chain(&error))?;
    let link = classifier.take_link(id).map_err(|error| chain(&error))?;
    let link: FdLink = link
        .try_into()
        .map_err(|error: aya::programs::links::LinkError| chain(&error))?;
    link.pin(pins.path(&format!("{}{interface}", pins::LINK)))
        .map_err(|error| chain(&error))
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

fn map_error(error: &MapError) -> KernelError {
    KernelError::Map(chain(error))
}

/// A thread that panicked left a table that is still true: each call changes it by whole steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
