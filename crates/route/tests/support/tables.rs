//! Tables from a few lines of TOML, as an operator writes them.
#![allow(dead_code, reason = "each test file takes what it needs")]

use config::Config;
use route::deck::parse_csv;
use route::{Tables, TrunkIx};

/// A config of these trunks, classes and numbers, with a listener.
pub(crate) fn config(text: &str) -> Config {
    let text = format!("{text}\n[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n");
    match config::parse(&text, "test.toml") {
        Ok(config) => config,
        Err(report) => panic!("{report}\n{text}"),
    }
}

/// Tables of a config without decks.
pub(crate) fn tables(text: &str) -> Tables {
    priced(text, &[])
}

/// Tables with decks, given as (trunk, CSV below its header line).
pub(crate) fn priced(text: &str, decks: &[(&str, &str)]) -> Tables {
    let decks = decks
        .iter()
        .map(|(trunk, rows)| {
            let csv = format!(
                "prefix,rate,first_interval,increment,fee,effective_from,effective_to,blocked\n{rows}\n"
            );
            ((*trunk).to_owned(), parse_csv(&csv).unwrap())
        })
        .collect();
    Tables::build(&config(text), decks).unwrap()
}

/// The index of a trunk.
pub(crate) fn ix(tables: &Tables, name: &str) -> TrunkIx {
    tables.trunk_named(name).unwrap()
}

/// A customer `pbx` at 127.0.0.10, with more keys.
pub(crate) fn pbx(keys: &str) -> String {
    format!("[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\n{keys}\n")
}

/// A carrier with one target, with more keys.
pub(crate) fn carrier(name: &str, keys: &str) -> String {
    let target = format!("{{ uri = \"sip:{name}.example.com\" }}");
    format!("[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\ntargets = [{target}]\n{keys}\n")
}

/// A number rule.
pub(crate) fn number(pattern: &str, to: &[&str]) -> String {
    format!("[[number]]\nmatch = \"{pattern}\"\nto = {to:?}\n")
}
