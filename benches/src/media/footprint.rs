//! What a relay takes of the machine: memory, sockets, processor time in the kernel.

use std::fs;
use testbed::proc;

/// Memory and sockets of a server.
pub(super) struct Footprint {
    pub(super) kb: u64,
    pub(super) sockets: usize,
}

impl Footprint {
    pub(super) fn of(pids: &[u32]) -> Self {
        Self {
            kb: pids.iter().map(|pid| proc::memory_kb(*pid)).sum(),
            sockets: pids.iter().map(|pid| proc::udp_sockets(*pid).len()).sum(),
        }
    }
}

/// Run time of the eBPF programs that these processes hold, µs; 0 unless `kernel.bpf_stats_enabled` is 1.
pub(super) fn program_us(pids: &[u32]) -> f64 {
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
