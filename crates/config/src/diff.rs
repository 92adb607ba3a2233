//! What differs between two configurations.

use crate::form::Form;
use crate::model::Config;
use crate::section::{Section, Table};
use std::fmt;

/// One key that differs between two configurations.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Change {
    /// The key: `sip.t1`, `trunk.carrier-a.max_calls`; `trunk.carrier-c` for one that came or went.
    pub path: String,
    /// The value before, as TOML; empty where nothing was set. Secrets are masked.
    pub from: String,
    /// The value after, likewise.
    pub to: String,
    /// Whether it takes effect only at the next start.
    pub needs_restart: bool,
}

impl Change {
    pub(crate) fn new(path: &str, from: Option<toml::Value>, to: Option<toml::Value>, restart: bool) -> Self {
        let text = |value: Option<toml::Value>| value.map(|value| value.to_string()).unwrap_or_default();
        let (from, mut to) = (text(from), text(to));
        if from == to {
            to.push_str(" (another)");
        }
        Self {
            path: path.to_owned(),
            from,
            to,
            needs_restart: restart,
        }
    }
}

impl fmt::Display for Change {
    /// `path: from -> to`, and whether it waits for a restart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |text: &str| {
            if text.is_empty() {
                "(not set)".to_owned()
            } else {
                text.to_owned()
            }
        };
        write!(f, "{}: {} -> {}", self.path, value(&self.from), value(&self.to))?;
        if self.needs_restart {
            f.write_str(" (needs a restart)")
        } else {
            Ok(())
        }
    }
}

impl Config {
    /// What `newer` changes, by key; trunks, classes and number rules are followed by their names, not their order.
    pub fn diff(&self, newer: &Config) -> Vec<Change> {
        let mut changes = Vec::new();
        Table::<Config>::diff(self, newer, "", false, &mut changes);
        changes
    }

    /// Every value that holds, defaults too, as TOML. Secrets are masked.
    pub fn to_masked_toml(&self) -> String {
        self.show().to_string()
    }

    /// As [`Config::to_masked_toml`], as JSON.
    pub fn to_masked_json(&self) -> serde_json::Value {
        serde_json::to_value(self.show()).unwrap_or_default()
    }
}
