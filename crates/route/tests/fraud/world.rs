//! Customers, carriers and thieves in virtual time, with the guard between them.

use route::deck::{Money, Rate, cost};
use route::fraud::{Asked, Event, Guard, Moment, Refused, Rule, Way};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::{Duration, Instant};

/// Monday, 2026-02-02T00:00:00Z, milliseconds since 1970.
pub(crate) const MONDAY_MS: u64 = 1_769_990_400_000;
pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const WEEK: u64 = 7 * DAY;

/// SplitMix64.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    pub(crate) fn chance(&mut self, part: f64) -> bool {
        self.unit() < part
    }

    /// Exponential.
    pub(crate) fn about(&mut self, mean: u64) -> u64 {
        (-self.unit().max(1e-12).ln() * mean as f64) as u64
    }
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) trunk: &'static str,
    pub(crate) way: Way,
    pub(crate) caller: String,
    pub(crate) called: String,
    pub(crate) rate: Option<Rate>,
    /// Milliseconds that it rings.
    pub(crate) rings: u64,
    /// Milliseconds that it talks; `None`: it is not answered.
    pub(crate) talks: Option<u64>,
    /// Whether the caller gives up, where it is not answered.
    pub(crate) given_up: bool,
    pub(crate) exempt: bool,
}

impl Dial {
    pub(crate) fn out(trunk: &'static str, called: &str, per_minute: f64, talks: u64) -> Self {
        Self {
            trunk,
            way: Way::Out,
            caller: "+442071838000".to_owned(),
            called: called.to_owned(),
            rate: (per_minute >= 0.0).then(|| rate(per_minute)),
            rings: 5 * SECOND,
            talks: Some(talks),
            given_up: false,
            exempt: false,
        }
    }
}

/// A price per second's worth of a minute, from the first second on.
pub(crate) fn rate(per_minute: f64) -> Rate {
    Rate {
        per_minute: Money((per_minute * 1e9) as u64),
        fee: Money(0),
        minimum: Money(0),
        first_interval: 1,
        increment: 1,
        blocked: false,
        prefix_len: 3,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Answer,
    End,
}

#[derive(Clone)]
struct Up {
    dial: Dial,
    answered: Option<u64>,
}

/// What has become of a customer's calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tale {
    pub(crate) begun: u64,
    pub(crate) refused: u64,
    pub(crate) throttled: u64,
    pub(crate) cut: u64,
    /// Units of money.
    pub(crate) spent: f64,
    /// When the first call was refused or cut.
    pub(crate) touched: Option<u64>,
    /// When the last was cut.
    pub(crate) cut_last: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) guard: Guard,
    start: Instant,
    /// Milliseconds since the start, a Monday.
    pub(crate) now: u64,
    key: u64,
    steps: BinaryHeap<Reverse<(u64, u64, Step)>>,
    up: HashMap<u64, Up>,
    pub(crate) tales: BTreeMap<&'static str, Tale>,
    pub(crate) events: Vec<(u64, Event)>,
    next_tick: u64,
    /// Time between ticks: weeks of learning need no seconds.
    pub(crate) every: u64,
}

pub(crate) fn config(text: &str) -> config::Config {
    let text = format!("{text}\n[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n");
    match config::parse(&text, "test.toml") {
        Ok(config) => config,
        Err(report) => panic!("{report}\n{text}"),
    }
}

/// Customers of these names, behind these keys.
pub(crate) fn customers(keys: &str, names: &[&str]) -> String {
    let trunk = |(place, name): (usize, &&str)| {
        format!("[[trunk]]\nname = \"{name}\"\nrole = \"customer\"\nsources = [\"127.0.1.{place}\"]\n")
    };
    let trunks: String = names.iter().enumerate().map(trunk).collect();
    format!("{keys}\n{trunks}")
}

/// Every pattern cuts.
pub(crate) const STRICT: &str = "
[fraud.irsf]
action = \"cut\"
[fraud.spend]
action = \"cut\"
[fraud.velocity]
action = \"cut\"
[fraud.duration]
action = \"cut\"
[fraud.wangiri]
action = \"cut\"
[fraud.sequential]
action = \"cut\"
[fraud.off_hours]
action = \"cut\"
";

impl World {
    pub(crate) fn new(text: &str) -> Self {
        let mut guard = Guard::new();
        guard.install(&config(text));
        Self {
            guard,
            start: Instant::now(),
            now: 0,
            key: 0,
            steps: BinaryHeap::new(),
            up: HashMap::new(),
            tales: BTreeMap::new(),
            events: Vec::new(),
            next_tick: 0,
            every: SECOND,
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment {
            at: self.start + Duration::from_millis(self.now),
            unix_ms: MONDAY_MS + self.now,
        }
    }

    /// A call now; its key if it may go on.
    pub(crate) fn dial(&mut self, dial: Dial) -> Result<u64, Refused> {
        self.key += 1;
        let (key, now) = (self.key, self.moment());
        let asked = Asked {
            trunk: dial.trunk,
            way: dial.way,
            caller: &dial.caller,
            called: &dial.called,
            exempt: dial.exempt,
        };
        let admitted = self.guard.attempt(now, key, &asked);
        let admitted = admitted.and_then(|()| self.guard.priced(now, key, dial.rate));
        let tale = self.tales.entry(dial.trunk).or_default();
        tale.begun += 1;
        if let Err(refused) = admitted {
            tale.refused += 1;
            tale.throttled += u64::from(matches!(refused, Refused::Throttled { .. }));
            tale.touched.get_or_insert(self.now);
            self.act();
            return Err(refused);
        }
        let next = if dial.talks.is_some() {
            Step::Answer
        } else {
            Step::End
        };
        self.steps.push(Reverse((self.now + dial.rings, key, next)));
        self.up.insert(key, Up { dial, answered: None });
        self.act();
        Ok(key)
    }

    /// Time goes on until then.
    pub(crate) fn run(&mut self, until: u64) {
        loop {
            let step = self.steps.peek().map(|Reverse((at, _, _))| *at);
            let at = step.map_or(self.next_tick, |at| at.min(self.next_tick));
            if at > until {
                break;
            }
            self.now = at;
            if at == self.next_tick {
                self.next_tick += self.every;
                self.guard.tick(self.moment());
                self.act();
                continue;
            }
            let Some(Reverse((_, key, step))) = self.steps.pop() else {
                continue;
            };
            self.step(key, step);
            self.act();
        }
        self.now = until;
    }

    fn step(&mut self, key: u64, step: Step) {
        let now = self.moment();
        match step {
            Step::Answer => {
                let Some(up) = self.up.get_mut(&key) else { return };
                up.answered = Some(self.now);
                let talks = up.dial.talks.unwrap_or_default();
                self.steps.push(Reverse((self.now + talks, key, Step::End)));
                let rate = up.dial.rate;
                self.guard.answered(now, key, rate);
            }
            Step::End => self.end(key),
        }
    }

    fn end(&mut self, key: u64) {
        let Some(up) = self.up.remove(&key) else { return };
        let given_up = up.answered.is_some() || up.dial.given_up;
        self.guard.ended(self.moment(), key, given_up);
        let tale = self.tales.entry(up.dial.trunk).or_default();
        if let (Some(answered), Some(rate)) = (up.answered, up.dial.rate) {
            tale.spent += cost(rate, self.now - answered).0 as f64 / 1e9;
        }
    }

    fn act(&mut self) {
        for event in self.guard.take_events() {
            self.events.push((self.now, event));
        }
        for (key, _) in self.guard.take_cuts() {
            let trunk = self.up.get(&key).map(|up| up.dial.trunk);
            if let Some(trunk) = trunk {
                let tale = self.tales.entry(trunk).or_default();
                tale.cut += 1;
                tale.touched.get_or_insert(self.now);
                tale.cut_last = Some(self.now);
            }
            self.end(key);
        }
    }

    pub(crate) fn tale(&self, trunk: &str) -> Tale {
        self.tales.get(trunk).cloned().unwrap_or_default()
    }

    pub(crate) fn told(&self, rule: Rule) -> Vec<&Event> {
        let of = self.events.iter().map(|(_, event)| event);
        of.filter(|event| event.rule == rule).collect()
    }

    /// All calls end, and the guard has to be empty then.
    pub(crate) fn finish(&mut self) {
        let keys: Vec<u64> = self.up.keys().copied().collect();
        for key in keys {
            self.end(key);
        }
        assert_eq!(self.guard.watched(), 0);
        assert_eq!(self.guard.tick(self.moment()), None);
    }
}

/// Somebody who calls all week.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) trunk: &'static str,
    /// Calls in the busiest hour.
    pub(crate) busiest: f64,
    /// Hours of work on weekdays.
    pub(crate) hours: (u64, u64),
    /// Where it calls: country code, share, price of a minute (below 0: none is known).
    pub(crate) places: Vec<(&'static str, f64, f64)>,
    pub(crate) random: Random,
}

impl Office {
    pub(crate) fn call_centre(trunk: &'static str, seed: u64) -> Self {
        Self {
            trunk,
            busiest: 240.0,
            hours: (8, 18),
            places: vec![
                ("44", 0.80, 0.008),
                ("353", 0.08, 0.012),
                ("33", 0.06, 0.01),
                ("371", 0.03, 0.32),
                ("234", 0.03, 0.21),
            ],
            random: Random(seed),
        }
    }

    pub(crate) fn small(trunk: &'static str, seed: u64) -> Self {
        Self {
            busiest: 8.0,
            hours: (9, 17),
            ..Self::call_centre(trunk, seed)
        }
    }

    /// Calls per hour at a moment.
    pub(crate) fn pace(&self, at: u64) -> f64 {
        let (day, hour) = (at / DAY % 7, at % DAY / HOUR);
        let (from, until) = self.hours;
        if day >= 5 || !(from..until).contains(&hour) {
            return 0.0;
        }
        // Mornings and afternoons are fuller than the edges and the noon.
        let share = match hour - from {
            0 => 0.5,
            1 | 2 => 1.0,
            4 => 0.6,
            _ if hour + 1 == until => 0.4,
            _ => 0.85,
        };
        self.busiest * share
    }

    pub(crate) fn place(&mut self) -> (&'static str, f64) {
        let mut part = self.random.unit();
        for (code, share, price) in &self.places {
            if part < *share {
                return (code, *price);
            }
            part -= share;
        }
        let (code, _, price) = self.places[0];
        (code, price)
    }

    pub(crate) fn call(&mut self) -> Dial {
        let (code, price) = self.place();
        // None of the ranges of high risk begins like that.
        let number = format!("+{code}2{:07}", self.random.below(10_000_000));
        let answered = self.random.chance(0.65);
        let talks = answered.then(|| self.random.about(3 * MINUTE));
        let early = self.random.chance(0.05);
        Dial {
            caller: format!("+4420718380{:02}", self.random.below(40)),
            rings: if early {
                3 * SECOND
            } else {
                6 * SECOND + self.random.below(20 * SECOND)
            },
            talks,
            given_up: self.random.chance(0.6),
            ..Dial::out(self.trunk, &number, price, 0)
        }
    }
}

/// Lets offices work until then, `factor` times as much as usual.
pub(crate) fn work(world: &mut World, offices: &mut [Office], until: u64, factor: f64) {
    while world.now < until {
        let minute = (world.now / MINUTE + 1) * MINUTE;
        let mut calls: Vec<(u64, Dial)> = Vec::new();
        for office in offices.iter_mut() {
            let mean = office.pace(world.now) * factor / 60.0;
            // Poisson, by its gaps.
            let gap = |office: &mut Office| match mean > 0.0 {
                true => -office.random.unit().max(1e-12).ln() / mean,
                false => 1.0,
            };
            let mut at = gap(office);
            while at < 1.0 {
                let offset = (at * MINUTE as f64) as u64;
                calls.push((minute - MINUTE + offset, office.call()));
                at += gap(office);
            }
        }
        calls.sort_by_key(|(at, _)| *at);
        for (at, dial) in calls {
            if at >= world.now {
                world.run(at);
            }
            let _ = world.dial(dial);
        }
        world.run(minute.min(until));
    }
}

impl World {
    /// As if the process began then.
    pub(crate) fn run_idle(&mut self, until: u64) {
        (self.now, self.next_tick) = (until, until);
    }
}
