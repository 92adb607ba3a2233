//! Watches the files that the configuration was read from.

use std::collections::HashSet;
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
    /// Watches these files, in whose names `*` and the like may stand. Where that is not possible, SIGHUP and the API remain.
    pub(crate) fn start(files: &[PathBuf]) -> Self {
        let (sender, changes) = mpsc::channel(1);
        // A link and what it leads to: either may be changed.
        let real = files.iter().filter_map(|file| std::fs::canonicalize(file).ok());
        let files: HashSet<PathBuf> = files.iter().cloned().chain(real).collect();
        let names: HashSet<String> = files.iter().filter_map(|file| name_of(file)).collect();
        let relevant = move |event: &notify::Event| {
            let ours = |path: &PathBuf| {
                let fits = |name: String| names.iter().any(|pattern| config::wildcard(pattern, &name));
                is_toml(path) || name_of(path).is_some_and(fits)
            };
            !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(ours)
        };
        let handler = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| relevant(&event)) {
                // One waiting change is as good as many.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(handler).inspect_err(|error| {
            tracing::warn!(%error, "configuration files are not watched; reload by SIGHUP or `tandem reload`");
        });
        Self {
            changes,
            _watcher: watcher.ok().map(|watcher| watching(watcher, &files)),
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

/// Has the directories of these files watched, those that there are.
fn watching(mut watcher: RecommendedWatcher, files: &HashSet<PathBuf>) -> RecommendedWatcher {
    let parents = files.iter().filter_map(|file| file.parent());
    let here = |parent| {
        if parent == Path::new("") {
            Path::new(".")
        } else {
            parent
        }
    };
    let directories: HashSet<&Path> = parents.map(here).filter(|parent| parent.is_dir()).collect();
    for directory in directories {
        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
            tracing::warn!(
                %error,
                directory = %directory.display(),
                "configuration files there are not watched; reload by SIGHUP or `tandem reload`"
            );
        }
    }
    watcher
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
