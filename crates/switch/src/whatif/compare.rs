//! What may differ between a configuration in force and one that is tried out beside it.

use config::{Change, Config, Role};

use super::Trying;

/// Tables of the configuration that are about routing alone.
const TABLES: [&str; 4] = ["class", "number", "routing", "billing"];

/// What says nothing by itself: trunks show what follows of it.
const SILENT: [&str; 2] = ["include", "profile"];

/// Keys of trunks that are about routing alone.
const KEYS: [&str; 14] = [
    "caller_id",
    "class",
    "deck",
    "deck_format",
    "failover",
    "jurisdictions",
    "priority",
    "profile",
    "rates",
    "redirects",
    "region",
    "sell_deck",
    "sell_rates",
    "unpriced",
];

/// The first name of a path, and what is behind it. Names of trunks have no dots.
fn split(path: &str) -> (&str, &str) {
    path.split_once('.').unwrap_or((path, ""))
}

/// Whether this much may differ. A shadow calls nobody: it may have carriers that are not in force, and lack some that are.
fn may_differ(change: &Change, way: Trying, configs: [&Config; 2]) -> bool {
    let (table, rest) = split(&change.path);
    // Accounts and records are in it.
    if change.path == "billing.currency" {
        return false;
    }
    if table != "trunk" {
        let first = table.split('[').next().unwrap_or(table);
        return TABLES.contains(&first) || SILENT.contains(&first);
    }
    let (name, key) = split(rest);
    if key.is_empty() {
        let mut trunks = configs.into_iter().filter_map(|config| config.trunk(name));
        return way == Trying::Shadow && trunks.all(|trunk| trunk.role == Role::Carrier);
    }
    let first = split(key).0;
    KEYS.contains(&first.split('[').next().unwrap_or(first))
}

/// What differs between the configuration in force and another that may not while that is tried out: a line each, with the key.
#[must_use]
pub fn differs(way: Trying, in_force: &Config, other: &Config) -> Vec<String> {
    let changes = in_force.diff(other);
    let kept = changes
        .iter()
        .filter(|change| !may_differ(change, way, [in_force, other]));
    let mut lines: Vec<String> = kept
        .map(|change| format!("{change}: {}", hint(change, way)))
        .collect();
    let names =
        |config: &Config| -> Vec<String> { config.trunks.iter().map(|trunk| trunk.name.clone()).collect() };
    if way == Trying::Canary && lines.is_empty() && names(in_force) != names(other) {
        lines.push(
            "trunk: they stand in another order; leave them in the order of the configuration in force"
                .to_owned(),
        );
    }
    lines
}

fn hint(change: &Change, way: Trying) -> &'static str {
    let is_trunk = change.path.starts_with("trunk.") && !split(&change.path).1.contains('.');
    match way {
        Trying::Canary if is_trunk => {
            "a canary has the trunks that are in force: put it in force first, and let its classes exclude it"
        }
        Trying::Shadow if is_trunk => "a shadow has the customers that are in force",
        Trying::Canary | Trying::Shadow => "only routing may differ while a configuration is tried out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\n\
                        [[trunk]]\nname = \"a\"\nrole = \"carrier\"\ntargets = [{ uri = \"sip:192.0.2.1\" }]\n";

    fn read(text: &str) -> Config {
        config::parse(text, "test.toml").unwrap()
    }

    #[test]
    fn only_routing_may_differ() {
        let b = "[[trunk]]\nname = \"b\"\nrole = \"carrier\"\ntargets = [{ uri = \"sip:192.0.2.2\" }]\n";
        let in_force = read(BASE);
        for (other, shadow, canary) in [
            (BASE.to_owned(), None, None),
            (format!("{BASE}priority = 7\n"), None, None),
            (format!("{BASE}failover = {{ attempts = 1 }}\n"), None, None),
            (format!("{BASE}[[class]]\nname = \"x\"\n"), None, None),
            (
                format!("{BASE}[[number]]\nmatch = \"100\"\nto = \"a\"\n"),
                None,
                None,
            ),
            (format!("{BASE}[routing]\nlearn = false\n"), None, None),
            (format!("{BASE}{b}"), None, Some("trunk.b")),
            (
                format!("{BASE}max_calls = 3\n"),
                Some("trunk.a.max_calls"),
                Some("trunk.a.max_calls"),
            ),
            (
                format!("{BASE}sources = [\"192.0.2.9\"]\n"),
                Some("trunk.a.sources"),
                Some("trunk.a.sources"),
            ),
            (
                BASE.replace("127.0.0.10", "127.0.0.11"),
                Some("trunk.pbx.sources"),
                Some("trunk.pbx.sources"),
            ),
            (
                BASE.replace("192.0.2.1", "192.0.2.7"),
                Some("trunk.a.targets"),
                Some("trunk.a.targets"),
            ),
            (BASE.replace("5060", "5070"), Some("listen"), Some("listen")),
            (
                format!("{BASE}[sip]\nt1 = \"100ms\"\n"),
                Some("sip.t1"),
                Some("sip.t1"),
            ),
            (
                format!("{BASE}[media]\nbind = \"127.0.0.3\"\n"),
                Some("media.bind"),
                Some("media.bind"),
            ),
            (
                format!("{BASE}[billing]\ncurrency = \"EUR\"\n"),
                Some("billing.currency"),
                Some("billing.currency"),
            ),
        ] {
            for (way, expected) in [(Trying::Shadow, shadow), (Trying::Canary, canary)] {
                let lines = differs(way, &in_force, &read(&other));
                match expected {
                    None => assert!(lines.is_empty(), "{way:?} {lines:?}\n{other}"),
                    Some(key) => assert!(
                        lines.iter().any(|line| line.starts_with(key)),
                        "{way:?} {lines:?}\n{other}"
                    ),
                }
            }
        }
    }

    #[test]
    fn a_canary_keeps_the_order_of_trunks() {
        let (listen, trunks) = BASE.split_once("[[trunk]]").unwrap();
        let (pbx, a) = trunks.split_once("[[trunk]]").unwrap();
        let turned = read(&format!("{listen}[[trunk]]{a}[[trunk]]{pbx}"));
        assert!(differs(Trying::Shadow, &read(BASE), &turned).is_empty());
        assert_eq!(differs(Trying::Canary, &read(BASE), &turned).len(), 1);
    }
}
