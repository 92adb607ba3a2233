//! Forms made of other forms.

pub(crate) use super::hunting::{AdvanceForm, AfterRingingForm, BackupForm, StopForm};
use super::scalar::{Choice, Whole};
use super::{Form, wrong_type};
use crate::diff::Change;
use crate::document::{Cx, Item};
use crate::model::{NumberFormat, NumberStyle, UriStyle};
use crate::report::Fault;
use crate::section::{Info, Table};
use serde_json::{Value as Json, json};
use std::marker::PhantomData;

/// A key that may be absent.
pub(crate) struct Opt<F>(PhantomData<F>);

impl<F: Form> Form for Opt<F> {
    type Out = Option<F::Out>;
    const MERGES: bool = F::MERGES;
    fn expected() -> String {
        F::expected()
    }
    fn schema() -> Json {
        F::schema()
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        F::read(cx, path, item).map(Some)
    }
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<Self::Out> {
        F::read_all(cx, path, items).map(Some)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        value.as_ref().and_then(F::show)
    }
    fn diff(old: &Self::Out, new: &Self::Out, path: &str, restart: bool, changes: &mut Vec<Change>) {
        match (old, new) {
            (Some(old), Some(new)) => F::diff(old, new, path, restart, changes),
            (None, None) => {}
            (None, Some(_)) | (Some(_), None) => {
                changes.push(Change::new(path, Self::show(old), Self::show(new), restart));
            }
        }
    }
    fn info() -> Option<Info> {
        F::info()
    }
}

/// A value, or `"off"`.
pub(crate) struct OrOff<F>(PhantomData<F>);

impl<F: Form> Form for OrOff<F> {
    type Out = Option<F::Out>;
    fn expected() -> String {
        format!("\"off\" or {}", F::expected())
    }
    fn schema() -> Json {
        json!({ "oneOf": [{ "const": "off" }, F::schema()] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        if item.value.get_ref().as_str() == Some("off") {
            Some(None)
        } else {
            F::read(cx, path, item).map(Some)
        }
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        match value {
            Some(value) => F::show(value),
            None => Some(toml::Value::String("off".to_owned())),
        }
    }
}

/// A list, each entry once.
pub(crate) struct List<F>(PhantomData<F>);

impl<F: Form> Form for List<F> {
    type Out = Vec<F::Out>;
    fn expected() -> String {
        format!("a list, each entry {}", F::expected())
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": F::schema(), "uniqueItems": true })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        let Some(entries) = item.value.get_ref().as_array() else {
            cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
            return None;
        };
        let mut list = Vec::new();
        let mut whole = true;
        for (index, value) in entries.iter().enumerate() {
            let entry = Item::new(item.doc, value);
            let entry_path = format!("{path}[{index}]");
            cx.wrote(&entry_path, entry.place());
            match F::read(cx, &entry_path, entry) {
                None => whole = false,
                Some(read) if list.contains(&read) => {
                    let first = list.iter().position(|other| *other == read).unwrap_or(0);
                    let wrong = format!("says the same as {path}[{first}]");
                    cx.refuse(
                        entry.place(),
                        &entry_path,
                        Fault::new(wrong).expected("each entry once"),
                    );
                    whole = false;
                }
                Some(read) => list.push(read),
            }
        }
        whole.then_some(list)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        Some(toml::Value::Array(value.iter().filter_map(F::show).collect()))
    }
    fn info() -> Option<Info> {
        F::info()
    }
}

/// One entry, or a list of at least one.
pub(crate) struct OneOrList<F>(PhantomData<F>);

impl<F: Form> Form for OneOrList<F> {
    type Out = Vec<F::Out>;
    fn expected() -> String {
        format!("{}, or a list of such", F::expected())
    }
    fn schema() -> Json {
        let list = json!({ "type": "array", "items": F::schema(), "minItems": 1, "uniqueItems": true });
        json!({ "oneOf": [F::schema(), list] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        if !item.value.get_ref().is_array() {
            return F::read(cx, path, item).map(|one| vec![one]);
        }
        let list = List::<F>::read(cx, path, item)?;
        if list.is_empty() {
            cx.refuse(
                item.place(),
                path,
                Fault::new("is an empty list").expected(Self::expected()),
            );
            return None;
        }
        Some(list)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        match value.as_slice() {
            // Nothing was written, and what follows from that is no list.
            [] => None,
            [one] => F::show(one),
            _ => List::<F>::show(value),
        }
    }
}

/// A final status that isn't a success.
pub(crate) type FailureStatus = Whole<u16, 300, 699>;

/// `number_format`: a style's word, or a table where digits are to be changed too.
pub(crate) struct NumberFormatForm;

impl Form for NumberFormatForm {
    type Out = NumberFormat;
    fn expected() -> String {
        format!(
            "{}, or a table of style, strip, prepend and uri",
            Choice::<NumberStyle>::expected()
        )
    }
    fn schema() -> Json {
        json!({ "oneOf": [Choice::<NumberStyle>::schema(), Table::<NumberFormat>::schema()] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<NumberFormat> {
        let value = item.value.get_ref();
        if value.is_str() {
            let style = Choice::<NumberStyle>::read(cx, path, item)?;
            Some(NumberFormat {
                style,
                strip: 0,
                prepend: String::new(),
                uri: UriStyle::Sip,
            })
        } else if value.is_table() {
            Table::<NumberFormat>::read(cx, path, item)
        } else {
            cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
            None
        }
    }
    fn show(value: &NumberFormat) -> Option<toml::Value> {
        if value.strip == 0 && value.prepend.is_empty() && value.uri == UriStyle::Sip {
            Choice::<NumberStyle>::show(&value.style)
        } else {
            Table::<NumberFormat>::show(value)
        }
    }
    fn info() -> Option<Info> {
        Table::<NumberFormat>::info()
    }
}

/// `include`: only the document that is loaded first may have it, so that no two files can include each other.
pub(crate) struct Include;

impl Form for Include {
    type Out = Vec<String>;
    fn expected() -> String {
        "a list of file names, relative to this file, with * for any: [\"trunks.d/*.toml\"]".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "uniqueItems": true })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        match patterns(item.value) {
            Some(list) => Some(list),
            None => {
                cx.refuse(
                    item.place(),
                    path,
                    Fault::new("is not a list of file names").expected(Self::expected()),
                );
                None
            }
        }
    }
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<Self::Out> {
        let mut list = Some(Vec::new());
        for item in items {
            if item.doc == 0 {
                cx.wrote(path, item.place());
                list = Self::read(cx, path, *item);
            } else {
                let wrong = "an included file cannot include others";
                cx.refuse(
                    item.place(),
                    path,
                    Fault::new(wrong).expected("all includes in the main file"),
                );
            }
        }
        list
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        Some(toml::Value::Array(
            value.iter().cloned().map(toml::Value::String).collect(),
        ))
    }
}

/// The patterns of an `include`, if that is what the value holds.
pub(crate) fn patterns(value: &toml::Spanned<toml::de::DeValue<'_>>) -> Option<Vec<String>> {
    let entries = value.get_ref().as_array()?;
    entries
        .iter()
        .map(|entry| {
            entry
                .get_ref()
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        })
        .collect()
}
