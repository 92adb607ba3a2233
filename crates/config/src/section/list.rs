//! Lists of sections: `[[…]]`.

use super::{Info, Section, Table, schema_of};
use crate::diff::Change;
use crate::document::{Cx, Item, Place};
use crate::form::{Form, wrong_type};
use crate::profile;
use crate::report::{Fault, quote};
use serde_json::{Value as Json, json};
use std::marker::PhantomData;
use std::sync::Arc;

/// How a list of sections holds each.
pub(crate) trait Held<S>: Clone + PartialEq {
    fn hold(section: S) -> Self;
    fn section(&self) -> &S;
}

impl<S: Section> Held<S> for S {
    fn hold(section: S) -> Self {
        section
    }
    fn section(&self) -> &S {
        self
    }
}

impl<S: Section> Held<S> for Arc<S> {
    fn hold(section: S) -> Self {
        Arc::new(section)
    }
    fn section(&self) -> &S {
        self
    }
}

/// A section written any number of times: `[[…]]`. Over several documents the lists add up.
pub(crate) struct Tables<S, H = S>(PhantomData<(S, H)>);

impl<S: Section, H: Held<S>> Tables<S, H> {
    /// The path of one entry, by its label where it has one that no other has.
    fn entry_path(cx: &mut Cx<'_>, path: &str, index: usize, item: Item<'_>) -> String {
        let by_index = format!("{path}[{index}]");
        let Some(label_key) = S::LABEL else {
            return by_index;
        };
        let value = item.value.get_ref().get(label_key);
        let Some((label, span)) = value.and_then(|value| Some((value.get_ref().as_str()?, value.span())))
        else {
            return by_index;
        };
        let place = Place {
            doc: item.doc,
            offset: span.start,
        };
        match cx.label(path, label, place) {
            None if label.len() <= 64 && label.bytes().all(|byte| byte.is_ascii_graphic()) => {
                format!("{path}.{label}")
            }
            None => by_index,
            Some(first) => {
                let wrong = format!(
                    "there is a {path} {} already, at {}",
                    quote(label),
                    cx.name_of(first)
                );
                cx.refuse(
                    place,
                    &format!("{by_index}.{label_key}"),
                    Fault::new(wrong).expected("another"),
                );
                by_index
            }
        }
    }

    fn entries(list: &[H]) -> Vec<(String, &S)> {
        let label = |index: usize, section: &S| {
            let shown = S::LABEL.and_then(|key| {
                section
                    .show()
                    .get(key)
                    .and_then(|v| v.as_str().map(str::to_owned))
            });
            shown.map_or_else(|| format!("[{index}]"), |label| format!(".{label}"))
        };
        list.iter()
            .enumerate()
            .map(|(index, held)| (label(index, held.section()), held.section()))
            .collect()
    }
}

impl<S: Section, H: Held<S>> Form for Tables<S, H> {
    type Out = Vec<H>;
    const TABLES: bool = true;
    fn expected() -> String {
        "a list of tables".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": schema_of(&S::info()) })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        Self::read_all(cx, path, &[item])
    }
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<Self::Out> {
        let mut list = Vec::new();
        let mut index = 0;
        for item in items {
            cx.wrote(path, item.place());
            let Some(entries) = item.value.get_ref().as_array() else {
                let meant = item.value.get_ref().is_table() && !path.contains('.');
                let meant = meant.then(|| format!("[[{path}]], with double brackets"));
                cx.refuse(
                    item.place(),
                    path,
                    wrong_type(*item, Self::expected()).meant(meant),
                );
                continue;
            };
            for value in entries {
                let entry = Item::new(item.doc, value);
                let entry_path = Self::entry_path(cx, path, index, entry);
                let profile = S::PROFILED.then(|| profile::of(cx, &entry_path, entry)).flatten();
                let items: Vec<Item<'_>> = [Some(entry), profile].into_iter().flatten().collect();
                let section = Table::<S>::read_all(cx, &entry_path, &items);
                if S::PROFILED {
                    cx.in_part = false;
                }
                if let Some(section) = section {
                    list.push(H::hold(section));
                    cx.took(path, entry_path);
                }
                index += 1;
            }
        }
        Some(list)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        let tables = value
            .iter()
            .map(|held| toml::Value::Table(held.section().show()))
            .collect();
        Some(toml::Value::Array(tables))
    }
    fn diff(old: &Self::Out, new: &Self::Out, path: &str, restart: bool, changes: &mut Vec<Change>) {
        let (before, after) = (Self::entries(old), Self::entries(new));
        let find = |list: &[(String, &S)], label: &str| {
            list.iter()
                .find(|(other, _)| other == label)
                .map(|(_, section)| toml::Value::Table(section.show()))
        };
        for (label, section) in &before {
            match after.iter().find(|(other, _)| other == label) {
                Some((_, newer)) => section.diff(newer, &format!("{path}{label}"), restart, changes),
                None => {
                    let from = find(&before, label);
                    changes.push(Change::new(&format!("{path}{label}"), from, None, restart));
                }
            }
        }
        for (label, _) in after
            .iter()
            .filter(|(label, _)| !before.iter().any(|(other, _)| other == label))
        {
            changes.push(Change::new(
                &format!("{path}{label}"),
                None,
                find(&after, label),
                restart,
            ));
        }
    }
    fn info() -> Option<Info> {
        Some(S::info())
    }
}
