//! Cost per relayed packet, added latency, memory per call: N calls held, 50 packets per second both ways, passed on as they are,
//! encrypted for one side, or converted to another codec. And how many calls there may be until a packet is lost.

pub mod bare;
mod footprint;
mod rtpengine;
pub mod table;
mod tandem;
mod voice;
mod work;

pub use footprint::ProgramTimes;
pub use work::Work;

use crate::signalling::{cpu_us, drops};
use anyhow::Result;
use footprint::{Footprint, program_us};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use testbed::Places;
use testbed::load::{LoadReport, RtpLoad};
use work::{Ends, Up};

/// Kernel memory of one UDP socket, kB: measured as the growth of all slabs by 15,000 of them in an epoll set, which is sock 1344, inode
/// 832, dentry and file 192 each, epoll's entries 208, security labels 56 bytes, and what does not fit their pages.
pub const SOCKET_KB: f64 = 2.82;

/// Memory is what the calls behind this part of them add: buffers and caches that fill once are no call's price.
const FIRST: usize = 5;

/// Talk before a measurement.
const WARM_UP: Duration = Duration::from_secs(2);

/// The load.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Calls held at once.
    pub calls: usize,
    /// How long they talk.
    pub time: Duration,
}

/// One round's figures.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// Processor time per relayed packet, µs, over what the held calls cost without packets: the process's, and that of its
    /// program in the kernel.
    pub cpu_us: f64,
    /// The program's share of it.
    pub program_us: f64,
    /// Process memory per call, kB.
    pub memory_kb: f64,
    /// UDP sockets per call.
    pub sockets: f64,
    /// What the load itself saw.
    pub report: LoadReport,
    /// Datagrams that the server's sockets lost to full buffers.
    pub drops: u64,
}

impl Round {
    /// A round counts only when every packet arrived unaltered and in order.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.report.is_clean() && self.drops == 0
    }

    /// Process and socket memory per call, kB.
    #[must_use]
    pub fn total_kb(&self) -> f64 {
        self.memory_kb + self.sockets * SOCKET_KB
    }
}

/// Who relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Tandem, its eBPF program.
    Kernel,
    /// Tandem, its threads.
    Userspace,
    /// The least that a relay in userspace can do: one thread, two connected sockets per call on epoll.
    Bare,
    /// rtpengine without its kernel module.
    Rtpengine,
}

/// A relay at a kind of work: a line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Who.
    pub engine: Engine,
    /// What.
    pub work: Work,
}

impl Row {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> String {
        match (self.engine, self.work) {
            (Engine::Kernel, _) => "Tandem, kernel".to_owned(),
            (Engine::Userspace, Work::Relay) => "Tandem, userspace".to_owned(),
            (Engine::Userspace, work) => format!("Tandem, {}", work.name()),
            (Engine::Bare, _) => "bare relay".to_owned(),
            (Engine::Rtpengine, Work::Relay) => "rtpengine, userspace".to_owned(),
            (Engine::Rtpengine, work) => format!("rtpengine, {}", work.name()),
        }
    }

    /// Whether it is Tandem's.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self.engine, Engine::Kernel | Engine::Userspace)
    }

    /// Starts the relay fresh, with room for `most` calls, lets `play` use it and ends it.
    fn with<T>(
        self,
        daemon: &Path,
        most: usize,
        play: impl FnOnce(&mut dyn Stand) -> Result<T>,
    ) -> Result<T> {
        let ends = Ends::new(self.work)?;
        match self.engine {
            Engine::Kernel => tandem::with(daemon, "kernel", self.work, ends, play),
            Engine::Userspace => tandem::with(daemon, "userspace", self.work, ends, play),
            Engine::Bare => bare::with(most, ends, play),
            Engine::Rtpengine => rtpengine::with(self.work, ends, play),
        }
    }
}

/// A relay to be measured.
trait Stand {
    /// Its processes.
    fn pids(&self) -> Vec<u32>;
    /// Sets call number `n` up.
    fn set_up(&mut self, n: usize) -> Result<Up>;
    /// Sets a call up and ends it: what is made once, with the first, isn't the price of a call.
    fn warm_up(&mut self) -> Result<()>;
}

/// A load and where its ends send to, by call.
struct Talkers {
    rtp: RtpLoad,
    to: Vec<(SocketAddr, SocketAddr)>,
}

impl Talkers {
    fn new() -> Self {
        Self {
            rtp: RtpLoad::of([]),
            to: Vec::new(),
        }
    }

    /// Sets `count` calls more up.
    fn add(&mut self, stand: &mut dyn Stand, count: usize) -> Result<()> {
        for _ in 0..count {
            let up = stand.set_up(self.to.len())?;
            self.rtp.add(up.ends);
            self.to.push(up.to);
        }
        Ok(())
    }

    /// Talks until who is where is settled and buffers are filled, since until then a relay may work harder; and then for `time`.
    /// `mark` is called when that begins, and may be when it ends.
    fn talk(&self, work: Work, time: Duration, mut mark: impl FnMut()) -> LoadReport {
        if work.converts() {
            return self.rtp.run_converted(&self.to, WARM_UP, time, mark);
        }
        let _ = self.rtp.run(&self.to, WARM_UP);
        mark();
        self.rtp.run(&self.to, time)
    }
}

/// A round through a fresh relay.
///
/// # Errors
/// It doesn't start or refuses a call.
pub fn round(row: Row, daemon: &Path, load: Load) -> Result<Round> {
    row.with(daemon, load.calls, |stand| {
        stand.warm_up()?;
        let (pids, mut talkers) = (stand.pids(), Talkers::new());
        let first = load.calls / FIRST;
        talkers.add(stand, first)?;
        // What talking adds is theirs, too.
        let _ = talkers.talk(row.work, WARM_UP, || ());
        let before = (first, Footprint::of(&pids));
        talkers.add(stand, load.calls - first)?;
        Ok(measure(row, load, &pids, &before, &talkers))
    })
}

/// How far a relay got on the way up.
#[derive(Debug, Clone, Copy)]
pub struct Ramp {
    /// The last number of calls at which nothing was lost, late or altered.
    pub clean: usize,
    /// The first at which something was.
    pub broke: Option<usize>,
}

/// Adds `step` calls at a time, up to `most`, and has them all talk for `time`, until a packet is lost.
///
/// # Errors
/// It doesn't start or refuses a call.
pub fn ramp(row: Row, daemon: &Path, step: usize, most: usize, time: Duration) -> Result<Ramp> {
    row.with(daemon, most, |stand| {
        stand.warm_up()?;
        let (pids, mut talkers, mut clean) = (stand.pids(), Talkers::new(), 0);
        while clean + step <= most {
            talkers.add(stand, step)?;
            // Who converts makes up for what it never read: that is a loss, too.
            let dropped = drops(&pids);
            if !talkers.talk(row.work, time, || ()).is_clean() || drops(&pids) != dropped {
                let broke = Some(clean + step);
                return Ok(Ramp { clean, broke });
            }
            clean += step;
        }
        Ok(Ramp { clean, broke: None })
    })
}

/// Measures calls that are already up; `before`: what the server was with so many of them.
fn measure(row: Row, load: Load, pids: &[u32], before: &(usize, Footprint), talkers: &Talkers) -> Round {
    let dropped = drops(pids);
    let idle_time = Duration::from_secs(2);
    let resting = cpu_us(pids);
    thread::sleep(idle_time);
    let idle = (cpu_us(pids) - resting) / idle_time.as_secs_f64();
    let programs = || match row.engine {
        Engine::Kernel => program_us(pids),
        Engine::Userspace | Engine::Bare | Engine::Rtpengine => 0.0,
    };
    let mut marks = Vec::new();
    let report = talkers.talk(row.work, load.time, || marks.push((cpu_us(pids), programs())));
    if marks.len() < 2 {
        marks.push((cpu_us(pids), programs()));
    }
    let sent = report.sent.max(1) as f64;
    let between = |of: fn(&(f64, f64)) -> f64| match marks.as_slice() {
        [begin, .., end] => of(end) - of(begin),
        _ => 0.0,
    };
    let used = between(|mark| mark.0) - idle * load.time.as_secs_f64();
    let program_us = between(|mark| mark.1) / sent;
    let (first, early) = before;
    let (full, added) = (Footprint::of(pids), (load.calls - first) as f64);
    Round {
        cpu_us: used.max(0.0) / sent + program_us,
        program_us,
        memory_kb: full.kb.saturating_sub(early.kb) as f64 / added,
        sockets: full.sockets.saturating_sub(early.sockets) as f64 / added,
        report,
        drops: drops(pids) - dropped,
    }
}

/// Two ports further for each call.
fn step(base: SocketAddr, n: usize) -> SocketAddr {
    SocketAddr::new(base.ip(), base.port() + 2 * n as u16)
}

/// The same load with nothing between the ends: what the load itself and the kernel take. Of work that converts there is none.
///
/// # Errors
/// An end cannot be made.
pub fn direct(work: Work, load: Load) -> Result<LoadReport> {
    let (places, maker) = (Places::v4(), Ends::new(work)?);
    let (mut rtp, mut to) = (RtpLoad::of([]), Vec::new());
    for n in 0..load.calls {
        let at = (step(places.rtp_a, n), step(places.rtp_b1, n));
        rtp.add(maker.direct(n, at)?);
        to.push((at.1, at.0));
    }
    Ok(rtp.run(&to, load.time))
}
