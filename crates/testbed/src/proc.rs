//! What the kernel says about a process: processor time, memory, sockets.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Nanoseconds of processor time that all threads of the process have had, ended threads included.
///
/// Live threads are read exactly from `schedstat`; `/proc/PID/stat` counts ended ones too, in ticks of 10 ms, so the larger of
/// the two is taken.
#[must_use]
pub fn cpu_ns(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let exact: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum();
    exact.max(ticks(pid).saturating_sub(2) * 10_000_000)
}

fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // utime and stime are fields 14 and 15; what follows the name begins with field 3 (proc(5)).
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// Resident memory in kB, shared pages counted as each process' share (`Pss`).
#[must_use]
pub fn memory_kb(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Memory in kB that is the process's own, and no file's: what is compared with itself, as it does not depend on who else runs.
#[must_use]
pub fn private_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The process and all that descend from it, e.g. a server and its forked workers.
#[must_use]
pub fn family(pid: u32) -> Vec<u32> {
    let mut members = vec![pid];
    let mut next = 0;
    while let Some(parent) = members.get(next).copied() {
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        members.extend(
            children
                .split_whitespace()
                .filter_map(|child| child.parse::<u32>().ok()),
        );
        next += 1;
    }
    members
}

/// Local addresses of the UDP sockets that the process has open, by the kernel's tables.
#[must_use]
pub fn udp_sockets(pid: u32) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = sockets(pid).into_iter().map(|socket| socket.local).collect();
    found.sort();
    found
}

/// Datagrams that the process' UDP sockets, those that are open now, have lost because their buffers were full.
#[must_use]
pub fn udp_drops(pid: u32) -> u64 {
    sockets(pid).into_iter().map(|socket| socket.drops).sum()
}

/// Octets, with what the kernel needs beside them, that wait to be read at this address, whoever has it.
#[must_use]
pub fn udp_waiting(local: SocketAddr) -> u64 {
    let table = if local.is_ipv4() { "udp" } else { "udp6" };
    let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    let there = table_of(&text).filter(|(socket, _)| socket.local == local);
    there.map(|(socket, _)| socket.waiting).sum()
}

/// A UDP socket.
struct Socket {
    local: SocketAddr,
    waiting: u64,
    drops: u64,
}

/// The process' UDP sockets.
fn sockets(pid: u32) -> Vec<Socket> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let links = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
    let inodes: HashSet<String> = links
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let tables = ["udp", "udp6"]
        .map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let all = tables.iter().flat_map(|text| table_of(text));
    let own = all.filter(|(_, inode)| inodes.contains(*inode));
    own.map(|(socket, _)| socket).collect()
}

/// The sockets of `/proc/net/udp` with their inodes: columns `local_address`, `rx_queue`, `inode` and `drops`.
fn table_of(text: &str) -> impl Iterator<Item = (Socket, &str)> {
    text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[_, local, _, _, queues, _, _, _, _, inode, _, _, drops, ..] = fields.as_slice() else {
            return None;
        };
        let (_, waiting) = queues.split_once(':')?;
        let socket = Socket {
            local: kernel_address(local)?,
            waiting: u64::from_str_radix(waiting, 16).unwrap_or(0),
            drops: drops.parse().unwrap_or(0),
        };
        Some((socket, inode))
    })
}

/// `0100007F:13C4` or its IPv6 kin: 32-bit words in the machine's order, port in hex.
fn kernel_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        u32::from_str_radix(host.get(at * 8..at * 8 + 8)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    let ip: IpAddr = if host.len() == 8 {
        Ipv4Addr::from(word(0)?).into()
    } else {
        let mut bytes = [0; 16];
        for at in 0..4 {
            bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
        }
        Ipv6Addr::from(bytes).into()
    };
    Some(SocketAddr::new(ip, port))
}

/// Sends SIGTERM to a process that this test started.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

/// Kills a process that this test started, as a crash or the operating system's lack of memory would.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Sends SIGHUP to a process that this test started.
pub fn hang_up(pid: u32) {
    signal(pid, Signal::HUP);
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // It may be gone already; then there is nothing to do.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn our_own_sockets_are_found_by_family_and_address() {
        let sockets = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
        let found = udp_sockets(std::process::id());
        for socket in &sockets {
            assert!(found.contains(&socket.local_addr().unwrap()), "{found:?}");
        }
    }

    #[test]
    fn a_full_socket_buffer_is_counted_for_its_process() {
        let (full, sender) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let (before, at) = (udp_drops(std::process::id()), full.local_addr().unwrap());
        assert_eq!(udp_waiting(at), 0);
        while udp_drops(std::process::id()) == before {
            for _ in 0..1000 {
                sender.send_to(&[0; 1000], at).unwrap();
            }
        }
        assert!(udp_waiting(at) >= 1000);
    }

    #[test]
    fn processor_time_grows_with_work_and_memory_is_seen() {
        let before = cpu_ns(std::process::id());
        let mut sum = 0u64;
        while cpu_ns(std::process::id()) < before + 5_000_000 {
            sum = (0..100_000u64).fold(sum, |a, b| a.wrapping_mul(31).wrapping_add(b));
        }
        assert!(memory_kb(std::process::id()) > 0, "{sum}");
        assert!(family(std::process::id()).contains(&std::process::id()));
    }
}
