//! Cost per call: SIPp on both sides, INVITE 100 180 200 ACK, held, BYE 200. It rings for 100 ms, lest a proxy with several
//! workers sends the 180 behind the 200.

use anyhow::Result;
use std::path::Path;
use std::thread;
use std::time::Duration;
use testbed::{Bed, Places, Scenario, Setup, proc};

/// The load.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Calls in all.
    pub calls: u32,
    /// Calls begun per second.
    pub rate: u32,
    /// How long each is held.
    pub hold: Duration,
}

/// One round's figures.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// Processor time per call, µs.
    pub cpu_us: f64,
    /// Calls that failed on either side.
    pub failed: u64,
    /// Messages that SIPp sent again, both sides.
    pub retransmissions: u64,
    /// Datagrams that the server's sockets lost to full buffers.
    pub drops: u64,
    /// What SIPp complained of.
    pub errors: String,
}

impl Round {
    /// A round counts only when nothing went wrong in it.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.failed + self.retransmissions + self.drops == 0
    }
}

/// Processor time of all these processes, µs.
#[must_use]
pub fn cpu_us(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| proc::cpu_ns(*pid)).sum::<u64>() as f64 / 1000.0
}

/// Datagrams lost so far by these processes' open sockets.
#[must_use]
pub fn drops(pids: &[u32]) -> u64 {
    // Forked workers share their sockets.
    pids.iter().map(|pid| proc::udp_drops(*pid)).max().unwrap_or(0)
}

/// One round of `load` through the server with these processes.
#[must_use]
pub fn round(load: Load, places: &Places, pids: &[u32], dir: &Path) -> Round {
    let deadline = load.hold + Duration::from_secs(u64::from(load.calls / load.rate.max(1)) + 30);
    let side = |name: &str, at, port| {
        Scenario::new(name, at, places.sut)
            .audio_port(port)
            .calls(load.calls, load.rate)
            .hold(load.hold)
            .limit(9_000)
    };
    let uas = side("uas_ring", places.b1, 30_000)
        .deadline(deadline)
        .quiet()
        .start(dir);
    let dropped = drops(pids);
    let before = cpu_us(pids);
    let uac = side("uac_basic", places.a, 20_000)
        .deadline(deadline)
        .quiet()
        .start(dir)
        .wait();
    // What a server does after a call (records, timers) belongs to the call.
    thread::sleep(Duration::from_secs(1));
    let used = cpu_us(pids) - before;
    let uas = uas.wait();
    let calls = u64::from(load.calls);
    Round {
        cpu_us: used / calls as f64,
        failed: (calls - uac.successful.min(calls)).max(calls - uas.successful.min(calls)),
        retransmissions: uac.retransmissions + uas.retransmissions,
        drops: drops(pids) - dropped,
        errors: format!("{}{}", uac.errors, uas.errors),
    }
}

/// A round through a fresh Tandem with records on and media anchored, leak check included.
///
/// # Errors
/// None; a daemon that misbehaves panics with its log.
pub fn tandem(daemon: &Path, load: Load) -> Result<Round> {
    let bed = Bed::start(
        daemon,
        Setup::default()
            .impatient()
            .t1_ms(500)
            .media_ports(10_000, 29_999),
    );
    // The first calls pay for what is made once.
    let warm = Load {
        calls: load.rate,
        hold: Duration::from_millis(200),
        ..load
    };
    let _ = round(warm, &bed.places, &[bed.pid()], bed.dir());
    let result = round(load, &bed.places, &[bed.pid()], bed.dir());
    if result.failed == 0 {
        let _ = bed.wait_records((warm.calls + load.calls) as usize);
    }
    Ok(result)
}

/// The same through a fresh Kamailio.
///
/// # Errors
/// It doesn't start.
pub fn kamailio(load: Load) -> Result<Round> {
    let server = crate::peers::kamailio()?;
    let pids = server.pids();
    let warm = Load {
        calls: load.rate,
        hold: Duration::from_millis(200),
        ..load
    };
    let _ = round(warm, &server.places, &pids, server.dir());
    Ok(round(load, &server.places, &pids, server.dir()))
}
