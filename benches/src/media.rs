//! Cost per relayed packet, added latency, memory per call: N calls held, G.711 at 50 packets per second both ways.

use crate::ng::Ng;
use crate::peers;
use crate::signalling::{cpu_us, drops};
use anyhow::Result;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use testbed::bulk::{self, Held};
use testbed::load::{LoadReport, RtpLoad};
use testbed::{Bed, Places, Setup, proc, sdp};

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

fn addresses(places: &Places, calls: usize) -> Vec<(SocketAddr, SocketAddr)> {
    let step = |base: SocketAddr, n: usize| SocketAddr::new(base.ip(), base.port() + 2 * n as u16);
    (0..calls)
        .map(|n| (step(places.rtp_a, n), step(places.rtp_b1, n)))
        .collect()
}

/// A round through a fresh Tandem with this `media.engine`, leak check included.
///
/// # Errors
/// None; a daemon that misbehaves panics with its log.
pub fn tandem(daemon: &Path, engine: &str, load: Load) -> Result<Round> {
    let setup = Setup::default().t1_ms(500).media_ports(10_000, 19_999);
    let bed = Bed::start(daemon, setup.media(&format!("engine = \"{engine}\"")));
    let pids = [bed.pid()];
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, load.calls);
    let rtp = RtpLoad::bind(&ends);
    // What is made once, with the first call, isn't the price of a call.
    bulk::call(
        &alice,
        &bob,
        ends.first()
            .copied()
            .unwrap_or((bed.places.rtp_a, bed.places.rtp_b1)),
    )
    .hang_up();
    let empty = footprint(&pids);
    let held: Vec<Held<'_>> = ends.iter().map(|rtp| bulk::call(&alice, &bob, *rtp)).collect();
    let to: Vec<_> = held.iter().map(|held| (held.a_to, held.b_to)).collect();
    let round = measure(load, &pids, &empty, &rtp, &to);
    for call in &held {
        call.hang_up();
    }
    let _ = bed.wait_records(load.calls + 1);
    Ok(round)
}

/// A round through a fresh rtpengine, calls set up by its control protocol.
///
/// # Errors
/// It doesn't start or refuses.
pub fn rtpengine(load: Load) -> Result<Round> {
    let (server, mut ng) = peers::rtpengine()?;
    let pids = server.pids();
    let ends = addresses(&server.places, load.calls);
    let rtp = RtpLoad::bind(&ends);
    set_up(&mut ng, "warm", (server.places.rtp_b2, server.places.rtp_x))?;
    ng.delete("warm")?;
    let empty = footprint(&pids);
    let mut to = Vec::new();
    for (n, ends) in ends.iter().enumerate() {
        to.push(set_up(&mut ng, &format!("call-{n}"), *ends)?);
    }
    let round = measure(load, &pids, &empty, &rtp, &to);
    for n in 0..load.calls {
        ng.delete(&format!("call-{n}"))?;
    }
    Ok(round)
}

fn set_up(ng: &mut Ng, call: &str, ends: (SocketAddr, SocketAddr)) -> Result<(SocketAddr, SocketAddr)> {
    let for_b = ng.offer(call, &sdp::offer(ends.0))?;
    let for_a = ng.answer(call, &sdp::offer(ends.1))?;
    Ok((sdp::audio(for_a.as_bytes()), sdp::audio(for_b.as_bytes())))
}

/// The same load with nothing between the ends: what the load itself and the kernel take.
#[must_use]
pub fn direct(load: Load) -> LoadReport {
    let ends = addresses(&Places::v4(), load.calls);
    let crossed: Vec<_> = ends.iter().map(|(a, b)| (*b, *a)).collect();
    RtpLoad::bind(&ends).run(&crossed, load.time)
}
