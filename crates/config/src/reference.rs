//! The JSON Schema and the written reference, both made from the declarations of the keys.

use crate::model::Config;
use crate::section::{AbsentDoc, Info, Key, Section, join, schema_of, text};
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// JSON Schema (2020-12) of a configuration file, for editors.
pub fn schema_json() -> Json {
    let mut schema = schema_of(&Config::info());
    if let Json::Object(fields) = &mut schema {
        fields.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        fields.insert("title".to_owned(), json!("tandem.toml"));
    }
    schema
}

/// The reference of all keys, as Markdown: what `docs/configuration.md` holds.
pub fn reference_markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    let info = Config::info();
    let (sections, plain): (Vec<&Key>, Vec<&Key>) = info.keys.iter().partition(|key| (key.info)().is_some());
    out.push_str("\n## At the top of the file\n\n");
    keys(&mut out, &plain);
    for key in sections {
        section(&mut out, key, key.name);
    }
    out.push_str("\n## Not in this version\n\n");
    out.push_str("These keys and values are refused; a later version has them.\n\n");
    later(&mut out, &info, "");
    out
}

const INTRODUCTION: &str = "\
<!-- Made from the declarations in crates/config by `tandem-config`; a test compares. Don't edit. -->
# Configuration

Tandem reads one TOML file and the files it includes. A file is taken whole or refused whole: `tandem check FILE` prints
everything that is wrong with it, each with file, line and column, what was expected, and what was probably meant. Once
nothing is, the decks are read, and then the recordings: a deck's errors name its rows, a recording's the sound. A
reload works the same way: the new configuration takes effect as a whole, or the running one stays as it is. Calls in
progress keep what they started with. Keys marked *restart* take effect only at the next start; a reload says so.

A file needs at least one `[[listen]]` and one `[[trunk]]`. Unknown keys are errors. Durations are written with their
unit: `\"500ms\"`, `\"4s\"`, `\"3m\"`, `\"4h\"`. Relative paths start at the directory of the file they are written in. A
secret is `\"text\"`, `{ file = \"path\" }` or `{ env = \"NAME\" }`, and is masked wherever the configuration is shown.

Without `--config` a built-in file runs, on loopback only; `configs/` holds others to start from.
";

fn section(out: &mut String, key: &Key, path: &str) {
    let Some(info) = (key.info)() else { return };
    let top = !path.contains('.');
    let heading = match (top, key.tables) {
        (true, true) => format!("## `[[{path}]]`"),
        (true, false) => format!("## `[{path}]`"),
        (false, _) => format!("### `{path}`"),
    };
    let _ = write!(out, "\n{heading}\n\n{}\n\n", text(info.doc));
    keys(out, &info.keys.iter().collect::<Vec<_>>());
    for inner in &info.keys {
        section(out, inner, &join(path, inner.name));
    }
}

fn keys(out: &mut String, keys: &[&Key]) {
    out.push_str("| Key | Value | When absent | What it is |\n|---|---|---|---|\n");
    for key in keys {
        let restart = if key.restart { " *(restart)*" } else { "" };
        let what = text(key.doc) + &words(key);
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {what}{restart} |",
            key.name,
            value(key),
            absent(key)
        );
    }
}

/// What each word of a choice means.
fn words(key: &Key) -> String {
    let words = (key.words)();
    match words.as_slice() {
        [_] => String::new(),
        words => words
            .iter()
            .map(|(word, meaning)| format!(" `\"{word}\"`: {meaning}"))
            .collect(),
    }
}

fn value(key: &Key) -> String {
    (key.expected)().replace('|', "\\|")
}

fn absent(key: &Key) -> String {
    match key.absent {
        Some(AbsentDoc::Toml("{}")) => "every default below".to_owned(),
        Some(AbsentDoc::Toml("[]")) => "none".to_owned(),
        Some(AbsentDoc::Toml("''")) => "nothing".to_owned(),
        Some(AbsentDoc::Toml(toml)) => format!("`{}`", toml.replace('\'', "\"")),
        Some(AbsentDoc::Words(words)) => words.to_owned(),
        None if key.required => "**required**".to_owned(),
        None => "nothing".to_owned(),
    }
}

fn later(out: &mut String, info: &Info, path: &str) {
    if !info.later.is_empty() {
        let names: Vec<String> = info.later.iter().map(|name| format!("`{name}`")).collect();
        let place = if path.is_empty() {
            "At the top".to_owned()
        } else {
            format!("In `{path}`")
        };
        let _ = writeln!(out, "- {place}: {}.", names.join(", "));
    }
    for key in &info.keys {
        let key_path = join(path, key.name);
        let words: Vec<String> = (key.later)().iter().map(|word| format!("`\"{word}\"`")).collect();
        if !words.is_empty() {
            let _ = writeln!(out, "- As `{key_path}`: {}.", words.join(", "));
        }
        if let Some(inner) = (key.info)() {
            later(out, &inner, &key_path);
        }
    }
}
