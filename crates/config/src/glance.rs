//! A glance at a file that may be refused: the little that is needed to ask the switch that runs, or to read its records.

use crate::document::{Cx, Files};
use crate::load::Sources;
use crate::model::{Api, Node, Records};
use crate::section::{Absent, Reader, Table};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// What a file says about one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said<T> {
    /// This.
    Is(T),
    /// Nothing that could be read: perhaps this, the default.
    Perhaps(T),
    /// What it says there is wrong.
    Unclear,
}

/// The keys that matter to who asks a switch, and not to who is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glance {
    /// `api.bind`.
    pub api_bind: Said<SocketAddr>,
    /// `records.path`, or what follows from `node.data_dir`.
    pub records: Said<PathBuf>,
}

/// Reads as much as is needed of the file at `path` and its includes, whatever else is wrong with them.
pub fn glance(path: &Path, files: &mut dyn Files) -> Glance {
    let Sources { docs, faults: _ } = Sources::read(path, files);
    let mut cx = Cx::new(&docs, files);
    let parsed: Vec<_> = docs
        .iter()
        .map(|doc| DeTable::parse_recoverable(&doc.text))
        .collect();
    let tables: Vec<_> = parsed
        .iter()
        .map(|(tree, _)| tree.get_ref())
        .enumerate()
        .collect();
    let mut reader = Reader::new(&mut cx, "", &tables, Default::default());
    let api = reader.key::<Table<Api>>("api", Absent::Default("{}"));
    let node = reader.key::<Table<Node>>("node", Absent::Default("{}"));
    let records = reader.key::<Table<Records>>("records", Absent::Default("{}"));
    let records = match said(
        &cx,
        "records",
        "records.path",
        records.map(|records| records.path),
    ) {
        Said::Is(Some(path)) => Said::Is(path),
        Said::Is(None) | Said::Perhaps(_) => {
            let data_dir = said(&cx, "node", "node.data_dir", node.map(|node| node.data_dir));
            data_dir.map(|dir| dir.join("records.db"))
        }
        Said::Unclear => Said::Unclear,
    };
    Glance {
        api_bind: said(&cx, "api", "api.bind", api.map(|api| api.bind)),
        records,
    }
}

impl<T> Said<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Said<U> {
        match self {
            Self::Is(value) => Said::Is(f(value)),
            Self::Perhaps(value) => Said::Perhaps(f(value)),
            Self::Unclear => Said::Unclear,
        }
    }
}

/// How far the value that was read for `key` can be relied on.
fn said<T>(cx: &Cx<'_>, section: &str, key: &str, value: Option<T>) -> Said<T> {
    match value {
        Some(value) if cx.is_written(key) && !cx.is_bad(key) => Said::Is(value),
        // In a section that is no table, or has an unknown key, it may stand under another name.
        Some(value) if !cx.is_written(key) && !cx.refused(section) => Said::Perhaps(value),
        Some(_) | None => Said::Unclear,
    }
}
