//! Loading.
use crate::model::Config;
use std::path::{Path, PathBuf};

/// What loading needs from outside; the caller implements it.
pub trait Files {
    /// The file's bytes.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String>;
    /// Files in `dir` that match `pattern`, sorted.
    fn glob(&mut self, dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String>;
    /// An environment variable.
    fn env(&mut self, name: &str) -> Option<String>;
}

/// What is wrong with a document, all of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// Why it is refused.
    pub errors: Vec<Problem>,
    /// What is accepted but looks wrong.
    pub warnings: Vec<Problem>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.errors.iter().try_for_each(|p| writeln!(f, "{p}"))
    }
}
impl std::error::Error for Report {}

/// One thing wrong, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// File as named by the caller.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The key, as a path: `media.ports`; empty for the document itself.
    pub key: String,
    /// What was wrong.
    pub wrong: String,
    /// What was expected, if that says more.
    pub expected: Option<String>,
    /// A key or value that may have been meant.
    pub suggestion: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.wrong)
    }
}

/// One key that differs between two configurations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// `sip.t1`, `trunk.carrier-a.max_calls`, `trunk.carrier-c` (added or removed).
    pub path: String,
    /// Before, as TOML; empty: not there.
    pub from: String,
    /// After, as TOML; empty: not there.
    pub to: String,
    /// Takes effect at the next start only.
    pub needs_restart: bool,
}

/// Loads a file and its includes: whole or not at all.
pub fn load(path: &Path, files: &mut dyn Files) -> Result<Config, Report> {
    let (config, report) = check(path, files);
    config.ok_or(report)
}

/// As [`load`], and the warnings also when it succeeds.
pub fn check(_path: &Path, _files: &mut dyn Files) -> (Option<Config>, Report) {
    todo!()
}

/// One document without includes, files or environment.
pub fn parse(_text: &str, _name: &str) -> Result<Config, Report> {
    todo!()
}

/// The document that runs without `--config`.
pub fn defaults() -> &'static str {
    todo!()
}

/// JSON Schema of the document.
pub fn schema_json() -> serde_json::Value {
    todo!()
}

/// The reference of all keys.
pub fn reference_markdown() -> String {
    todo!()
}

impl Config {
    /// What `newer` changes, by path.
    pub fn diff(&self, _newer: &Config) -> Vec<Change> {
        todo!()
    }
    /// All values, secrets masked.
    pub fn to_masked_toml(&self) -> String {
        todo!()
    }
    /// All values, secrets masked.
    pub fn to_masked_json(&self) -> serde_json::Value {
        todo!()
    }
}
