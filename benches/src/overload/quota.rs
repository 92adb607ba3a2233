//! A processor quota by cgroup, version 2 or 1.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Short, so that a process that has used up its share is not stopped for long.
const PERIOD_US: f64 = 10_000.0;

/// A group with a quota; gone when it is dropped, and its processes with it.
#[derive(Debug)]
pub struct Quota {
    group: PathBuf,
    up: PathBuf,
}

impl Quota {
    /// Gives a process so much of one processor.
    ///
    /// # Errors
    /// No group can be made.
    pub fn set(pid: u32, share: f64) -> Result<Self> {
        let quota = (PERIOD_US * share) as u64;
        let root = Path::new("/sys/fs/cgroup");
        let (up, settings) = if root.join("cgroup.controllers").exists() {
            let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu");
            (root.to_owned(), vec![("cpu.max", format!("{quota} {PERIOD_US}"))])
        } else if root.join("cpu/cpu.cfs_quota_us").exists() || root.join("cpu/cgroup.procs").exists() {
            let settings = vec![
                ("cpu.cfs_period_us", PERIOD_US.to_string()),
                ("cpu.cfs_quota_us", quota.to_string()),
            ];
            (root.join("cpu"), settings)
        } else {
            bail!("there is no cgroup for processors under /sys/fs/cgroup")
        };
        let group = up.join(format!("tandem-overload-{pid}"));
        fs::create_dir(&group).with_context(|| format!("{}: it takes root", group.display()))?;
        let quota = Self { group, up };
        for (name, value) in settings {
            fs::write(quota.group.join(name), value).with_context(|| name.to_owned())?;
        }
        fs::write(quota.group.join("cgroup.procs"), pid.to_string()).context("cgroup.procs")?;
        Ok(quota)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        for pid in fs::read_to_string(self.group.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
        {
            let _ = fs::write(self.up.join("cgroup.procs"), pid);
        }
        let _ = fs::remove_dir(&self.group);
    }
}
