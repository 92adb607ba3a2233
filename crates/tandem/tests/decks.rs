//! `tandem decks`: what it prints, and its exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn tandem(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_carriers_file_becomes_one_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(
        dir.path(),
        "notice.csv",
        "Destination,Dial Code,Rate (USD),Effective Date\nUK,44,0.01,13/04/2026\nUK mobile,\"7, 47-48\",0.02,03/04/2026\n",
    );
    let out = dir.path().join("out.csv").display().to_string();
    let ran = tandem(&["decks", "import", &file, "--out", &out]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.starts_with("4 rows\n"), "{}", ran.out);
    assert!(
        ran.out.contains("from \"Dial Code\"") && ran.out.contains("passed over      Destination"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("note: dates have the day first, as line 2 shows"),
        "{}",
        ran.out
    );
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(
        written,
        "prefix,rate,first_interval,increment,currency,effective_from\n\
         44,0.01,1,1,USD,2026-04-13\n47,0.02,1,1,USD,2026-04-03\n48,0.02,1,1,USD,2026-04-03\n7,0.02,1,1,USD,2026-04-03\n"
    );
    let ran = tandem(&["decks", "import", &out, "--out", "-"]);
    assert_eq!((ran.code, ran.out), (0, written));
}

#[test]
fn every_bad_row_is_told_and_nothing_is_written_unless_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(
        dir.path(),
        "bad.csv",
        "prefix,rate\n44,1\n45,x\n4y,1\n46,2\n46,3\n",
    );
    let out = dir.path().join("out.csv");
    let to = out.display().to_string();
    let ran = tandem(&["decks", "import", &file, "--out", &to]);
    assert_eq!(ran.code, 2);
    let told: Vec<&str> = ran.err.lines().collect();
    assert_eq!(
        told[0],
        format!("{file}:line 3, rate: \"x\" is not an amount like 0.0125")
    );
    assert!(
        told[1].starts_with(&format!("{file}:line 4, prefix: ")),
        "{told:?}"
    );
    assert!(
        told[2].starts_with(&format!("{file}:line 6, prefix: 46: line 5 has the same prefix")),
        "{told:?}"
    );
    assert_eq!(told[3], "3 faults: nothing was written");
    assert!(!out.exists());
    let ran = tandem(&["decks", "import", &file, "--out", &to, "--skip-bad"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        std::fs::read_to_string(&out).unwrap(),
        "prefix,rate,first_interval,increment\n44,1,1,1\n46,2,1,1\n"
    );
    let ran = tandem(&["decks", "import", &file, "--json"]);
    assert_eq!(ran.code, 2);
    let report = &lines(&ran.out)[0];
    assert_eq!(report["errors"][0]["line"], 3);
    assert_eq!(report["rows"], 2);
    let doubtful = write(dir.path(), "dates.csv", "prefix,rate,from\n44,1,03/04/2026\n");
    let ran = tandem(&["decks", "import", &doubtful]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("say dates ="), "{}", ran.err);
    assert_eq!(
        tandem(&["decks", "import", &doubtful, "--dates", "month-first"]).code,
        0
    );
    assert_eq!(
        tandem(&["decks", "import", &doubtful, "--dates", "sometimes"]).code,
        1
    );
}

#[test]
fn two_decks_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let old = write(dir.path(), "old.csv", "prefix,rate\n44,1\n447,2\n45,1\n46,1\n");
    let new = write(
        dir.path(),
        "new.csv",
        "Code;Price;Status;Valid from\n44;1,5;open;2026-05-01\n45;1;open;\n46;;closed;\n47;3;open;\n",
    );
    let ran = tandem(&["decks", "diff", &old, &new]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .ends_with("1 new, 1 gone, 1 dearer, 1 blocked, 1 the same\n"),
        "{}",
        ran.out
    );
    let ran = tandem(&["decks", "diff", &old, &new, "--json"]);
    let rows = lines(&ran.out);
    let dearer = rows.iter().find(|row| row["change"] == "dearer").unwrap();
    assert_eq!(
        (&dearer["prefix"], &dearer["percent"]),
        (&Value::from("44"), &Value::from(50.0))
    );
    assert_eq!(dearer["from"], "2026-05-01");
    let gone = rows.iter().find(|row| row["change"] == "gone").unwrap();
    assert_eq!(
        (&gone["prefix"], &gone["new"]),
        (&Value::from("447"), &Value::from("1.5/min (1/1) by 44"))
    );
    assert_eq!(rows.last().unwrap()["summary"]["blocked"], 1);
    let ran = tandem(&["decks", "diff", &old, &new, "--summary"]);
    assert_eq!(ran.out.lines().count(), 1);
}

#[test]
fn a_number_is_shown_with_its_row_and_why_others_are_not_its() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = tempfile::tempdir().unwrap();
    let us: PathBuf = root.join("configs/decks/united-states.csv");
    let config = write(
        dir.path(),
        "t.toml",
        &format!(
            "[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n\
             [[trunk]]\nname = \"us\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:192.0.2.1\" }}]\ndeck = {us:?}\n\
             [[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"192.0.2.9\"]\n\
             sell_rates = [{{ prefix = \"1\", rate = 0.01, increment = 6, first_interval = 6 }}]\n"
        ),
    );
    let show =
        |arguments: &[&str]| tandem(&[&["decks", "show", "--config", &config][..], arguments].concat());
    let ran = show(&["us", "+12012005000", "--from", "+12122015000"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .starts_with("+12012005000 by us: 0.0021/min (6/6) USD, for 1201200\n"),
        "{}",
        ran.out
    );
    let ran = show(&["us", "+12012005000", "--from", "+12012015000", "--json"]);
    let shown = &lines(&ran.out)[0];
    assert_eq!(
        (&shown["jurisdiction"], &shown["states"]),
        (&Value::from("intrastate"), &serde_json::json!(["NJ", "NJ"]))
    );
    assert_eq!(shown["rate"], "0.0034/min (6/6)");
    assert_eq!(
        shown["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["taken"] == "yes")
            .count(),
        1
    );
    let ran = show(&["us", "+12012005000", "--at", "2026-01-01"]);
    assert!(
        ran.out.starts_with("us has no price for +12012005000\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("not yet in force"), "{}", ran.out);
    let ran = show(&["pbx", "+12012005000"]);
    assert!(
        ran.out
            .contains("a call of one minute costs 0.01, of three minutes 0.03"),
        "{}",
        ran.out
    );
    assert!(
        show(&["us"]).out.contains("prefixes         3"),
        "{}",
        show(&["us"]).out
    );
    assert_eq!(show(&["nobody"]).code, 1);
}
