//! What the documents say about keys, metrics and dependencies is so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests' helpers, which clippy does not take for tests"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

/// The words of a text that begin with `tandem_`.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words
        .filter(|word| word.starts_with("tandem_") && word.len() > 7)
        .map(str::to_owned)
        .collect()
}

/// All source files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths
        .flat_map(below)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let mut written = BTreeSet::new();
    for name in ["records", "rtp-net", "sip-net", "switch", "tandem"] {
        for file in sources(&workspace().join("crates").join(name).join("src")) {
            let text = std::fs::read_to_string(file).unwrap();
            // Names stand in quotes; a crate's own name in code doesn't.
            written.extend(text.split('"').skip(1).step_by(2).flat_map(metrics_in));
        }
    }
    assert!(written.len() > 20, "{written:?}");
    let documented = metrics_in(&read("docs/running.md"));
    assert_eq!(
        written.difference(&documented).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "not documented"
    );
    assert_eq!(
        documented.difference(&written).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "not in the code"
    );
}

#[test]
fn every_dependency_has_its_reason() {
    let cargo = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(env!("CARGO"))
        .args(cargo)
        .current_dir(workspace())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reasons = read("docs/dependencies.md");
    let first_cells = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let documented: BTreeSet<&str> = first_cells.flat_map(|cell| cell.split(", ")).collect();
    let packages = metadata["packages"].as_array().unwrap();
    let dependencies = packages
        .iter()
        .flat_map(|package| package["dependencies"].as_array().unwrap());
    let names = dependencies.map(|dependency| dependency["name"].as_str().unwrap());
    let missing: BTreeSet<&str> = names
        .filter(|name| !name.starts_with("tandem") && !documented.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "no reason in docs/dependencies.md for {missing:?}"
    );
}

#[test]
fn the_configuration_in_the_readme_is_a_good_one() {
    let text = read("README.md");
    let (_, toml) = text.split_once("```toml\n").unwrap();
    let (toml, _) = toml.split_once("```").unwrap();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme-{}.toml", std::process::id()));
    std::fs::write(&file, toml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .arg("check")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "a warning");
}

/// Every document that there is.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![
        workspace().join("README.md"),
        workspace().join("benches/README.md"),
    ];
    let mut folders = vec![workspace().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The places in a document that a link may name, as web sites make them of its headings.
fn anchors(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn what_a_document_points_to_is_there() {
    let mut links = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        let at = document.display();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{at}: {target}");
            assert!(
                anchor.is_empty() || anchors(&path).contains(anchor),
                "{at}: {target}: no such heading"
            );
        }
    }
    assert!(links > 50, "{links}");
}

/// What the cases' numbers are in the names of the tests that go through the daemon.
fn cases_in_tests() -> BTreeSet<String> {
    let tests = sources(&workspace().join("crates/tandem/tests"));
    let texts = tests.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let number = |word: &str| {
        let (family, rest) = word.split_once('_')?;
        let (number, _) = rest.split_once('_')?;
        let is_case = family.len() == 2
            && family.bytes().all(|byte| byte.is_ascii_lowercase())
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit());
        is_case.then(|| format!("{}-{number}", family.to_ascii_uppercase()))
    };
    let words = |text: String| -> Vec<String> {
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
            .filter_map(number)
            .collect()
    };
    texts.flat_map(words).collect()
}

/// Every case has its tests, and every test that is named after a case is of one that is told.
#[test]
fn every_case_has_tests_and_every_tested_case_is_told() {
    let told: BTreeSet<String> = read("docs/cases.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .map(|(id, _)| id.to_owned())
        .filter(|id| id.contains('-'))
        .collect();
    assert!(told.len() > 50, "{told:?}");
    assert_eq!(told, cases_in_tests());
}
