//! CPU time of somebody else's threads, from `/proc/PID/task/*/schedstat` (nanoseconds on a CPU, first field).

use std::path::Path;
use std::{fs, io};

/// Nanoseconds that the threads of process `pid` (`"self"`: this one) have run whose name begins with `prefix` (empty: all).
pub(crate) fn nanoseconds(pid: &str, prefix: &str) -> io::Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(Path::new("/proc").join(pid).join("task"))? {
        let task = task?.path();
        // A thread may end while the list is read.
        let Ok(name) = fs::read_to_string(task.join("comm")) else {
            continue;
        };
        if name.starts_with(prefix) {
            let stat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            total += stat
                .split(' ')
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
    }
    Ok(total)
}

/// Datagrams that this network namespace dropped because a receive buffer was full, since boot.
pub(crate) fn receive_buffer_errors() -> u64 {
    let snmp = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut udp = snmp.lines().filter(|line| line.starts_with("Udp: "));
    let (Some(names), Some(values)) = (udp.next(), udp.next()) else {
        return 0;
    };
    let column = names.split(' ').position(|name| name == "RcvbufErrors");
    column
        .and_then(|column| values.split(' ').nth(column)?.parse().ok())
        .unwrap_or(0)
}
