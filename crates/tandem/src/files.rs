//! The file system and the environment, as the configuration reads them.

use std::path::{Path, PathBuf};

use config::Files;

/// The real ones. Remembers which files were read or looked for, so that they can be watched.
#[derive(Debug, Default)]
pub(crate) struct SystemFiles {
    /// Files read so far, and patterns that more of them may come to fit.
    pub(crate) seen: Vec<PathBuf>,
}

impl Files for SystemFiles {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.seen.push(path.to_owned());
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn glob(&mut self, dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
        let full = dir.join(pattern);
        let (Some(parent), Some(name)) = (full.parent(), full.file_name().and_then(|name| name.to_str()))
        else {
            return Err(format!("{pattern:?} names no file"));
        };
        if !name.contains(['*', '?', '[']) {
            return Ok(if full.exists() { vec![full] } else { Vec::new() });
        }
        self.seen.push(full.clone());
        let entries = match std::fs::read_dir(parent) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{}: {error}", parent.display())),
        };
        let fits = |path: &PathBuf| {
            path.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| config::wildcard(name, n))
        };
        Ok(entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(fits)
            .collect())
    }

    fn env(&mut self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
