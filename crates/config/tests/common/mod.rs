//! Files in memory, and a document that is right, for tests to spoil.
#![allow(dead_code, reason = "every test file uses its part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A document that is accepted without a warning.
pub(crate) const GOOD: &str = r#"
[[listen]]
bind = "127.0.0.1:5060"

[[trunk]]
name = "pbx"
role = "customer"
sources = ["127.0.0.10:5070"]
targets = [{ uri = "sip:127.0.0.10:5070" }]


[[trunk]]
name = "carrier-a"
role = "carrier"
sources = ["127.0.0.20"]
targets = [{ uri = "sip:127.0.0.20:5080" }]
"#;

/// Files and an environment in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Memory {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()))
            .collect();
        Self {
            files,
            env: BTreeMap::new(),
        }
    }
}

impl config::Files for Memory {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file or directory".to_owned())
    }

    fn glob(&mut self, dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
        let fits = |path: &&PathBuf| {
            path.strip_prefix(dir)
                .is_ok_and(|rest| config::wildcard(pattern, &rest.display().to_string()))
        };
        Ok(self.files.keys().filter(fits).cloned().collect())
    }

    fn env(&mut self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
}

/// Everything that is said of a document.
pub(crate) fn said(text: &str) -> Vec<String> {
    match config::parse(text, "t") {
        Ok(_) => Vec::new(),
        Err(report) => report.to_string().lines().map(str::to_owned).collect(),
    }
}

/// What is said of lines in front of a document that is right.
pub(crate) fn before(lines: &str) -> Vec<String> {
    said(&format!("{lines}\n{GOOD}"))
}
