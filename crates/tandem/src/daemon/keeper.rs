//! The files that users' registrations, what is usual for customers, and what was learned of carriers outlive a restart in.
//!
//! The shard hands over all of it at a time; a thread puts it into words and writes it, so that a slow disk delays no call. Only the latest matters: what
//! comes while the disk is busy takes the place of what waits.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the thread is to write.
#[derive(Default)]
struct Desk {
    next: Option<Box<dyn FnOnce() -> Vec<u8> + Send>>,
    closed: bool,
}

type Shared = Arc<(Mutex<Desk>, Condvar)>;

/// The way to the file.
pub(crate) struct Keeper {
    desk: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps them in this directory, in the file of this name.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(crate) fn open(directory: &Path, name: &'static str) -> io::Result<Self> {
        let desk = Shared::default();
        let (path, shared) = (directory.join(name), Arc::clone(&desk));
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || run(&path, &shared))?;
        Ok(Self {
            desk,
            thread: Some(thread),
        })
    }

    /// Has these written in place of what is there.
    pub(crate) fn keep(&self, bytes: Vec<u8>) {
        self.keep_made(move || bytes);
    }

    /// The same of what `make` makes, which may take its time.
    pub(crate) fn keep_made(&self, make: impl FnOnce() -> Vec<u8> + Send + 'static) {
        let (desk, bell) = &*self.desk;
        desk.lock().unwrap_or_else(PoisonError::into_inner).next = Some(Box::new(make));
        bell.notify_one();
    }
}

impl Drop for Keeper {
    /// What waits is written yet.
    fn drop(&mut self) {
        let (desk, bell) = &*self.desk;
        desk.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        bell.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a process before this one has kept.
///
/// # Errors
/// The file is there and cannot be read.
pub(crate) fn read(directory: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(directory.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where users are registered.
pub(crate) const REGISTRATIONS: &str = "registrations.json";
/// What is usual for customers.
pub(crate) const USUAL: &str = "usual.json";
/// What was learned of carriers.
pub(crate) const LEARNED: &str = "learned.json";

fn run(path: &Path, shared: &Shared) {
    let (desk, bell) = &**shared;
    let mut is_failing = false;
    loop {
        let mut at_desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        while at_desk.next.is_none() && !at_desk.closed {
            at_desk = bell.wait(at_desk).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(make) = at_desk.next.take() else { return };
        drop(at_desk);
        let written = write(path, &make());
        if let Err(error) = &written
            && !is_failing
        {
            tracing::error!(%error, file = %path.display(), "what is to outlive a restart cannot be kept");
        }
        is_failing = written.is_err();
    }
}

/// The file is whole at any moment: the new one takes the old one's name once it is on the disk.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
