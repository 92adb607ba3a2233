//! `tandem route shadow`, `canary` and `promote`: another configuration, tried out beside the one in force.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::Client;
use super::show;
use crate::cli::{CanaryArgs, ShadowArgs, Which};

const SHADOW: &str = "/v1/routes/shadow";
const CANARY: &str = "/v1/routes/canary";

/// Begins, shows or ends a shadow.
pub(super) fn shadow(client: &Client, args: &ShadowArgs, json: bool) -> Result<()> {
    if args.off {
        return client.delete(SHADOW);
    }
    if let Some(file) = &args.file {
        let wish = json!({ "config": whole(file)? });
        return begun(&client.post_json(SHADOW, &wish)?, json);
    }
    let view = client.get(SHADOW)?;
    if json {
        return show::value(&view);
    }
    show::text(&tally(&view))
}

/// Begins, shows or ends a canary.
pub(super) fn canary(client: &Client, args: &CanaryArgs, json: bool) -> Result<()> {
    if args.off {
        return client.delete(CANARY);
    }
    if let Some(file) = &args.file {
        let wish = json!({ "config": whole(file)?, "percent": args.share });
        return begun(&client.post_json(CANARY, &wish)?, json);
    }
    let view = client.get(CANARY)?;
    if json {
        return show::value(&view);
    }
    show::text(&arms(&view))
}

/// Puts what is tried out in force.
pub(super) fn promote(client: &Client, which: Option<Which>, json: bool) -> Result<()> {
    let query = match which {
        None => "",
        Some(Which::Shadow) => "?which=shadow",
        Some(Which::Canary) => "?which=canary",
    };
    let promotion = client.post(&format!("/v1/routes/promote{query}"))?;
    if json {
        return show::value(&promotion);
    }
    list(&promotion, "changes", "")?;
    list(&promotion, "needs_restart", "needs a restart: ")?;
    let text = |key: &str| promotion.get(key).and_then(Value::as_str).map(show::word);
    let config = text("config").unwrap_or_default();
    let next = match text("reload_reads") {
        Some(file) => format!("the next reload or start reads {file}: replace it by {config} to keep this"),
        None => format!(
            "the next reload or start goes by the defaults: start with --config {config} to keep this"
        ),
    };
    show::text(&format!("{config} is in force; {next}\n"))
}

/// The path as the switch finds it, wherever that was started.
fn whole(file: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(file).with_context(|| format!("the path {}", file.display()))
}

fn begun(report: &Value, json: bool) -> Result<()> {
    if json {
        return show::value(report);
    }
    list(report, "warnings", "warning: ")?;
    list(report, "changes", "")
}

fn list(of: &Value, key: &str, before: &str) -> Result<()> {
    let lines = of.get(key).and_then(Value::as_array);
    for line in lines.into_iter().flatten().filter_map(Value::as_str) {
        show::text(&format!("{before}{}\n", show::word(line)))?;
    }
    Ok(())
}

fn text(of: &Value, key: &str) -> String {
    show::word(of.get(key).and_then(Value::as_str).unwrap_or_default())
}

fn number(of: Option<&Value>) -> f64 {
    of.and_then(Value::as_f64).unwrap_or_default()
}

/// The two of a pair: by the configuration in force, by the other.
fn pair(of: &Value, key: &str) -> [f64; 2] {
    let pair = of.get(key);
    [0, 1].map(|side| number(pair.and_then(|pair| pair.get(side))))
}

/// What a shadow has shown, in lines.
fn tally(view: &Value) -> String {
    let count = |key: &str| number(view.get(key));
    let calls = count("calls");
    let [unrouted, unrouted_by_it] = pair(view, "unrouted");
    let [cost, cost_by_it] = pair(view, "cost");
    let mut out = format!(
        "{} in shadow: {calls} calls planned by both\n",
        text(view, "config")
    );
    out.push_str(&format!("same first trunk: {}\n", count("same_first")));
    out.push_str(&format!(
        "nobody to ask: {unrouted} in force, {unrouted_by_it} in shadow\n"
    ));
    out.push_str(&format!(
        "three minutes at the first trunk, of {} calls with prices: {cost:.6} in force, {cost_by_it:.6} in shadow ({} cheaper, {} dearer)\n",
        count("priced"),
        count("cheaper"),
        count("dearer"),
    ));
    let shares = view.get("shares").and_then(Value::as_array);
    for share in shares.into_iter().flatten() {
        let [before, after] = pair(share, "share").map(|part| part * 100.0);
        out.push_str(&format!(
            "{:<24} first in {before:5.1} % in force, {after:5.1} % in shadow\n",
            text(share, "trunk")
        ));
    }
    out
}

/// The rows of a comparison: heading, key, factor and decimals.
const ROWS: [(&str, &str, f64, usize); 7] = [
    ("ASR %", "asr", 100.0, 1),
    ("NER %", "ner", 100.0, 1),
    ("cost per answered call", "cost", 1.0, 6),
    ("margin per answered call", "margin", 1.0, 6),
    ("post-dial delay s", "pdd", 1.0, 2),
    ("MOS", "mos", 1.0, 2),
    ("minutes per answered call", "minutes", 1.0, 2),
];

/// A figure with its interval; an end that is not there is not known.
fn figure(arm: Option<&Value>, key: &str, factor: f64, decimals: usize) -> String {
    let Some(bounds) = arm
        .and_then(|arm| arm.get(key))
        .filter(|bounds| !bounds.is_null())
    else {
        return "-".to_owned();
    };
    let of = |end: &str| {
        let value = bounds.get(end).and_then(Value::as_f64);
        value.map_or("?".to_owned(), |value| format!("{:.decimals$}", value * factor))
    };
    format!("{} ({} to {})", of("mean"), of("low"), of("high"))
}

/// Both configurations' calls, side by side.
fn arms(view: &Value) -> String {
    let share = number(view.get("share")) * 100.0;
    let (control, canary) = (view.get("control"), view.get("canary"));
    let mut out = format!(
        "{} gets {share} % of new calls; in brackets: 95 % intervals\n{:<26} {:<34} canary\n",
        text(view, "config"),
        "",
        "in force"
    );
    let calls = |arm: Option<&Value>| number(arm.and_then(|arm| arm.get("calls"))).to_string();
    out.push_str(&format!(
        "{:<26} {:<34} {}\n",
        "calls",
        calls(control),
        calls(canary)
    ));
    for (heading, key, factor, decimals) in ROWS {
        let [ours, its] = [control, canary].map(|arm| figure(arm, key, factor, decimals));
        out.push_str(&format!("{heading:<26} {ours:<34} {its}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_arms_stand_side_by_side() {
        let view = json!({
            "config": "/etc/tandem/new.toml", "share": 0.05, "since_ms": 0,
            "control": { "calls": 90, "asr": { "mean": 0.5, "low": 0.4, "high": 0.6 }, "mos": null },
            "canary": { "calls": 1, "asr": { "mean": 1.0, "low": null, "high": null } }
        });
        let said = arms(&view);
        assert!(said.contains("gets 5 % of new calls"), "{said}");
        assert!(said.contains("50.0 (40.0 to 60.0)"), "{said}");
        assert!(said.contains("100.0 (? to ?)"), "{said}");
        assert!(
            said.lines()
                .any(|line| line.starts_with("MOS") && line.ends_with('-')),
            "{said}"
        );
    }

    #[test]
    fn a_tally_names_both_sides() {
        let view = json!({
            "config": "/etc/tandem/new.toml", "since_ms": 0, "calls": 4, "same_first": 1, "unrouted": [0, 1],
            "priced": 3, "cost": [0.06, 0.03], "cheaper": 2, "dearer": 0,
            "shares": [{ "trunk": "a", "first": [4, 1], "share": [1.0, 0.25] }]
        });
        let said = tally(&view);
        assert!(
            said.contains("0.060000 in force, 0.030000 in shadow (2 cheaper, 0 dearer)"),
            "{said}"
        );
        assert!(said.contains("100.0 % in force,  25.0 % in shadow"), "{said}");
    }
}
