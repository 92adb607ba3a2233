//! A replay's report, in words.

use std::fmt::Write;

use route::replay::{Report, Sums, Weighed};

use crate::command::show;

/// All of it.
pub(super) fn of(report: &Report) -> String {
    let mut out = format!("{} calls planned again\n", report.calls);
    for (why, many) in report.left_out.iter() {
        let _ = writeln!(out, "left out: {many} that {}", why.words());
    }
    if report.calls == 0 {
        return out;
    }
    sums(&mut out, report);
    doubts(&mut out, report);
    shares(&mut out, report);
    changes(&mut out, report);
    out
}

fn sums(out: &mut String, report: &Report) {
    let Report {
        recorded,
        before,
        after,
        ..
    } = report;
    let _ = writeln!(
        out,
        "\n{:<10} {:>14} {:>14} {:>14} {:>14}",
        "", "recorded", "before", "after", "change"
    );
    let mut row = |name: &str, decimals: usize, value: fn(&Sums) -> f64| {
        let [was, old, new] = [recorded, before, after].map(value);
        let change = new - old;
        let _ = writeln!(
            out,
            "{name:<10} {was:>14.decimals$} {old:>14.decimals$} {new:>14.decimals$} {change:>+14.decimals$}"
        );
    };
    row("answered", 1, |sums| sums.answered);
    row("ASR %", 2, |sums| sums.asr * 100.0);
    row("cost", 4, |sums| sums.cost);
    row("price", 4, |sums| sums.price);
    row("margin", 4, |sums| sums.margin);
    if recorded.mos.is_some() {
        row("MOS", 2, |sums| sums.mos.unwrap_or_default());
    }
    let _ = writeln!(
        out,
        "amounts in {}; recorded is what came of them, before and after what is expected of both orders by the records' own figures",
        show::word(&report.currency)
    );
}

fn doubts(out: &mut String, report: &Report) {
    if report.refused > 0 {
        let _ = writeln!(
            out,
            "{} calls would be refused: no carrier, or not sold",
            report.refused
        );
    }
    if report.unknown.calls > 0 {
        let _ = writeln!(
            out,
            "{} calls may go to a carrier of which the records know nothing in that country (first for {}): it counts as all do together",
            report.unknown.calls, report.unknown.first
        );
    }
    if report.unpriced > 0 {
        let _ = writeln!(
            out,
            "{} calls have a carrier without prices: amounts lack what it gets",
            report.unpriced
        );
    }
    let Some(Weighed {
        calls,
        worth,
        asr,
        cost,
    }) = report.weighed
    else {
        return;
    };
    let _ = write!(
        out,
        "weighed by the learner's own chances, {calls} calls (worth {worth:.0}) say: ASR {:.2} % ({:.2} to {:.2})",
        asr.mean * 100.0,
        asr.low * 100.0,
        asr.high * 100.0
    );
    if let Some(cost) = cost {
        let _ = write!(
            out,
            ", cost of a call {:.6} ({:.6} to {:.6})",
            cost.mean, cost.low, cost.high
        );
    }
    out.push('\n');
}

fn shares(out: &mut String, report: &Report) {
    let _ = writeln!(
        out,
        "\n{:<24} {:>17} {:>21} {:>25}",
        "trunk", "first %", "answered", "cost"
    );
    for of in &report.shares {
        let [
            [first, first_after],
            [answered, answered_after],
            [cost, cost_after],
        ] = [of.first.map(|part| part * 100.0), of.answered, of.cost];
        let _ = writeln!(
            out,
            "{:<24} {first:>6.1} -> {first_after:>6.1}  {answered:>8.1} -> {answered_after:>8.1}  {cost:>10.4} -> {cost_after:>10.4}",
            show::word(&of.trunk)
        );
    }
}

fn changes(out: &mut String, report: &Report) {
    let nobody = "nobody".to_owned();
    let name = |trunk: &Option<String>| show::word(trunk.as_ref().unwrap_or(&nobody));
    if report.moved > 0 {
        let _ = writeln!(
            out,
            "\n{} calls have another first trunk, most of them:",
            report.moved
        );
    }
    for of in &report.moves {
        let _ = writeln!(
            out,
            "{:>8} {} -> {} (such as {})",
            of.calls,
            name(&of.from),
            name(&of.to),
            show::word(&of.example)
        );
    }
    if !report.changes.is_empty() {
        let _ = writeln!(out, "\ncalls whose cost changes most:");
    }
    for of in &report.changes {
        let ([first, first_after], [cost, cost_after]) = (&of.first, of.cost);
        let _ = writeln!(
            out,
            "{} to {}: {} -> {}, {cost:.6} -> {cost_after:.6}",
            show::word(&of.id),
            show::word(&of.called),
            name(first),
            name(first_after)
        );
    }
}
