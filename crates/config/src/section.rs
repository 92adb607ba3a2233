//! Sections: a table's keys, each declared once. The declaration makes the field of the model, the reader, the
//! writer, the schema entry and the line of the reference.

mod list;

pub(crate) use list::Tables;

use crate::diff::Change;
use crate::document::{Cx, Item, Place};
use crate::form::{Form, wrong_type};
use crate::model::Config;
use crate::report::{Fault, nearest, quote};
use serde_json::{Map, Value as Json, json};
use std::marker::PhantomData;
use toml::de::DeTable;

/// What a key does when it isn't written.
pub(crate) enum Absent<T> {
    /// It must be written.
    Required,
    /// This TOML value holds.
    Default(&'static str),
    /// This holds; what is said about it stands in [`Key::absent`].
    Is(T),
}

/// A key as schema and reference show it.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Lines of text, each with a space in front, as `rustdoc` keeps them.
    pub(crate) doc: &'static [&'static str],
    pub(crate) required: bool,
    /// The default as TOML, or in words.
    pub(crate) absent: Option<AbsentDoc>,
    /// Takes effect at a restart only.
    pub(crate) restart: bool,
    pub(crate) expected: fn() -> String,
    pub(crate) schema: fn() -> Json,
    pub(crate) info: fn() -> Option<Info>,
    pub(crate) words: fn() -> Vec<(&'static str, &'static str)>,
    pub(crate) later: fn() -> &'static [&'static str],
    pub(crate) tables: bool,
}

/// What holds when a key is absent.
#[derive(Clone, Copy)]
pub(crate) enum AbsentDoc {
    Toml(&'static str),
    Words(&'static str),
}

/// A section as schema and reference show it.
pub(crate) struct Info {
    pub(crate) doc: &'static [&'static str],
    pub(crate) keys: Vec<Key>,
    /// Keys that a later version has.
    pub(crate) later: &'static [&'static str],
}

/// A table of declared keys.
pub(crate) trait Section: Sized + Clone + PartialEq {
    /// The key that names one of several such tables.
    const LABEL: Option<&'static str>;
    /// Whether it takes keys over from the profile that it names.
    const PROFILED: bool;
    fn info() -> Info;
    fn read(reader: Reader<'_, '_, '_>) -> Option<Self>;
    fn show(&self) -> toml::Table;
    fn diff(&self, newer: &Self, path: &str, restart: bool, changes: &mut Vec<Change>);
}

/// Reads the keys of one section out of the tables that hold it.
pub(crate) struct Reader<'r, 'c, 'd> {
    cx: &'r mut Cx<'c>,
    path: &'r str,
    tables: &'r [(usize, &'d DeTable<'d>)],
    /// What holds where those say nothing.
    profile: &'r [(usize, &'d DeTable<'d>)],
    /// Where a missing key is reported.
    place: Place,
}

/// `outer.key`, or `key` at the top.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl<'r, 'c, 'd> Reader<'r, 'c, 'd> {
    pub(crate) fn new(
        cx: &'r mut Cx<'c>,
        path: &'r str,
        tables: &'r [(usize, &'d DeTable<'d>)],
        place: Place,
    ) -> Self {
        Self {
            cx,
            path,
            tables,
            profile: &[],
            place,
        }
    }

    /// The same with tables that hold where `tables` say nothing.
    fn with_profile(self, profile: &'r [(usize, &'d DeTable<'d>)]) -> Self {
        Self { profile, ..self }
    }

    /// One key. A refused value reads as an absent one, so that everything else is still looked at.
    pub(crate) fn key<F: Form>(&mut self, name: &str, absent: Absent<F::Out>) -> Option<F::Out> {
        let path = join(self.path, name);
        let of = |tables: &[(usize, &'d DeTable<'d>)], profile: bool| -> Vec<Item<'d>> {
            let item = |(doc, table): &(usize, &'d DeTable<'d>)| {
                let value = table.get(name)?;
                Some(Item {
                    doc: *doc,
                    value,
                    profile,
                })
            };
            tables.iter().filter_map(item).collect()
        };
        let mut items = of(self.tables, false);
        if items.is_empty() || F::MERGES {
            items.extend(of(self.profile, true));
        }
        if !items.is_empty()
            && let Some(read) = F::read_all(self.cx, &path, &items)
        {
            return Some(read);
        }
        match absent {
            Absent::Is(value) => Some(value),
            Absent::Default(toml) => self.default::<F>(&path, toml),
            Absent::Required => {
                if items.is_empty() && !self.cx.in_part {
                    let fault = Fault::new(format!("the key `{name}` is missing")).expected(F::expected());
                    self.cx.refuse(self.place, self.path, fault);
                }
                None
            }
        }
    }

    fn default<F: Form>(&mut self, path: &str, toml: &str) -> Option<F::Out> {
        let value = toml::de::DeValue::parse(toml).ok()?;
        let doc = self.place.doc;
        let outer = std::mem::replace(&mut self.cx.in_default, true);
        let read = F::read_all(self.cx, path, &[Item::new(doc, &value)]);
        self.cx.in_default = outer;
        read
    }

    /// Refuses every key that isn't one of the section's.
    pub(crate) fn refuse_unknown(&mut self, known: &[&'static str], later: &[&'static str]) {
        for (doc, table) in self.tables.iter().chain(self.profile) {
            for (key, _) in table.iter() {
                let name: &str = key.get_ref();
                if known.contains(&name) {
                    continue;
                }
                let place = Place {
                    doc: *doc,
                    offset: key.span().start,
                };
                let fault = if later.contains(&name) {
                    Fault::new(format!(
                        "this version of Tandem does not have the key `{name}` yet"
                    ))
                } else {
                    let meant = nearest(name, known.iter().copied())
                        .map(quote)
                        .or_else(|| elsewhere(name));
                    Fault::new(format!("unknown key {}", quote(name))).meant(meant)
                };
                self.cx.refuse(place, self.path, fault);
            }
        }
    }
}

/// The sections that have a key of this name, as they are written.
fn elsewhere(name: &str) -> Option<String> {
    let at = |key: &Key| {
        let has = (key.info)().is_some_and(|info| info.keys.iter().any(|inner| inner.name == name));
        has.then(|| {
            if key.tables {
                format!("[[{}]]", key.name)
            } else {
                format!("[{}]", key.name)
            }
        })
    };
    let sections: Vec<String> = Config::info().keys.iter().filter_map(at).collect();
    (!sections.is_empty()).then(|| format!("{} of {}", quote(name), sections.join(" or ")))
}

/// A section written as a table: `[…]` or `{ … }`.
pub(crate) struct Table<S>(PhantomData<S>);

impl<S: Section> Form for Table<S> {
    type Out = S;
    const MERGES: bool = true;
    fn expected() -> String {
        let keys: Vec<&str> = S::info().keys.iter().map(|key| key.name).collect();
        format!("a table of {}", keys.join(", "))
    }
    fn schema() -> Json {
        schema_of(&S::info())
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<S> {
        Self::read_all(cx, path, &[item])
    }
    fn read_all(cx: &mut Cx<'_>, path: &str, items: &[Item<'_>]) -> Option<S> {
        let (mut tables, mut profile) = (Vec::new(), Vec::new());
        for item in items {
            if !item.profile || tables.is_empty() {
                cx.wrote(path, item.place());
            }
            match item.value.get_ref().as_table() {
                Some(table) if item.profile => profile.push((item.doc, table)),
                Some(table) => tables.push((item.doc, table)),
                None => {
                    let fault = wrong_type(*item, Self::expected());
                    let lists = item.value.get_ref().is_array() && !path.contains('.');
                    let meant = lists.then(|| format!("[{path}], with single brackets"));
                    cx.refuse(item.place(), path, fault.meant(meant));
                }
            }
        }
        if tables.is_empty() && profile.is_empty() {
            return None;
        }
        let place = items.first().map(Item::place).unwrap_or_default();
        S::read(Reader::new(cx, path, &tables, place).with_profile(&profile))
    }
    fn show(value: &S) -> Option<toml::Value> {
        Some(toml::Value::Table(value.show()))
    }
    fn diff(old: &S, new: &S, path: &str, restart: bool, changes: &mut Vec<Change>) {
        old.diff(new, path, restart, changes);
    }
    fn info() -> Option<Info> {
        Some(S::info())
    }
}

/// JSON Schema of a section.
pub(crate) fn schema_of(info: &Info) -> Json {
    let mut properties = Map::new();
    for key in &info.keys {
        let mut schema = (key.schema)();
        if let Json::Object(fields) = &mut schema {
            fields.insert("description".to_owned(), json!(text(key.doc)));
            if let Some(AbsentDoc::Toml(toml)) = key.absent
                && let Some(default) = toml_to_json(toml)
            {
                fields.insert("default".to_owned(), default);
            }
        }
        properties.insert(key.name.to_owned(), schema);
    }
    let required: Vec<&str> = info
        .keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object", "description": text(info.doc), "additionalProperties": false,
        "properties": properties, "required": required,
    })
}

fn toml_to_json(value: &str) -> Option<Json> {
    let table: toml::Table = toml::from_str(&format!("value = {value}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

/// The lines of a doc comment as one text.
pub(crate) fn text(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a section: `live` keys take effect at a reload, `restart` keys at the next start.
///
/// `required`, `optional` (its form is an `Opt`), `default("TOML")` and `derived(value, "what it is")` say what
/// holds when the key isn't written. `computed` fields are no keys; they follow from the keys above.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        $(#[derive($derive:ident)])?
        $name:ident, label $label:expr, $(profiled $profiled:literal,)? later [$($later:literal),* $(,)?],
        {
            $(
                $(#[doc = $kdoc:literal])+
                $apply:ident $field:ident $(named $key:literal)? : $ty:ty = $form:ty, $mode:ident $(($($arg:expr),+))?;
            )*
        }
        $( computed {
            $( $(#[doc = $cdoc:literal])+ $computed:ident : $cty:ty = $value:expr; )*
        } )?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Debug $(, $derive)?)]
        pub struct $name {
            $( $(#[doc = $kdoc])+ pub $field: $ty, )*
            $( $( $(#[doc = $cdoc])+ pub $computed: $cty, )* )?
        }

        impl $crate::section::Section for $name {
            const LABEL: Option<&'static str> = $label;
            const PROFILED: bool = section!(@profiled $($profiled)?);

            fn info() -> $crate::section::Info {
                $crate::section::Info {
                    doc: &[$($doc),+],
                    keys: vec![$( $crate::section::Key {
                        name: section!(@name $field $($key)?),
                        doc: &[$($kdoc),+],
                        required: section!(@required $mode),
                        absent: section!(@doc $mode $(($($arg),+))?),
                        restart: section!(@restart $apply),
                        expected: <$form as $crate::form::Form>::expected,
                        schema: <$form as $crate::form::Form>::schema,
                        info: <$form as $crate::form::Form>::info,
                        words: <$form as $crate::form::Form>::words,
                        later: <$form as $crate::form::Form>::later,
                        tables: <$form as $crate::form::Form>::TABLES,
                    }, )*],
                    later: &[$($later),*],
                }
            }

            fn read(mut reader: $crate::section::Reader<'_, '_, '_>) -> Option<Self> {
                $(
                    let $field = reader.key::<$form>(
                        section!(@name $field $($key)?),
                        section!(@absent $mode $(($($arg),+))?),
                    );
                )*
                reader.refuse_unknown(&[$(section!(@name $field $($key)?)),*], &[$($later),*]);
                $( let $field = $field?; )*
                $( $( let $computed = $value; )* )?
                Some(Self { $($field,)* $($($computed,)*)? })
            }

            fn show(&self) -> toml::Table {
                let mut table = toml::Table::new();
                $(
                    if let Some(value) = <$form as $crate::form::Form>::show(&self.$field) {
                        table.insert(section!(@name $field $($key)?).to_owned(), value);
                    }
                )*
                table
            }

            fn diff(&self, newer: &Self, path: &str, restart: bool, changes: &mut Vec<$crate::diff::Change>) {
                $(
                    <$form as $crate::form::Form>::diff(
                        &self.$field,
                        &newer.$field,
                        &$crate::section::join(path, section!(@name $field $($key)?)),
                        restart || section!(@restart $apply),
                        changes,
                    );
                )*
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };
    (@profiled) => { false };
    (@profiled $profiled:literal) => { $profiled };
    (@restart live) => { false };
    (@restart restart) => { true };
    (@required required) => { true };
    (@required $other:ident) => { false };
    (@absent required) => { $crate::section::Absent::Required };
    (@absent optional) => { $crate::section::Absent::Is(None) };
    (@absent default($toml:expr)) => { $crate::section::Absent::Default($toml) };
    (@absent derived($value:expr, $words:expr)) => { $crate::section::Absent::Is($value) };
    (@doc required) => { None };
    (@doc optional) => { None };
    (@doc default($toml:expr)) => { Some($crate::section::AbsentDoc::Toml($toml)) };
    (@doc derived($value:expr, $words:expr)) => { Some($crate::section::AbsentDoc::Words($words)) };
}
pub(crate) use section;
