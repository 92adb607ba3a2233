//! Includes, files that cannot be read, and secrets that stand elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory};
use config::{Config, load};
use std::path::Path;

const MAIN: &str = "include = [\"trunks.d/*.toml\"]\n[[listen]]\nbind = \"127.0.0.1:5060\"\n";
const PBX: &str = "[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\n";
const CARRIER: &str =
    "[[trunk]]\nname = \"a\"\nrole = \"carrier\"\ntargets = [{ uri = \"sip:127.0.0.20\" }]\n";

fn loaded(files: &mut Memory) -> Result<Config, Vec<String>> {
    load(Path::new("etc/t.toml"), files)
        .map_err(|report| report.to_string().lines().map(str::to_owned).collect())
}

fn said(files: &[(&str, &str)]) -> Vec<String> {
    loaded(&mut Memory::with(files)).unwrap_err()
}

#[test]
fn included_files_add_to_the_lists() {
    let config = loaded(&mut Memory::with(&[
        ("etc/t.toml", MAIN),
        ("etc/trunks.d/b.toml", PBX),
        ("etc/trunks.d/a.toml", CARRIER),
        ("etc/trunks.d/notes.txt", "not = [toml"),
        ("etc/trunks.d/.hidden.toml", "not = [toml"),
        ("etc/trunks.d/deeper/c.toml", "not = [toml"),
    ]))
    .unwrap();
    let names: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
    assert_eq!(names, ["a", "pbx"]);
    assert_eq!(config.include, ["trunks.d/*.toml"]);
}

#[test]
fn a_pattern_may_find_nothing_but_a_name_must_be_there() {
    let text = format!("include = [\"more/*.toml\", \"extra.toml\"]\n{GOOD}");
    assert_eq!(
        said(&[("etc/t.toml", &text)]),
        ["etc/t.toml:1:27: there is no file \"extra.toml\"; expected a file, or a pattern with *"]
    );
}

#[test]
fn a_table_may_be_spread_over_files_but_each_key_is_set_once() {
    let main = format!("{MAIN}[sip]\nt1 = \"1s\"\n[media]\ndscp = 0\n");
    let config = loaded(&mut Memory::with(&[
        ("etc/t.toml", &main),
        ("etc/trunks.d/a.toml", CARRIER),
        ("etc/trunks.d/sip.toml", "[sip]\nmax_calls = 7\n"),
    ]))
    .unwrap();
    assert_eq!((config.sip.t1.as_secs(), config.sip.max_calls), (1, 7));
    assert_eq!(
        said(&[
            ("etc/t.toml", &main),
            ("etc/trunks.d/a.toml", CARRIER),
            ("etc/trunks.d/sip.toml", "[sip]\nt1 = \"2s\"\n"),
        ]),
        [
            "etc/trunks.d/sip.toml:2:6: sip.t1: is set a second time; the first is at etc/t.toml:5; expected it in one place"
        ]
    );
}

#[test]
fn a_name_that_two_files_give_is_told_with_both() {
    assert_eq!(
        said(&[
            ("etc/t.toml", MAIN),
            ("etc/trunks.d/a.toml", CARRIER),
            ("etc/trunks.d/b.toml", CARRIER)
        ]),
        [
            "etc/trunks.d/b.toml:2:8: trunk[1].name: there is a trunk \"a\" already, at etc/trunks.d/a.toml:2; expected another"
        ]
    );
}

#[test]
fn included_files_include_no_others() {
    let carrier = format!("include = [\"../t.toml\"]\n{CARRIER}");
    assert_eq!(
        said(&[("etc/t.toml", MAIN), ("etc/trunks.d/a.toml", &carrier)]),
        [
            "etc/trunks.d/a.toml:1:11: include: an included file cannot include others; expected all includes in the main file"
        ]
    );
}

#[test]
fn a_file_that_includes_itself_is_read_once() {
    let main = format!("include = [\"*.toml\"]\n{GOOD}");
    assert!(loaded(&mut Memory::with(&[("etc/t.toml", &main)])).is_ok());
}

#[test]
fn errors_in_several_files_come_together_each_with_its_file() {
    assert_eq!(
        said(&[
            ("etc/t.toml", MAIN),
            ("etc/trunks.d/a.toml", "[[trunk]\n"),
            ("etc/trunks.d/b.toml", "[sip]\nt9 = 1\n"),
        ]),
        [
            "etc/trunks.d/a.toml:1:9: TOML: unclosed array table; expected `]`",
            "etc/trunks.d/b.toml:2:1: sip: unknown key \"t9\"; did you mean \"t1\"?",
        ]
    );
}

#[test]
fn files_that_cannot_be_read_are_told() {
    assert_eq!(
        said(&[]),
        ["etc/t.toml:1:1: cannot be read: No such file or directory"]
    );
    let mut files = Memory::default();
    files
        .files
        .insert("etc/t.toml".into(), b"[sip]\nt1 = \"caf\xe9\"\n".to_vec());
    let told = loaded(&mut files).unwrap_err();
    assert_eq!(
        told,
        ["etc/t.toml:2:10: is not UTF-8 from here on; expected a text file in UTF-8"]
    );
    files
        .files
        .insert("etc/t.toml".into(), vec![b'#'; 5 * 1024 * 1024]);
    let told = loaded(&mut files).unwrap_err();
    assert_eq!(
        told,
        ["etc/t.toml:1:1: is 5242880 bytes long; expected at most 4194304"]
    );
    files
        .files
        .insert("etc/t.toml".into(), b"\xff\xfe[\0s\0".to_vec());
    let told = loaded(&mut files).unwrap_err();
    assert_eq!(
        told,
        ["etc/t.toml:1:1: is not UTF-8 from here on; expected a text file in UTF-8"]
    );
}

#[test]
fn paths_start_at_the_file_they_are_written_in() {
    let carrier = format!("{CARRIER}deck = \"../decks/a.csv\"\n");
    let main = format!("{MAIN}[node]\ndata_dir = \"data\"\n[records]\npath = \"/srv/records.db\"\n");
    let config = loaded(&mut Memory::with(&[
        ("etc/t.toml", &main),
        ("etc/trunks.d/a.toml", &carrier),
    ]))
    .unwrap();
    assert_eq!(
        config.trunks[0].deck.as_deref(),
        Some(Path::new("etc/trunks.d/../decks/a.csv"))
    );
    assert_eq!(config.node.data_dir, Path::new("etc/data"));
    assert_eq!(config.records.path.as_deref(), Some(Path::new("/srv/records.db")));
}

fn with_password(password: &str) -> String {
    format!("{GOOD}auth = {{ username = \"u\", password = {password} }}\n")
}

#[test]
fn a_secret_may_stand_in_a_file_or_in_the_environment() {
    let secret = |files: &mut Memory| {
        loaded(files).unwrap().trunks[1]
            .auth
            .as_ref()
            .unwrap()
            .password
            .expose()
            .to_owned()
    };
    let text = with_password("{ file = \"a.secret\" }");
    let mut files = Memory::with(&[("etc/t.toml", &text), ("etc/a.secret", "hunter2\n")]);
    assert_eq!(secret(&mut files), "hunter2");
    let text = with_password("{ env = \"A_SECRET\" }");
    let mut files = Memory::with(&[("etc/t.toml", &text)]);
    files.env.insert("A_SECRET".to_owned(), "hunter3".to_owned());
    assert_eq!(secret(&mut files), "hunter3");
}

#[test]
fn a_secret_that_is_not_to_be_had_is_told_and_never_shown() {
    const WAYS: &str = "expected \"text\", { file = \"path\" } or { env = \"NAME\" }";
    for (password, wrong) in [
        (
            "{ file = \"b\" }",
            "the file etc/b cannot be read: No such file or directory",
        ),
        (
            "{ file = \"empty\" }",
            "the secret is empty, too long or not one line",
        ),
        (
            "{ file = \"lines\" }",
            "the secret is empty, too long or not one line",
        ),
        ("{ env = \"B\" }", "the environment variable B is not set"),
        (
            "{ env = \"B\", file = \"b\" }",
            "is not one of the three ways to give a secret",
        ),
        (
            "{ text = \"hunter2\" }",
            "is not one of the three ways to give a secret",
        ),
        ("{ file = 7 }", "is not one of the three ways to give a secret"),
        ("12345", "is an integer"),
        ("[\"hunter2\"]", "is an array"),
        ("\"\"", "the secret is empty, too long or not one line"),
        ("\"hunter2\\n\"", "the secret is empty, too long or not one line"),
    ] {
        let text = with_password(password);
        let files = [
            ("etc/t.toml", text.as_str()),
            ("etc/empty", "\n"),
            ("etc/lines", "hunter2\nhunter3\n"),
        ];
        let expected = format!("etc/t.toml:17:37: trunk.carrier-a.auth.password: {wrong}; {WAYS}");
        assert_eq!(said(&files), [expected], "{password}");
    }
}

#[test]
fn a_single_document_has_no_files() {
    for lines in [
        format!("include = [\"a.toml\"]\n{GOOD}"),
        with_password("{ file = \"a\" }"),
    ] {
        let report = config::parse(&lines, "t").unwrap_err().to_string();
        assert!(
            report.contains("this document has no files beside it"),
            "{report}"
        );
    }
}

#[test]
fn wildcards_match_as_a_shell_does() {
    for (pattern, name, fits) in [
        ("*.toml", "a.toml", true),
        ("*.toml", ".a.toml", false),
        (".*.toml", ".a.toml", true),
        ("*.toml", "d/a.toml", false),
        ("d/*.toml", "d/a.toml", true),
        ("d/*.toml", "d/e/a.toml", false),
        ("*/*.toml", "d/a.toml", true),
        ("a?.toml", "ab.toml", true),
        ("a?.toml", "a.toml", false),
        ("a?b", "a/b", false),
        ("a[0-9].toml", "a7.toml", true),
        ("a[0-9].toml", "ax.toml", false),
        ("a[xyz]*", "ay-and-more", true),
        ("*a*b*c", "xxaxxbxxc", true),
        ("*a*b*c", "xxaxxbxx", false),
        ("plain.toml", "plain.toml", true),
        ("plain.toml", "plain.tom", false),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("[", "[", false),
    ] {
        assert_eq!(config::wildcard(pattern, name), fits, "{pattern} {name}");
    }
}
