//! Watches the files that the configuration was read from.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Editors write a file in several steps; changes within this time are one.
const SETTLE: Duration = Duration::from_millis(200);
/// A file that never comes to rest is read all the same.
const RESTLESS: Duration = Duration::from_secs(1);

/// Watches directories, because editors replace files rather than write into them.
pub(crate) struct Watcher {
    changes: mpsc::Receiver<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Watches these files. Where that is not possible, SIGHUP and the API remain.
    pub(crate) fn start(files: &[PathBuf]) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let names: HashSet<OsString> = files
            .iter()
            .filter_map(|file| file.file_name())
            .map(OsString::from)
            .collect();
        let relevant = move |event: &notify::Event| {
            let ours = |path: &PathBuf| {
                path.file_name()
                    .is_some_and(|name| names.contains(name) || is_toml(path))
            };
            !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(ours)
        };
        let handler = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| relevant(&event)) {
                // One waiting change is as good as many.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            let directories: HashSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
            for directory in directories {
                let directory = if directory.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    directory
                };
                watcher.watch(directory, RecursiveMode::NonRecursive)?;
            }
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => Self {
                changes,
                _watcher: Some(watcher),
            },
            Err(error) => {
                tracing::warn!(%error, "configuration files are not watched; reload by SIGHUP or `tandem reload`");
                Self {
                    changes,
                    _watcher: None,
                }
            }
        }
    }

    /// Whether a file has changed since [`changed`](Self::changed) resolved, or since the start.
    pub(crate) fn noticed(mut self) -> bool {
        self.changes.try_recv().is_ok()
    }

    /// Resolves once a file has changed and been left alone for a moment; a second after the change at the latest.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // Not watching: never.
            std::future::pending::<()>().await;
        }
        self.settled().await;
    }

    /// Resolves once no file has changed for a moment; after a second in any case.
    pub(crate) async fn settled(&mut self) {
        let latest = Instant::now() + RESTLESS;
        let mut quiet = Instant::now() + SETTLE;
        while let Ok(Some(())) = tokio::time::timeout_at(quiet.min(latest), self.changes.recv()).await {
            quiet = Instant::now() + SETTLE;
        }
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
