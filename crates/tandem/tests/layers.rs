//! The direction of dependencies: nothing points up, and what is below the drivers has no clock, socket, thread or runtime.
//! The layers are drawn in `docs/architecture.md`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every crate with its layer.
const LAYERS: &[(&str, u8)] = &[
    ("tandem-sip-msg", 0),
    ("tandem-sdp", 0),
    ("tandem-audio", 0),
    ("tandem-config", 1),
    ("tandem-sip-proto", 1),
    ("tandem-rtp-proto", 1),
    ("tandem-stir", 1),
    ("tandem-route", 2),
    ("tandem-switch", 3),
    ("tandem-sip-net", 4),
    ("tandem-rtp-net", 4),
    ("tandem-records", 4),
    ("tandem-api", 4),
    ("tandem", 5),
];

/// Crates that exist for tests, fuzzing, benches and simulations only: they may use anything, nothing that ships may use them.
const FOR_TESTS: &[&str] = &[
    "tandem-testkit",
    "tandem-testbed",
    "tandem-fuzz",
    "tandem-benches",
    "tandem-sim",
];

/// Drivers know what is below them and not each other, but for the API, which shows what the record store reads.
const BESIDE: &[(&str, &str)] = &[("tandem-api", "tandem-records")];

/// Drivers of bytes and packets: call control is none of their business.
const BLIND: &[&str] = &["tandem-sip-net", "tandem-rtp-net"];

/// The highest layer that is pure.
const PURE: u8 = 3;

/// What no pure crate may have below it: runtimes, sockets, files, clocks, randomness.
const IMPURE_CRATES: &[&str] = &[
    "axum",
    "chrono",
    "crossbeam-channel",
    "getrandom",
    "libc",
    "metrics",
    "mio",
    "nix",
    "notify",
    "rand",
    "rsip",
    "rusqlite",
    "rustix",
    "socket2",
    "time",
    "tokio",
    "ureq",
];

/// Crates that are taken as they are, with what they bring along of the above and why: rlibphonenumber declares dashmap, which it does
/// not use, and with that a lock that knows system calls.
const TAKEN: &[(&str, &[&str])] = &[("rlibphonenumber", &["libc"])];

/// What no pure crate's source may say.
const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "std::net::Udp",
    "std::net::Tcp",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::thread",
    "thread::spawn",
    "thread::sleep",
    "std::fs",
    "std::env",
    "std::process",
    "tokio",
    "println!",
    "eprintln!",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(workspace())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn layer(name: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, layer)| *layer)
}

/// Our crates: name to folder and to our crates among the dependencies that ship.
fn crates() -> BTreeMap<String, (PathBuf, BTreeSet<String>)> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let ships = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["kind"] != "dev");
            let names = ships
                .map(|d| text(&d["name"]))
                .filter(|name| name.starts_with("tandem"))
                .collect();
            (
                text(&package["name"]),
                (manifest.parent().unwrap().to_owned(), names),
            )
        })
        .collect()
}

#[test]
fn every_crate_has_its_layer() {
    let known: BTreeSet<&str> = LAYERS
        .iter()
        .map(|(name, _)| *name)
        .chain(FOR_TESTS.iter().copied())
        .collect();
    let crates = crates();
    let found: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(
        found, known,
        "a crate without a layer, or a layer without its crate"
    );
}

#[test]
fn nothing_points_up() {
    let mut wrong = Vec::new();
    for (name, (_, dependencies)) in crates() {
        let Some(own) = layer(&name) else { continue };
        for dependency in dependencies {
            let beside = BESIDE.contains(&(name.as_str(), dependency.as_str()));
            let blind = BLIND.contains(&name.as_str()) && dependency == "tandem-switch";
            if blind || !layer(&dependency).is_some_and(|below| below < own || beside) {
                wrong.push(format!("{name} uses {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All crates below one, by the names that they have in code, with `-` for `_`.
fn below(name: &str) -> BTreeSet<String> {
    below_by(name, &[])
}

/// The same without what only hangs on another crate.
fn below_without(name: &str, other: &str) -> BTreeSet<String> {
    below_by(name, &["--prune", other])
}

fn below_by(name: &str, more: &[&str]) -> BTreeSet<String> {
    let mut arguments = vec![
        "tree",
        "--offline",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{lib}",
        "--package",
        name,
    ];
    arguments.extend(more);
    let tree = cargo(&arguments);
    tree.lines().map(|line| line.replace('_', "-")).collect()
}

#[test]
fn pure_crates_have_nothing_impure_below_them() {
    let mut wrong = Vec::new();
    for (name, _) in LAYERS.iter().filter(|(_, layer)| *layer <= PURE) {
        let mut names = below(name);
        assert!(names.len() > 1, "{name}: {names:?}");
        for (taken, _) in TAKEN {
            // What hangs on it is looked at by itself.
            if names.contains(*taken) {
                names = below_without(name, taken);
            }
        }
        let impure = names.iter().filter(|name| IMPURE_CRATES.contains(&name.as_str()));
        wrong.extend(impure.map(|impure| format!("{name} uses {impure}")));
    }
    for (taken, brings) in TAKEN {
        let names = below(taken);
        let impure: Vec<&str> = IMPURE_CRATES
            .iter()
            .copied()
            .filter(|name| names.contains(*name))
            .collect();
        assert_eq!(impure, *brings, "{taken}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_crates_take_time_and_bytes_as_arguments() {
    let crates = crates();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, _) in LAYERS.iter().filter(|(_, layer)| *layer <= PURE) {
        for file in sources(&crates[*name].0.join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            seen += 1;
            for line in shipped(&text) {
                let words = IMPURE_WORDS.iter().filter(|word| line.contains(*word));
                wrong.extend(words.map(|word| format!("{}: {word}: {}", file.display(), line.trim())));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 50, "only {seen} files were read");
}

/// All source files of a folder but those of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let for_tests = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !for_tests {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !for_tests {
            found.push(path);
        }
    }
    found
}

/// The lines of a source file that are compiled into the program: no comments, no test modules.
fn shipped(text: &str) -> Vec<&str> {
    let mut lines = text.lines();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            // The item that follows: to its semicolon, or to the brace that closes it.
            let _ = lines
                .by_ref()
                .find(|line| *line == "}" || (line.ends_with(';') && !line.starts_with(' ')));
        } else if !line.trim_start().starts_with("//") {
            kept.push(line);
        }
    }
    kept
}

#[test]
fn only_what_ships_is_read() {
    let text = "use a;\n// tokio\n#[cfg(test)]\nmod tests;\nfn f() {\n    /// thread\n    g();\n}\n#[cfg(test)]\nmod m {\n    use x;\n}\nfn h() {}\n";
    assert_eq!(
        shipped(text),
        ["use a;", "fn f() {", "    g();", "}", "fn h() {}"]
    );
}
