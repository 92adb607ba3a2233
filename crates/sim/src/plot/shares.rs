//! Who gets the calls to the busiest destination, over the day, under each way of picking.

use super::svg::{Anchor, COLOURS, Svg};
use crate::measure::Day;
use crate::world::{Episode, HOUR, MINUTE, Ms, World};

const LEFT: f64 = 150.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 78.0;
const PANEL: f64 = 92.0;
const GAP: f64 = 16.0;

/// Shares are taken over this long.
const STEP: Ms = 10 * MINUTE;

/// What was drawn, and how much room it took.
pub(super) struct Panel {
    pub(super) height: f64,
    pub(super) draw: Svg,
}

/// Carriers that have a colour of their own.
const COLOURED: usize = COLOURS.len() - 1;

struct Frame<'a> {
    world: &'a World,
    /// Carriers with a colour, by their part in all days together.
    carriers: Vec<u8>,
    width: f64,
}

impl Frame<'_> {
    fn x(&self, at: Ms) -> f64 {
        LEFT + self.width * at as f64 / self.world.length as f64
    }

    fn colour(&self, place: Option<usize>) -> &'static str {
        COLOURS[place.unwrap_or(COLOURED)]
    }
}

pub(super) fn panels(world: &World, days: &[(&str, Day)], scenario: &str, seed: u64) -> Panel {
    let frame = Frame {
        world,
        carriers: foremost(world, days),
        width: super::WIDTH - LEFT - RIGHT,
    };
    let mut svg = Svg::part();
    let to = &world.destinations[0];
    let head = format!(
        "Who gets the calls to {} (+{}), class {}: scenario \"{scenario}\", seed {seed}",
        to.name, to.prefix, world.classes[0].name
    );
    svg.text((20.0, 24.0), "head", Anchor::Start, &head);
    legend(&mut svg, &frame);
    for (index, (name, day)) in days.iter().enumerate() {
        let y = TOP + index as f64 * (PANEL + GAP);
        svg.text((LEFT - 44.0, y + PANEL / 2.0 + 4.0), "", Anchor::End, name);
        panel(&mut svg, &frame, day, y);
    }
    let bottom = TOP + days.len() as f64 * (PANEL + GAP) - GAP;
    for hour in (0..=world.length / HOUR).step_by(3) {
        let x = frame.x(hour * HOUR);
        svg.text((x, bottom + 16.0), "small", Anchor::Middle, &format!("{hour}:00"));
    }
    svg.text(
        (LEFT + frame.width / 2.0, bottom + 34.0),
        "small",
        Anchor::Middle,
        "time of day (UTC); shares over ten minutes; shaded: a carrier with a share is bad",
    );
    Panel {
        height: bottom + 52.0,
        draw: svg,
    }
}

/// Calls that are drawn.
fn drawn(day: &Day) -> impl Iterator<Item = (Ms, u8)> + '_ {
    let calls = day
        .firsts
        .iter()
        .filter(|first| first.destination == 0 && first.class == 0);
    calls.map(|first| (Ms::from(first.at), first.carrier))
}

fn foremost(world: &World, days: &[(&str, Day)]) -> Vec<u8> {
    let mut counts: Vec<(usize, u8)> = (0..world.carriers.len() as u8)
        .map(|carrier| (0, carrier))
        .collect();
    for (_, day) in days {
        for (_, carrier) in drawn(day) {
            if let Some(count) = counts.get_mut(usize::from(carrier)) {
                count.0 += 1;
            }
        }
    }
    counts.sort_by_key(|(count, carrier)| (usize::MAX - count, *carrier));
    counts
        .into_iter()
        .take(COLOURED)
        .map(|(_, carrier)| carrier)
        .collect()
}

fn legend(svg: &mut Svg, frame: &Frame<'_>) {
    let mut x = LEFT;
    let names = frame
        .carriers
        .iter()
        .map(|&carrier| frame.world.carriers[usize::from(carrier)].name.as_str())
        .chain(["all others"]);
    for (place, name) in names.enumerate() {
        svg.filled(COLOURS[place], (x, 40.0), (12.0, 12.0));
        svg.text((x + 17.0, 50.0), "small", Anchor::Start, name);
        x += 108.0;
    }
}

/// What is the matter with carriers that have a colour, towards the first destination.
fn episodes<'a>(frame: &'a Frame<'_>) -> impl Iterator<Item = (usize, &'a Episode)> {
    let carriers = frame.carriers.iter().enumerate();
    carriers.flat_map(|(place, &carrier)| {
        let episodes = frame.world.carriers[usize::from(carrier)].episodes.iter();
        episodes
            .filter(|episode| episode.scope.has(0))
            .map(move |episode| (place, episode))
    })
}

fn panel(svg: &mut Svg, frame: &Frame<'_>, day: &Day, y: f64) {
    let steps = (frame.world.length / STEP) as usize;
    let mut counts = vec![[0.0; COLOURS.len()]; steps];
    for (at, carrier) in drawn(day) {
        let place = frame.carriers.iter().position(|other| *other == carrier);
        if let Some(step) = counts.get_mut((at / STEP) as usize) {
            step[place.unwrap_or(COLOURED)] += 1.0;
        }
    }
    let mut below = vec![0.0; steps];
    for place in 0..COLOURS.len() {
        let mut lower = Vec::new();
        let mut upper = Vec::new();
        for (step, counts) in counts.iter().enumerate() {
            let all: f64 = counts.iter().sum();
            let share = if all > 0.0 { counts[place] / all } else { 0.0 };
            let edges = [step as Ms * STEP, (step as Ms + 1) * STEP].map(|at| frame.x(at));
            for x in edges {
                lower.push((x, y + PANEL * (1.0 - below[step])));
                upper.push((x, y + PANEL * (1.0 - below[step] - share)));
            }
            below[step] += share;
        }
        upper.reverse();
        lower.extend(upper);
        svg.shape(frame.colour((place < COLOURED).then_some(place)), &lower);
    }
    for (_, episode) in episodes(frame) {
        let (from, until) = (
            frame.x(episode.from),
            frame.x(episode.until.min(frame.world.length)),
        );
        svg.shaded("bad", (from, y), (until - from, PANEL));
        for x in [from, until] {
            svg.line("edge", (x, y), (x, y + PANEL));
        }
    }
    for part in [0.0, 0.5, 1.0] {
        let at = y + PANEL * (1.0 - part);
        svg.line("axis", (LEFT - 4.0, at), (LEFT, at));
        let percent = format!("{:.0} %", part * 100.0);
        svg.text((LEFT - 7.0, at + 4.0), "small", Anchor::End, &percent);
    }
    svg.line("axis", (LEFT, y), (LEFT, y + PANEL));
    svg.line("axis", (LEFT, y + PANEL), (LEFT + frame.width, y + PANEL));
    for (place, episode) in episodes(frame) {
        // Whose it is: a bar in the carrier's colour on top of the panel.
        let (from, until) = (
            frame.x(episode.from),
            frame.x(episode.until.min(frame.world.length)),
        );
        svg.filled(frame.colour(Some(place)), (from, y - 5.0), (until - from, 4.0));
    }
}
