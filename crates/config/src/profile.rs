//! Profiles: keys that a trunk takes over from a table with a name, in the configuration or in the program.

use crate::document::{Cx, Document, Item, Place};
use crate::form::text::Name;
use crate::form::text::TextForm;
use crate::form::{Form, wrong_type};
use crate::model::Trunk;
use crate::report::{Fault, nearest, quote};
use crate::section::{Section, Table, schema_of};
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::DeValue;

/// A profile as the configuration has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Its name, to which `profile` of a trunk refers.
    pub name: String,
    /// Its keys; secrets are masked.
    pub keys: toml::Table,
}

/// The profiles that come with Tandem, by name: the text of each. The first lines of a text say what it is for.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../configs/profiles/", $name, ".toml")))),+]
    };
}

const BUILTIN: &[(&str, &str)] = builtin!(
    "generic-carrier",
    "generic-ims",
    "teams-direct-routing",
    "twilio",
    "telnyx",
    "bandwidth",
    "asterisk",
    "freeswitch",
    "cisco-cube",
    "audiocodes",
);

/// Adds the documents of the profiles that come with Tandem, as far as somebody may mean them.
pub(crate) fn add_builtin(docs: &mut Vec<Document>) {
    for (name, text) in BUILTIN {
        if docs
            .iter()
            .any(|doc| doc.profile.is_none() && doc.text.contains(name))
        {
            docs.push(Document {
                name: format!("profile {name}"),
                dir: Default::default(),
                text: (*text).to_owned(),
                whole: true,
                profile: Some(name),
            });
        }
    }
}

/// A profile with its place in a document.
pub(crate) struct Found<'d> {
    pub(crate) name: String,
    doc: usize,
    /// Its keys without its name.
    value: Spanned<DeValue<'d>>,
}

impl Found<'_> {
    pub(crate) fn item(&self) -> Item<'_> {
        Item {
            doc: self.doc,
            value: &self.value,
            profile: true,
        }
    }
}

/// The profiles of all documents. One of the configuration takes the place of one of the same name that comes with Tandem.
pub(crate) fn find<'d>(docs: &[Document], trees: &[(usize, Spanned<DeValue<'d>>)]) -> Vec<Found<'d>> {
    let mut found = Vec::new();
    let builtin = |index: usize| docs.get(index).and_then(|doc| doc.profile);
    for (doc, tree) in trees {
        if let Some(name) = builtin(*doc) {
            found.push(Found {
                name: name.to_owned(),
                doc: *doc,
                value: tree.clone(),
            });
        }
    }
    for (doc, tree) in trees.iter().filter(|(doc, _)| builtin(*doc).is_none()) {
        let list = tree
            .get_ref()
            .get("profile")
            .and_then(|list| list.get_ref().as_array());
        for value in list.into_iter().flatten() {
            let name = value.get_ref().get(NAME).and_then(|name| name.get_ref().as_str());
            let Some(name) = name.map(str::to_owned) else {
                continue;
            };
            let mut value = value.clone();
            if let DeValue::Table(table) = value.get_mut() {
                table.remove(NAME);
            }
            found.push(Found {
                name,
                doc: *doc,
                value,
            });
        }
    }
    found
}

const NAME: &str = "name";
/// The key of a trunk that names its profile.
const KEY: &str = "profile";

/// The keys that a trunk takes over; a note says which.
pub(crate) fn of<'c>(cx: &mut Cx<'c>, path: &str, trunk: Item<'_>) -> Option<Item<'c>> {
    let own = trunk.value.get_ref().as_table()?;
    let written = Item::new(trunk.doc, own.get(KEY)?);
    let name = written.value.get_ref().as_str()?;
    let Some(profile) = cx.profiles.get(name).copied() else {
        unknown(cx, path, name, written);
        return None;
    };
    let keys = profile.value.get_ref().as_table()?.keys();
    let (taken, beside): (Vec<&str>, Vec<&str>) = keys
        .map(|key| key.get_ref().as_ref())
        .partition(|key| !own.contains_key(*key));
    let mut note = format!("{path}: profile {name} gives {}", list(&taken));
    if !beside.is_empty() {
        note = format!("{note}; written in the trunk too: {}", list(&beside));
    }
    cx.notes.push(note);
    Some(profile)
}

fn list(keys: &[&str]) -> String {
    if keys.is_empty() {
        "no key".to_owned()
    } else {
        keys.join(", ")
    }
}

/// Refuses the name of a profile that there is not. What it would have given is not missed then.
fn unknown(cx: &mut Cx<'_>, path: &str, name: &str, written: Item<'_>) {
    let known = cx.profiles.keys().map(String::as_str);
    let known = known.chain(BUILTIN.iter().map(|(name, _)| *name));
    let meant = nearest(name, known).map(quote);
    let fault = Fault::new(format!("there is no profile {}", quote(name)))
        .expected("the name of a [[profile]], or one that `tandem profiles` lists");
    cx.refuse(written.place(), &format!("{path}.{KEY}"), fault.meant(meant));
    cx.in_part = true;
}

/// `[[profile]]`: a name, and keys of a trunk.
pub(crate) struct Profiles;

impl Profiles {
    fn one(cx: &mut Cx<'_>, path: &str, entry: Item<'_>) -> Option<Profile> {
        let Some(table) = entry.value.get_ref().as_table() else {
            cx.refuse(entry.place(), path, wrong_type(entry, Self::expected()));
            return None;
        };
        let Some(name) = table.get(NAME) else {
            let fault = Fault::new("the key `name` is missing").expected(<Name as TextForm>::expected());
            cx.refuse(entry.place(), path, fault);
            return None;
        };
        let written = Item::new(entry.doc, name);
        let name = Name::read(cx, &format!("{path}.{NAME}"), written)?;
        if let Some(first) = cx.label(path, &name, written.place()) {
            let wrong = format!(
                "there is a profile {} already, at {}",
                quote(&name),
                cx.name_of(first)
            );
            cx.refuse(written.place(), path, Fault::new(wrong).expected("another"));
        }
        let path = format!("{path}.{name}");
        if let Some((key, _)) = table.iter().find(|(key, _)| key.get_ref() == KEY) {
            let place = Place {
                doc: entry.doc,
                offset: key.span().start,
            };
            let fault = Fault::new("a profile takes nothing from another").expected("the key left out");
            cx.refuse(place, &path, fault);
        }
        cx.in_part = true;
        Table::<Trunk>::read(cx, &path, entry);
        cx.in_part = false;
        let mut keys = plain_table(table);
        keys.remove(NAME);
        Some(Profile { name, keys })
    }
}

impl Form for Profiles {
    type Out = Vec<Profile>;
    const TABLES: bool = true;
    fn expected() -> String {
        "a list of tables, each with a `name` and keys of `[[trunk]]`, any but `profile`".to_owned()
    }
    fn schema() -> Json {
        let mut schema = schema_of(&Trunk::info());
        if let Json::Object(fields) = &mut schema {
            fields.insert("required".to_owned(), serde_json::json!([NAME]));
        }
        serde_json::json!({ "type": "array", "items": schema })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        Self::read_all(cx, path, &[item])
    }
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<Self::Out> {
        let mut profiles = Vec::new();
        for item in items {
            cx.wrote(path, item.place());
            match item.value.get_ref().as_array() {
                Some(entries) => {
                    let read = |value| Self::one(cx, path, Item::new(item.doc, value));
                    profiles.extend(entries.iter().filter_map(read));
                }
                None => cx.refuse(item.place(), path, wrong_type(*item, Self::expected())),
            }
        }
        Some(profiles)
    }
    fn show(value: &Self::Out) -> Option<toml::Value> {
        let table = |profile: &Profile| {
            let mut table = profile.keys.clone();
            table.insert(NAME.to_owned(), toml::Value::String(profile.name.clone()));
            toml::Value::Table(table)
        };
        Some(toml::Value::Array(value.iter().map(table).collect()))
    }
}

/// The values as they were written, passwords masked.
fn plain_table(table: &toml::de::DeTable<'_>) -> toml::Table {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let key: &str = key.get_ref();
        let value = match key {
            "password" => toml::Value::String("********".to_owned()),
            _ => plain(value.get_ref()),
        };
        (key.to_owned(), value)
    };
    table.iter().map(entry).collect()
}

fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            toml::Value::Integer(number.unwrap_or_default())
        }
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or_default()),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(list) => toml::Value::Array(list.iter().map(|value| plain(value.get_ref())).collect()),
        DeValue::Table(table) => toml::Value::Table(plain_table(table)),
    }
}
