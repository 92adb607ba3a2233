//! The files that come with Tandem are accepted, without a warning, and the reference is the one that the code makes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::Memory;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder and the folders in it, as they stand on the disk.
fn disk(dir: &Path, into: &mut Memory) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            disk(&path, into);
        } else {
            into.files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

fn shipped() -> Memory {
    let mut files = Memory::default();
    disk(&root().join("configs"), &mut files);
    for name in [
        "CARRIER_B_PASSWORD",
        "CARRIER_C_PASSWORD",
        "ALICE_PASSWORD",
        "BOB_PASSWORD",
    ] {
        files.env.insert(name.to_owned(), "of the test".to_owned());
    }
    files
}

fn accepted(path: &Path, files: &mut Memory) -> config::Config {
    let (config, report) = config::check(path, files);
    assert_eq!(report.to_string(), "", "{}", path.display());
    config.unwrap()
}

#[test]
fn every_shipped_file_is_accepted_without_a_warning() {
    let mut files = shipped();
    let main: Vec<PathBuf> = files
        .files
        .keys()
        .filter(|path| path.parent().is_some_and(|dir| dir.ends_with("configs")))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .cloned()
        .collect();
    assert!(main.len() >= 2);
    for path in main {
        accepted(&path, &mut files);
    }
}

#[test]
fn the_example_reads_its_trunks_from_its_folder() {
    let config = accepted(&root().join("configs/tandem.toml"), &mut shipped());
    let names: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
    assert_eq!(
        names,
        ["carrier-a", "carrier-b", "carrier-c", "headquarters", "phones"]
    );
    let password = &config.trunk("carrier-b").unwrap().auth.as_ref().unwrap().password;
    assert_eq!(password.expose(), "of the test");
}

#[test]
fn every_deck_that_a_shipped_trunk_names_is_there() {
    let config = accepted(&root().join("configs/tandem.toml"), &mut shipped());
    let decks: Vec<&PathBuf> = config
        .trunks
        .iter()
        .filter_map(|trunk| trunk.deck.as_ref())
        .collect();
    assert!(!decks.is_empty());
    for deck in decks {
        assert!(deck.is_file(), "{}", deck.display());
    }
}

#[test]
fn the_built_in_file_is_accepted_and_stays_on_loopback() {
    let config = config::parse(config::defaults(), "(built in)").unwrap();
    assert!(config.listen.iter().all(|listen| listen.bind.ip().is_loopback()));
    assert!(config.media.bind.is_loopback() && config.api.bind.ip().is_loopback());
    let names: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
    assert_eq!(names, ["pbx", "carrier-a", "carrier-b"]);
}

#[test]
fn the_reference_is_the_one_that_the_declarations_make() {
    let path = root().join("docs/configuration.md");
    let made = config::reference_markdown();
    if std::env::var_os("TANDEM_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/configuration.md is out of date: run this test with TANDEM_WRITE_DOCS=1"
    );
}

/// A check of JSON against the schema's words that we use, so that schema and reader cannot part ways unseen.
fn fits(schema: &serde_json::Value, value: &serde_json::Value) -> bool {
    if let Some(all) = schema.get("oneOf").and_then(|all| all.as_array()) {
        return all.iter().filter(|one| fits(one, value)).count() == 1;
    }
    if let Some(only) = schema.get("const") {
        return only == value;
    }
    match schema.get("type").and_then(|kind| kind.as_str()) {
        Some("object") => value.as_object().is_some_and(|fields| {
            let required = schema["required"].as_array().unwrap();
            required
                .iter()
                .all(|key| fields.contains_key(key.as_str().unwrap()))
                && fields.iter().all(|(key, value)| {
                    schema["properties"]
                        .get(key)
                        .is_some_and(|schema| fits(schema, value))
                })
        }),
        Some("array") => value
            .as_array()
            .is_some_and(|list| list.iter().all(|entry| fits(&schema["items"], entry))),
        Some("string") => {
            let one_of = schema.get("enum").and_then(|words| words.as_array());
            value.is_string() && one_of.is_none_or(|words| words.contains(value))
        }
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{other:?} in {schema}"),
    }
}

#[test]
fn the_schema_fits_the_shipped_files_and_knows_no_other_keys() {
    let schema = config::schema_json();
    for name in [
        "tandem.toml",
        "two-carriers.toml",
        "public.toml",
        "inside-outside.toml",
        "trunks.d/carriers.toml",
        "trunks.d/headquarters.toml",
        "trunks.d/phones.toml",
    ] {
        let text = std::fs::read_to_string(root().join("configs").join(name)).unwrap();
        let mut value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        assert!(fits(&schema, &value), "{name}");
        value["colour"] = "blue".into();
        assert!(!fits(&schema, &value), "{name}");
    }
}
