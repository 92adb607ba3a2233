//! What the kernel path needs of the machine, looked at before it is tried, so that what is missing has a name.

use super::error::KernelError;
use std::path::Path;

/// tcx links came with this version.
const OLDEST: (u32, u32) = (6, 6);
/// Bits of `CapEff` (include/uapi/linux/capability.h).
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_BPF: u32 = 39;

/// Looks at the kernel's version, the process's capabilities and the bpf file system.
pub(crate) fn check(pins: &Path) -> Result<(), KernelError> {
    version(&rustix::system::uname().release().to_string_lossy())?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    capabilities(&status)?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    file_system(&mounts, pins)
}

fn version(release: &str) -> Result<(), KernelError> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if (part(), part()) < OLDEST {
        return Err(KernelError::Version {
            found: release.to_owned(),
        });
    }
    Ok(())
}

fn capabilities(status: &str) -> Result<(), KernelError> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| effective >> bit & 1 == 1;
    let missing = if !has(CAP_BPF) && !has(CAP_SYS_ADMIN) {
        "CAP_BPF"
    } else if !has(CAP_NET_ADMIN) {
        "CAP_NET_ADMIN"
    } else {
        return Ok(());
    };
    Err(KernelError::Capability { missing })
}

fn file_system(mounts: &str, pins: &Path) -> Result<(), KernelError> {
    let mounted = mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        matches!((fields.next(), fields.next()), (Some(at), Some("bpf")) if pins.starts_with(at))
    });
    if mounted {
        Ok(())
    } else {
        Err(KernelError::FileSystem {
            path: pins.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_thing_has_its_name() {
        assert!(version("6.6.0").is_ok() && version("6.18.44-fc").is_ok() && version("10.0").is_ok());
        assert!(
            matches!(version("6.5.13-amd64"), Err(KernelError::Version { found }) if found == "6.5.13-amd64")
        );
        assert!(matches!(version("mystery"), Err(KernelError::Version { .. })));
        let with = |bits: u64| capabilities(&format!("Name:\tx\nCapEff:\t{bits:016x}\n"));
        let (bpf, admin) = (1 << CAP_BPF, 1 << CAP_NET_ADMIN);
        assert!(with(bpf | admin).is_ok() && with(1 << CAP_SYS_ADMIN | admin).is_ok());
        assert!(matches!(
            with(admin),
            Err(KernelError::Capability { missing: "CAP_BPF" })
        ));
        assert!(matches!(
            with(bpf),
            Err(KernelError::Capability {
                missing: "CAP_NET_ADMIN"
            })
        ));
        let mounts = "proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,relatime 0 0\n";
        assert!(file_system(mounts, Path::new("/sys/fs/bpf/tandem")).is_ok());
        assert!(matches!(
            file_system(mounts, Path::new("/tmp/tandem")),
            Err(KernelError::FileSystem { .. })
        ));
    }
}
