//! What can still be told of a file that is refused: where the switch is asked, and where its records are.

mod common;

use common::{GOOD, Memory};
use config::Said::{Is, Perhaps, Unclear};
use config::{Glance, glance, load};
use std::net::SocketAddr;
use std::path::Path;

const USUAL: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
const USUAL_RECORDS: &str = "/var/lib/tandem/records.db";

fn glanced(text: &str) -> Glance {
    let files = &[("etc/t.toml", text)];
    glance(Path::new("etc/t.toml"), &mut Memory::with(files))
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// What is said of a file that says neither.
fn usual() -> Glance {
    Glance {
        api_bind: Perhaps(SocketAddr::from(USUAL)),
        records: Perhaps(USUAL_RECORDS.into()),
    }
}

#[test]
fn of_a_good_file_it_says_what_loading_says() {
    let text = format!("{GOOD}\n[node]\ndata_dir = \"data\"\n[api]\nbind = \"127.0.0.1:9\"\n");
    let files = &[("etc/t.toml", text.as_str())];
    let config = load(Path::new("etc/t.toml"), &mut Memory::with(files)).expect("a good file");
    let Glance { api_bind, records } = glanced(&text);
    assert_eq!(api_bind, Is(config.api.bind));
    assert_eq!(records, Is("etc/data/records.db".into()));
    assert_eq!(glanced(GOOD), usual());
}

#[test]
fn faults_elsewhere_do_not_matter() {
    let told = "[api]\nbind = \"127.0.0.1:9\"\n[records]\npath = \"r.db\"\n";
    let wrong = [
        "[sip]\nmax_cals = 7\n",
        "[media]\nports = \"20000-10000\"\n",
        "[[listen]]\nbind = \"127.0.0.1:70000\"\n",
        "[records]\nstore_deadline = \"soon\"\n",
        "[[trunk]]\nname = \"a\"\n[[trunk]]\nname = \"a\"\n",
        "[sip\nt1 = \"1s\"\n",
        "[sip]\nt1 = \"1s\"\nt1 = \"2s\"\n",
        "[[trunk]]\nname = \"cut o",
        "",
    ];
    for text in wrong {
        let text = match text.strip_prefix("[records]\n") {
            Some(rest) => format!("{told}{rest}"),
            None => format!("{told}{text}"),
        };
        let Glance { api_bind, records } = glanced(&text);
        assert_eq!(api_bind, Is(at(9)), "{text}");
        assert_eq!(records, Is("etc/r.db".into()), "{text}");
    }
}

#[test]
fn what_is_not_written_may_be_the_default() {
    for text in [
        "",
        "[sip]\nmax_cals = 7\n",
        "[sip\nt1 = \"1s\"\n",
        "[[trunk]]\nname = \"cut o",
        "\u{1}",
        "include = [\"api.toml\"]\n",
    ] {
        assert_eq!(glanced(text), usual(), "{text}");
    }
    let gone = glance(Path::new("etc/t.toml"), &mut Memory::with(&[]));
    assert_eq!(gone, usual());
}

#[test]
fn what_is_wrong_itself_is_not_guessed() {
    for api in [
        "api = 5\n",
        "[[api]]\nbind = \"127.0.0.1:9\"\n",
        "[api]\nbind = \"127.0.0.1:70000\"\n",
        "[api]\nbind = 9\n",
        "[api]\nbnd = \"127.0.0.1:9\"\n",
    ] {
        assert_eq!(glanced(api).api_bind, Unclear, "{api}");
    }
    for records in [
        "[records]\npath = \"\"\n",
        "[records]\nfile = \"r.db\"\n",
        "[node]\ndata_dir = 7\n",
        "[node]\ndatadir = \"data\"\n",
    ] {
        assert_eq!(glanced(records).records, Unclear, "{records}");
    }
}

#[test]
fn includes_are_read_too() {
    let main = "include = [\"a.toml\", \"b.toml\"]\n[sip]\nmax_cals = 7\n";
    let files = [
        ("etc/t.toml", main),
        ("etc/a.toml", "[api]\nbind = \"127.0.0.1:9\"\n"),
        ("etc/b.toml", "[api]\nbind = \"127.0.0.1:10\"\n"),
    ];
    let seen = |files: &[(&str, &str)]| glance(Path::new("etc/t.toml"), &mut Memory::with(files)).api_bind;
    // One is missing: the other counts.
    assert_eq!(seen(&files[..2]), Is(at(9)));
    // Twice, with different values: neither.
    assert_eq!(seen(&files), Unclear);
}
