//! SVG, by hand: text, lines, boxes and shapes, in colours that can be told apart on light and dark ground.

use std::fmt::Write;

/// Colours by Okabe and Ito, which the colour-blind tell apart, in the order in which they are used; the last is for all others.
pub(super) const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#9a9a9a",
];

const STYLE: &str = "<style>\n\
    text { font: 12px system-ui, sans-serif; fill: #24292f; }\n\
    .head { font-weight: 600; font-size: 14px; }\n\
    .small { font-size: 11px; fill: #57606a; }\n\
    .axis { stroke: #57606a; stroke-width: 1; fill: none; }\n\
    .grid { stroke: #d0d7de; stroke-width: 0.5; fill: none; }\n\
    .error { stroke: #24292f; stroke-width: 1.5; fill: none; }\n\
    .bad { fill: #24292f; fill-opacity: 0.14; }\n\
    .edge { stroke: #24292f; stroke-width: 1; stroke-dasharray: 3 2; fill: none; }\n\
    @media (prefers-color-scheme: dark) {\n\
    text { fill: #e6edf3; } .small { fill: #9198a1; } .axis { stroke: #9198a1; } .grid { stroke: #3d444d; }\n\
    .error { stroke: #e6edf3; } .bad { fill: #e6edf3; } .edge { stroke: #e6edf3; }\n\
    }\n</style>\n";

/// A picture in the making.
pub(super) struct Svg(String);

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n"
        );
        text.push_str(STYLE);
        Self(text)
    }

    /// Without a frame: a part of another.
    pub(super) fn part() -> Self {
        Self(String::new())
    }

    pub(super) fn put(&mut self, part: &Self) {
        self.0.push_str(&part.0);
    }

    pub(super) fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    pub(super) fn line(&mut self, class: &str, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
        let _ = writeln!(
            self.0,
            "<path class=\"{class}\" d=\"M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}\"/>"
        );
    }

    pub(super) fn filled(&mut self, colour: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        );
    }

    pub(super) fn shaded(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>"
        );
    }

    pub(super) fn shape(&mut self, colour: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.0,
            "<polygon fill=\"{colour}\" points=\"{}\"/>",
            points.join(" ")
        );
    }
}
