//! Causes that are in both lists, and number rules: what they name, and what fits the same numbers.

use super::refer;
use crate::document::Cx;
use crate::model::{Advance, Backup, Config, NumberRule, Role, Stop, Trunk};
use crate::report::{Fault, quote};
use std::sync::Arc;

/// Backups in one list: each is a hunt of its own, and the caller waits for all of them.
const MOST_BACKUPS: usize = 8;

/// The entry of `advance` as one of `stop`.
fn as_stop(entry: Advance) -> Option<Stop> {
    match entry {
        Advance::Status(status) => Some(Stop::Status(status)),
        Advance::Q850(cause) => Some(Stop::Q850(cause)),
        Advance::Timeout => None,
    }
}

fn name(entry: Stop) -> String {
    match entry {
        Stop::Status(status) => status.to_string(),
        Stop::Q850(cause) => quote(&format!("q850:{cause}")),
    }
}

/// A cause advances or stops, not both. Where one of the lists is written, the other's defaults give way to it.
pub(super) fn failover(trunk: &mut Arc<Trunk>, path: &str, cx: &mut Cx<'_>) {
    let written = |key: &str| cx.is_written(&format!("{path}.failover.{key}"));
    let (advance, stop) = (written("advance"), written("stop"));
    let listed = &trunk.failover;
    let entries = listed.advance.iter().enumerate();
    let both: Vec<(usize, Stop)> = entries
        .filter_map(|(index, entry)| Some((index, as_stop(*entry)?)))
        .filter(|(_, entry)| listed.stop.contains(entry))
        .collect();
    if both.is_empty() {
        return;
    }
    let twice = |entry: &Stop| both.iter().any(|(_, other)| other == entry);
    match (advance, stop) {
        (true, true) => {
            for (index, entry) in &both {
                let at = format!("{path}.failover.advance[{index}]");
                let fault = Fault::new(format!("{} is in `stop` too", name(*entry)));
                let expected = "each status and cause in one of the two lists";
                cx.refuse(cx.place(&at), &at, fault.expected(expected));
            }
        }
        (true, false) => Arc::make_mut(trunk).failover.stop.retain(|entry| !twice(entry)),
        (false, _) => Arc::make_mut(trunk)
            .failover
            .advance
            .retain(|entry| as_stop(*entry).is_none_or(|entry| !twice(&entry))),
    }
}

/// Each pattern once, and whom the rules name.
pub(super) fn numbers(config: &Config, cx: &mut Cx<'_>) {
    for (at, rule) in config.numbers.iter().enumerate() {
        let path = cx.entry("number", at);
        twin(config, (at, rule), &path, cx);
        let place = |key: &str, index: usize, cx: &Cx<'_>| {
            let entry = format!("{path}.{key}[{index}]");
            if cx.is_written(&entry) {
                entry
            } else {
                format!("{path}.{key}")
            }
        };
        let to = rule.to.iter().enumerate();
        let named: Vec<(String, &str)> = to
            .map(|(index, name)| (place("to", index, cx), name.as_str()))
            .collect();
        refer(named.into_iter(), "trunk", cx);
        for (key, backups) in lists(rule) {
            let trunks = backups.iter().enumerate();
            let named: Vec<(String, &str)> = trunks
                .filter_map(|(index, backup)| Some((place(key, index, cx), backup.trunk.as_deref()?)))
                .collect();
            refer(named.into_iter(), "trunk", cx);
            if backups.len() > MOST_BACKUPS {
                let at = format!("{path}.{key}");
                let fault = Fault::new(format!("{} backups are too many", backups.len()));
                let expected = format!("{MOST_BACKUPS} at most: the caller waits for each");
                cx.refuse(cx.place(&at), &at, fault.expected(expected));
            }
            let nobodys = backups.iter().position(|backup| backup.trunk.is_none());
            if let (Some(index), false) = (nobodys, has_customer(config, rule)) {
                let at = place(key, index, cx);
                let fault = Fault::new("no customer in `to` whose call this could be");
                let expected = "the trunk as well: { trunk = \"…\", number = \"…\" }";
                cx.refuse(cx.place(&at), &at, fault.expected(expected));
            }
        }
    }
}

fn lists(rule: &NumberRule) -> [(&'static str, &[Backup]); 4] {
    [
        ("on_busy", &rule.on_busy),
        ("on_no_answer", &rule.on_no_answer),
        ("on_failure", &rule.on_failure),
        ("on_unregistered", &rule.on_unregistered),
    ]
}

/// Whether one of the rule's trunks can call out. What it names and is not there is no matter of this.
fn has_customer(config: &Config, rule: &NumberRule) -> bool {
    let is_carrier = |name: &String| {
        config
            .trunk(name)
            .is_some_and(|trunk| trunk.role == Role::Carrier)
    };
    !rule.to.iter().all(is_carrier)
}

fn twin(config: &Config, (at, rule): (usize, &NumberRule), path: &str, cx: &mut Cx<'_>) {
    let same = |other: &NumberRule| {
        let (a, b) = (&other.pattern, &rule.pattern);
        a.digits == b.digits && a.prefix == b.prefix && a.text != b.text
    };
    if let Some(first) = config.numbers.iter().take(at).position(same) {
        let first = cx.name_of(cx.place(&cx.entry("number", first)));
        let wrong = format!("fits the same numbers as the rule at {first}");
        let key = format!("{path}.match");
        cx.refuse(
            cx.place(&key),
            &key,
            Fault::new(wrong).expected("each pattern once"),
        );
    }
}
