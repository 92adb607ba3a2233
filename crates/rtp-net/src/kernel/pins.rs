//! Where the program, its links and maps stay when the process is gone: one directory per process that ran under a name.
//!
//! A process makes a directory of its own and leaves those it finds as they are, working, until [`Leftovers::remove`]: so an
//! upgrade need not agree with its predecessor about anything.

use super::KernelConfig;
use super::error::KernelError;
use super::layout::Key;
use aya::maps::{HashMap, Map, MapData, MapError};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The directory of this process.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    directory: PathBuf,
}

/// What processes of the same name left before this one: packets of their calls are still forwarded, whether this process has
/// a kernel path of its own or not.
#[derive(Debug, Default)]
pub struct Leftovers {
    directories: Vec<PathBuf>,
}

/// Makes the next directory under `root/name`.
pub(crate) fn open(root: &Path, name: &str) -> Result<Pins, KernelError> {
    let base = root.join(file_name(name));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| KernelError::Pin { path, error }
    };
    fs::create_dir_all(&base).map_err(failed(&base))?;
    let numbers = numbers(&base).map_err(failed(&base))?;
    let next = numbers.last().map_or(1, |last| last.saturating_add(1));
    let directory = base.join(next.to_string());
    fs::create_dir(&directory).map_err(failed(&directory))?;
    Ok(Pins { directory })
}

/// The directories of processes of a name, in order.
fn numbers(base: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(base)? {
        numbers.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u64>().ok()),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A name that a bpf file system takes: it has no dots.
fn file_name(name: &str) -> String {
    let mut plain = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => plain.push(char::from(byte)),
            _ => plain.push_str(&format!("%{byte:02x}")),
        }
    }
    plain
}

impl Pins {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Takes the pins away: what nobody has open any more ends.
    pub(crate) fn remove(&self) {
        remove(&self.directory);
        // Gone too when it was the last of its name.
        if let Some(base) = self.directory.parent() {
            let _ = fs::remove_dir(base);
        }
    }
}

impl Leftovers {
    /// What is there now: to be looked for before a [`KernelPath`](super::KernelPath) of the same name is opened.
    #[must_use]
    pub fn find(config: &KernelConfig) -> Self {
        let base = config.pins.join(file_name(&config.name));
        let numbers = numbers(&base).unwrap_or_else(|error| {
            // An ordinary user may not look there, and has seldom followed upon a privileged process.
            if error.kind() == ErrorKind::PermissionDenied {
                tracing::debug!(path = %base.display(), "pins of the kernel path can't be looked for");
            } else if error.kind() != ErrorKind::NotFound {
                tracing::warn!(path = %base.display(), %error, "whether flows of a dead process are left cannot be seen");
            }
            Vec::new()
        });
        Self {
            directories: numbers.iter().map(|n| base.join(n.to_string())).collect(),
        }
    }

    /// How many processes left something.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.directories.len()
    }

    /// Ends it: packets of their calls go no further. To be called when those calls have been hung up.
    pub fn remove(self) {
        for directory in &self.directories {
            // The program itself goes when the kernel finds the time; its flows go now. One of another version may have another
            // kind of table, which is then left to the former.
            if let Err(error) = empty(&directory.join(FLOWS)) {
                tracing::debug!(path = %directory.display(), %error, "flows go with their program");
            }
            remove(directory);
        }
        // Gone too unless this process has pins there.
        if let Some(base) = self.directories.first().and_then(|directory| directory.parent()) {
            let _ = fs::remove_dir(base);
        }
    }
}

fn empty(table: &Path) -> Result<(), MapError> {
    let map = Map::HashMap(MapData::from_pin(table)?);
    let mut flows: HashMap<MapData, Key, u32> = HashMap::try_from(map)?;
    let keys = flows.keys().collect::<Result<Vec<_>, _>>()?;
    keys.iter().try_for_each(|key| flows.remove(key))
}

fn remove(directory: &Path) {
    if let Err(error) = try_remove(directory)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %directory.display(), %error, "pins of the kernel path cannot be removed");
    }
}

/// Links first: no packet meets a program whose maps are half gone.
fn try_remove(directory: &Path) -> io::Result<()> {
    let mut pins: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    pins.sort_by_key(|pin| !pin.file_name().to_string_lossy().starts_with(LINK));
    for pin in pins {
        fs::remove_file(pin.path())?;
    }
    fs::remove_dir(directory)
}

/// The pin of the flow table, which is also its name in the program.
pub(crate) const FLOWS: &str = "flows";
/// What pins of links begin with.
pub(crate) const LINK: &str = "link-";

#[cfg(test)]
mod tests {
    #[test]
    fn names_become_such_that_a_bpf_file_system_takes() {
        assert_eq!(super::file_name("tandem-1_A"), "tandem-1_A");
        assert_eq!(super::file_name("sbc.example"), "sbc%2eexample");
        assert_eq!(super::file_name("../x"), "%2e%2e%2fx");
    }
}
