//! Tables whose keys are the operator's own.

use super::text::TextForm;
use super::{Form, wrong_type};
use crate::document::{Cx, Item, Place};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A table whose keys are the operator's own.
pub(crate) struct Map<K, F>(PhantomData<(K, F)>);

impl<K: TextForm<Out = String>, F: Form> Form for Map<K, F> {
    type Out = BTreeMap<String, F::Out>;
    fn expected() -> String {
        format!(
            "a table; each key {}, each value {}",
            <K as TextForm>::expected(),
            F::expected()
        )
    }
    fn schema() -> Json {
        json!({ "type": "object", "propertyNames": <K as TextForm>::schema(), "additionalProperties": F::schema() })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        let Some(table) = item.value.get_ref().as_table() else {
            cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
            return None;
        };
        let mut map = BTreeMap::new();
        let mut whole = true;
        for (name, value) in table {
            let entry = Item::new(item.doc, value);
            let entry_path = format!("{path}.{}", name.get_ref());
            cx.wrote(&entry_path, entry.place());
            let key = K::parse(name.get_ref()).map_err(|mut fault| {
                fault.expected.get_or_insert_with(<K as TextForm>::expected);
                let place = Place {
                    doc: item.doc,
                    offset: name.span().start,
                };
                cx.refuse(place, &entry_path, fault);
            });
            match (key, F::read(cx, &entry_path, entry)) {
                (Ok(key), Some(value)) => {
                    map.insert(key, value);
                }
                (Err(()), _) | (_, None) => whole = false,
            }
        }
        whole.then_some(map)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        let entries = value
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), F::show(value)?)));
        Some(toml::Value::Table(entries.collect()))
    }
}
