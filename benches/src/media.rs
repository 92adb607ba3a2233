//! Cost per relayed packet, added latency, memory per call: N calls held, G.711 at 50 packets per second both ways. And how many
//! calls there may be until a packet is lost.

pub mod bare;
mod rtpengine;
mod tandem;

use crate::signalling::{cpu_us, drops};
use anyhow::Result;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use testbed::load::{LoadReport, RtpLoad};
use testbed::{Places, proc};

/// Kernel memory of one UDP socket with its file, kB (measured: sock, inode, dentry and file objects).
pub const SOCKET_KB: f64 = 2.9;

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

/// Memory and sockets of a server.
struct Footprint {
    kb: u64,
    sockets: usize,
}

fn footprint(pids: &[u32]) -> Footprint {
    Footprint {
        kb: pids.iter().map(|pid| proc::memory_kb(*pid)).sum(),
        sockets: pids.iter().map(|pid| proc::udp_sockets(*pid).len()).sum(),
    }
}

/// Run time of the eBPF programs that these processes hold, µs; 0 unless `kernel.bpf_stats_enabled` is 1.
fn program_us(pids: &[u32]) -> f64 {
    let nanoseconds = |pid: &u32| -> u64 {
        let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten();
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        let times = texts.filter_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("run_time_ns:"))?;
            line.trim().parse::<u64>().ok()
        });
        times.sum()
    };
    pids.iter().map(nanoseconds).sum::<u64>() as f64 / 1000.0
}

/// The kernel keeps the programs' run times while this lives.
#[derive(Debug)]
pub struct ProgramTimes(String);

impl ProgramTimes {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

    /// Turns the keeping on.
    ///
    /// # Errors
    /// It is not allowed.
    pub fn keep() -> std::io::Result<Self> {
        let before = fs::read_to_string(Self::SWITCH)?;
        fs::write(Self::SWITCH, "1")?;
        Ok(Self(before))
    }
}

impl Drop for ProgramTimes {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = fs::write(Self::SWITCH, self.0.trim());
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

impl Engine {
    /// All of them, in the order of a round.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Userspace, Self::Bare, Self::Rtpengine];

    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "Tandem, kernel",
            Self::Userspace => "Tandem, userspace",
            Self::Bare => "bare relay",
            Self::Rtpengine => "rtpengine, userspace",
        }
    }

    /// Starts it fresh, with room for `most` calls, lets `play` use it and ends it.
    fn with<T>(
        self,
        daemon: &Path,
        most: usize,
        play: impl FnOnce(&mut dyn Stand) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::Kernel => tandem::with(daemon, "kernel", play),
            Self::Userspace => tandem::with(daemon, "userspace", play),
            Self::Bare => bare::with(most, play),
            Self::Rtpengine => rtpengine::with(play),
        }
    }
}

/// A relay to be measured.
trait Stand {
    /// Its processes.
    fn pids(&self) -> Vec<u32>;
    /// Where the two ends of call number `n` are.
    fn ends(&self, n: usize) -> (SocketAddr, SocketAddr);
    /// Sets that call up; where A and B send to.
    fn set_up(&mut self, n: usize) -> Result<(SocketAddr, SocketAddr)>;
    /// Sets a call up and ends it: what is made once, with the first, isn't the price of a call.
    fn warm_up(&mut self) -> Result<()>;
}

/// A round through a fresh relay.
///
/// # Errors
/// It doesn't start or refuses a call.
pub fn round(engine: Engine, daemon: &Path, load: Load) -> Result<Round> {
    engine.with(daemon, load.calls, |stand| {
        let ends: Vec<_> = (0..load.calls).map(|n| stand.ends(n)).collect();
        let rtp = RtpLoad::bind(&ends);
        stand.warm_up()?;
        let empty = footprint(&stand.pids());
        let to: Vec<_> = (0..load.calls).map(|n| stand.set_up(n)).collect::<Result<_>>()?;
        Ok(measure(load, &stand.pids(), &empty, &rtp, &to))
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
pub fn ramp(engine: Engine, daemon: &Path, step: usize, most: usize, time: Duration) -> Result<Ramp> {
    engine.with(daemon, most, |stand| {
        stand.warm_up()?;
        let (mut to, mut clean) = (Vec::new(), 0);
        while to.len() + step <= most {
            for _ in 0..step {
                to.push(stand.set_up(to.len())?);
            }
            let ends: Vec<_> = (0..to.len()).map(|n| stand.ends(n)).collect();
            let rtp = RtpLoad::bind(&ends);
            let _ = rtp.run(&to, WARM_UP);
            if !rtp.run(&to, time).is_clean() {
                let broke = Some(to.len());
                return Ok(Ramp { clean, broke });
            }
            clean = to.len();
        }
        Ok(Ramp { clean, broke: None })
    })
}

/// Measures calls that are already up; `empty` is what the server was before them.
fn measure(
    load: Load,
    pids: &[u32],
    empty: &Footprint,
    rtp: &RtpLoad,
    to: &[(SocketAddr, SocketAddr)],
) -> Round {
    let dropped = drops(pids);
    let idle_time = Duration::from_secs(2);
    let before = cpu_us(pids);
    thread::sleep(idle_time);
    let idle = (cpu_us(pids) - before) / idle_time.as_secs_f64();
    // Until who is where is settled, a relay may work harder.
    let _ = rtp.run(to, WARM_UP);
    let (before, programs) = (cpu_us(pids), program_us(pids));
    let report = rtp.run(to, load.time);
    let used = cpu_us(pids) - before - idle * load.time.as_secs_f64();
    let program_us = (program_us(pids) - programs) / report.sent.max(1) as f64;
    let full = footprint(pids);
    Round {
        cpu_us: used.max(0.0) / report.sent.max(1) as f64 + program_us,
        program_us,
        memory_kb: full.kb.saturating_sub(empty.kb) as f64 / load.calls as f64,
        sockets: full.sockets.saturating_sub(empty.sockets) as f64 / load.calls as f64,
        report,
        drops: drops(pids) - dropped,
    }
}

/// Two ports further for each call.
fn step(base: SocketAddr, n: usize) -> SocketAddr {
    SocketAddr::new(base.ip(), base.port() + 2 * n as u16)
}

/// The same load with nothing between the ends: what the load itself and the kernel take.
#[must_use]
pub fn direct(load: Load) -> LoadReport {
    let places = Places::v4();
    let ends: Vec<_> = (0..load.calls)
        .map(|n| (step(places.rtp_a, n), step(places.rtp_b1, n)))
        .collect();
    let crossed: Vec<_> = ends.iter().map(|(a, b)| (*b, *a)).collect();
    RtpLoad::bind(&ends).run(&crossed, load.time)
}
