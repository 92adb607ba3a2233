//! Forms: how one kind of value is written, read, checked, shown and described.

pub(crate) mod compound;
pub(crate) mod hours;
mod hunting;
pub(crate) mod map;
pub(crate) mod money;
pub(crate) mod net;
pub(crate) mod rule;
pub(crate) mod scalar;
pub(crate) mod secret;
pub(crate) mod text;

use crate::diff::Change;
use crate::document::{Cx, Item};
use crate::report::Fault;
use crate::section::Info;
use serde_json::Value as Json;

/// A way of writing a value of type `Out`. One form serves reading, showing, schema and reference, so that they agree.
pub(crate) trait Form {
    /// What is read.
    type Out: Clone + PartialEq;

    /// What is expected, as a noun phrase: `a duration such as "500ms"`.
    fn expected() -> String;

    /// JSON Schema of the value.
    fn schema() -> Json;

    /// Reads one value. `None`: it was refused, and `cx` knows why.
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out>;

    /// Reads what the documents say about one key. Tables and lists of tables add up over the documents; anything
    /// else is said once.
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<Self::Out> {
        let (first, others) = items.split_first()?;
        cx.wrote(path, first.place());
        for other in others {
            let wrong = format!(
                "is set a second time; the first is at {}",
                cx.name_of(first.place())
            );
            cx.refuse(other.place(), path, Fault::new(wrong).expected("it in one place"));
        }
        let out = Self::read(cx, path, *first);
        if others.is_empty() { out } else { None }
    }

    /// The value as TOML, secrets masked; `None` where nothing is set.
    fn show(value: &Self::Out) -> Option<toml::Value>;

    /// Adds what differs between two values of the key at `path`.
    fn diff(old: &Self::Out, new: &Self::Out, path: &str, restart: bool, changes: &mut Vec<Change>) {
        if old != new {
            changes.push(Change::new(path, Self::show(old), Self::show(new), restart));
        }
    }

    /// The keys inside, where the value is a table or a list of tables.
    fn info() -> Option<Info> {
        None
    }

    /// The words that may be written, each with what it means.
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Words that a later version takes.
    fn later() -> &'static [&'static str] {
        &[]
    }

    /// Whether what a profile says is added to what is written, key by key; else what is written holds alone.
    const MERGES: bool = false;

    /// Whether it is a list of tables: `[[…]]`.
    const TABLES: bool = false;
}

/// What the document has there instead of what was expected. The value is not repeated: it may be a secret.
pub(crate) fn wrong_type(item: Item<'_>, expected: String) -> Fault {
    let name = item.value.get_ref().type_str();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    Fault::new(format!("is {article} {name}")).expected(expected)
}
