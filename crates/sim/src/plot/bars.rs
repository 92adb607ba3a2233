//! What part of the oracle's gain each way of picking makes.

use super::svg::{Anchor, COLOURS, Svg};
use crate::measure::Interval;
use crate::report::Who;

/// Height of the chart.
pub(super) const HEIGHT: f64 = 340.0;

const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;
const PLOT: f64 = 210.0;

/// Lowest part that has room; what is less is cut off.
const LOWEST: f64 = -0.25;

/// What was aimed at.
const AIMS: [(f64, &str); 2] = [(0.88, "88 %"), (0.93, "93 %")];

/// A scenario with the part of the oracle's gain that each of [`Who::MEASURED`] makes.
#[derive(Debug, Clone)]
pub struct Bar<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// In the order of [`Who::MEASURED`].
    pub parts: [Interval; Who::MEASURED.len()],
}

fn y(top: f64, part: f64) -> f64 {
    let part = part.clamp(LOWEST, 1.0);
    top + TOP + PLOT * (1.0 - part) / (1.0 - LOWEST)
}

pub(super) fn draw(svg: &mut Svg, top: f64, bars: &[Bar<'_>], seeds: &str) {
    let head =
        format!("Part of the oracle's gain over plain least cost, seeds {seeds} (lines: 95 % intervals)");
    svg.text((20.0, top + 24.0), "head", Anchor::Start, &head);
    for (index, who) in Who::MEASURED.into_iter().enumerate() {
        let x = LEFT + 180.0 * index as f64;
        svg.filled(colour(index), (x, top + 38.0), (12.0, 12.0));
        svg.text((x + 17.0, top + 48.0), "small", Anchor::Start, who.name());
    }
    let width = super::WIDTH - LEFT - RIGHT;
    for part in [-0.25, 0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = y(top, part);
        let class = if part == 0.0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, at), (LEFT + width, at));
        svg.text(
            (LEFT - 8.0, at + 4.0),
            "small",
            Anchor::End,
            &format!("{:.0} %", part * 100.0),
        );
    }
    for (aim, _) in AIMS {
        svg.line("edge", (LEFT, y(top, aim)), (LEFT + width, y(top, aim)));
    }
    svg.line("axis", (LEFT, y(top, 1.0)), (LEFT, y(top, LOWEST)));
    let slot = width / bars.len().max(1) as f64;
    for (index, bar) in bars.iter().enumerate() {
        let x = LEFT + slot * index as f64;
        one(svg, top, (x, slot), bar);
        let class = if bar.name == "all" { "head" } else { "" };
        svg.text(
            (x + slot / 2.0, y(top, LOWEST) + 18.0),
            class,
            Anchor::Middle,
            bar.name,
        );
    }
    let aims = AIMS.map(|(_, text)| text).join(" and ");
    svg.text(
        (LEFT, y(top, LOWEST) + 38.0),
        "small",
        Anchor::Start,
        &format!("dashed: at least, and aimed at: {aims}"),
    );
}

fn one(svg: &mut Svg, top: f64, (x, slot): (f64, f64), bar: &Bar<'_>) {
    let width = slot * 0.36;
    for (index, part) in bar.parts.iter().enumerate() {
        let x = x + slot * 0.12 + index as f64 * (width + slot * 0.04);
        let (from, to) = (y(top, 0.0), y(top, part.mean));
        svg.filled(
            colour(index),
            (x, from.min(to)),
            (width, (from - to).abs().max(0.5)),
        );
        let middle = x + width / 2.0;
        if part.half.is_finite() {
            let (low, high) = (y(top, part.mean - part.half), y(top, part.mean + part.half));
            svg.line("error", (middle, low), (middle, high));
            for at in [low, high] {
                svg.line("error", (middle - 4.0, at), (middle + 4.0, at));
            }
        }
        let above = y(
            top,
            part.mean.max(0.0) + if part.half.is_finite() { part.half } else { 0.0 },
        );
        let text = format!("{:.0}", part.mean * 100.0);
        svg.text((middle, above - 4.0), "small", Anchor::Middle, &text);
    }
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}
