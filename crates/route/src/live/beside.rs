//! Tables beside those in force, by which calls may be planned as well: to see what they would do, or for a share of the calls.
//!
//! A trunk is one trunk, whoever plans for it: its calls, its health and what was learned of it are the same for all. What the tables in
//! force say of it holds; a trunk that they do not have is as the others say, and counts as up until a call shows otherwise. Prices are each
//! tables' own. What carriers are worth is known for the classes in force; of a class that only the others have nothing is.

use super::Live;
use super::learner::{Learner, Lesson};
use crate::quality::Destination;
use crate::tables::{Tables, TrunkIx};
use config::{Capacity, Trunk};
use std::sync::Arc;

/// Tables that are not in force.
#[derive(Debug)]
pub(super) struct Beside {
    trunks: Arc<[Arc<Trunk>]>,
    shares: Capacity,
    /// The slot of each trunk.
    places: Box<[u32]>,
    /// The carriers, in the order of these tables, and their numbers with the learner.
    carriers: Box<[Box<str>]>,
    numbers: Box<[u32]>,
    /// The classes, and what each is to the learner; `None`: it does not know it.
    classes: Box<[Box<str>]>,
    known: Box<[Option<usize>]>,
    learns: bool,
}

impl Live {
    /// Lets calls be planned by `tables` beside those in force, until they [leave](Self::leave) or are [installed](Self::install).
    pub fn stand_beside(&mut self, tables: &Tables) {
        if self.has_installed(tables) || self.beside(tables).is_some() {
            return;
        }
        let carriers = tables.carriers().all().iter();
        let name = |standing: &crate::plan::Standing| tables.trunk(standing.trunk).name.as_str().into();
        let mut beside = Beside {
            trunks: Arc::clone(tables.identity()),
            shares: tables.capacity(),
            places: Box::default(),
            carriers: carriers.map(name).collect(),
            numbers: Box::default(),
            classes: tables.learning().names(),
            known: Box::default(),
            learns: tables.learning().settings.learns,
        };
        self.place_beside(&mut beside);
        if let Some(learner) = &mut self.learner {
            beside.meet(learner);
        }
        self.beside.push(beside);
    }

    /// No more calls are planned by tables that stood beside those in force.
    pub fn leave(&mut self, tables: &Tables) {
        let Some(at) = self
            .beside
            .iter()
            .position(|beside| Arc::ptr_eq(&beside.trunks, tables.identity()))
        else {
            return;
        };
        let gone = self.beside.swap_remove(at);
        for index in gone.places {
            let others = self.beside.iter().flat_map(|beside| beside.places.iter());
            if self.places.iter().chain(others).any(|place| *place == index) {
                continue;
            }
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.open = false;
                slot.listed = false;
            }
            if self.idle(index) {
                self.forget(index);
            }
        }
    }

    /// Gives all that stand beside their slots again: others are in force.
    pub(super) fn place_all_beside(&mut self) {
        let mut all = std::mem::take(&mut self.beside);
        all.retain(|beside| {
            let installed = self.installed.as_ref();
            !installed.is_some_and(|installed| Arc::ptr_eq(installed, &beside.trunks))
        });
        for beside in &mut all {
            self.place_beside(beside);
        }
        self.beside = all;
    }

    fn place_beside(&mut self, beside: &mut Beside) {
        let shares = beside.shares;
        let slot = |trunk: &Arc<Trunk>| {
            let known = self.names.get(trunk.name.as_str()).copied();
            let listed =
                known.filter(|index| self.slots.get(*index as usize).is_some_and(|slot| slot.listed));
            listed.unwrap_or_else(|| self.place(trunk, &shares))
        };
        beside.places = beside.trunks.iter().map(slot).collect();
    }

    /// All that stand beside get to know the learner as it is now.
    pub(super) fn meet_all(&mut self) {
        if let Some(learner) = &mut self.learner {
            for beside in &mut self.beside {
                beside.meet(learner);
            }
        }
    }

    /// Index of a trunk's slot: by place for the tables in force and those beside them, by name for older ones.
    pub(super) fn find(&self, tables: &Tables, trunk: TrunkIx) -> Option<u32> {
        if self.has_installed(tables) {
            self.places.get(trunk.0 as usize).copied()
        } else if let Some(beside) = self.beside(tables) {
            beside.slot(trunk)
        } else {
            self.names.get(tables.trunk(trunk).name.as_str()).copied()
        }
    }

    /// These tables, if they stand beside those in force.
    pub(super) fn beside(&self, tables: &Tables) -> Option<&Beside> {
        let is = |beside: &&Beside| Arc::ptr_eq(&beside.trunks, tables.identity());
        self.beside.iter().find(is)
    }
}

impl Beside {
    fn meet(&mut self, learner: &mut Learner) {
        self.numbers = self.carriers.iter().map(|name| learner.number(name)).collect();
        // The last is that of calls without a class.
        let last = self.classes.len().saturating_sub(1);
        let known = |(index, name): (usize, &str)| {
            if index == last {
                return Some(learner.class(None));
            }
            learner.has_class(name).then(|| learner.class(Some(name)))
        };
        let names = self.classes.iter().map(|name| &**name);
        self.known = names.enumerate().map(known).collect();
    }

    /// The slot of a trunk.
    pub(super) fn slot(&self, trunk: TrunkIx) -> Option<u32> {
        self.places.get(trunk.0 as usize).copied()
    }

    /// What is known for calls to a number in a class.
    pub(super) fn lesson<'a>(&'a self, learner: &'a Learner, called: &str, class: u16) -> Option<Lesson<'a>> {
        let class = self.known.get(usize::from(class)).copied().flatten();
        let class = class.filter(|_| self.learns)?;
        let row = learner.row(Destination::of(called), class);
        Some(Lesson::new(row, &self.numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::parse_csv;
    use crate::plan::{Request, plan};
    use std::time::Instant;

    fn tables(text: &str, decks: &[(&str, &str)]) -> Tables {
        let text = format!(
            "{text}\n[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\n"
        );
        let config = config::parse(&text, "test.toml").unwrap();
        let deck = |(trunk, rate): &(&str, &str)| {
            let rows = format!("prefix,rate\n44,{rate}\n");
            ((*trunk).to_owned(), parse_csv(&rows).unwrap())
        };
        Tables::build(&config, decks.iter().map(deck).collect()).unwrap()
    }

    fn carrier(name: &str) -> String {
        format!(
            "[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\nmax_calls = 1\ndeck = \"{name}.csv\"\ntargets = [{{ uri = \"sip:{name}.example.com\" }}]\n"
        )
    }

    fn order(live: &Live, tables: &Tables) -> Vec<String> {
        let request = Request {
            from: tables.trunk_named("pbx").unwrap(),
            caller: "+441632960000",
            called: "+442071838750",
            class: None,
            sell: None,
            routed: None,
            emergency: false,
            at_unix_s: 1_769_904_000,
            draw: 1,
        };
        let plan = plan(tables, live, Instant::now(), &request).unwrap();
        let name = |attempt: &crate::plan::Attempt| tables.trunk(attempt.trunk).name.clone();
        plan.attempts.iter().map(name).collect()
    }

    #[test]
    fn each_tables_have_their_prices_and_all_the_same_load() {
        let now = Instant::now();
        let (a, b, c) = (carrier("a"), carrier("b"), carrier("c"));
        let in_force = tables(&format!("{a}{b}"), &[("a", "0.01"), ("b", "0.02")]);
        // Another order of trunks, other prices, and a carrier that is new.
        let other = tables(
            &format!("{c}{b}{a}"),
            &[("a", "0.03"), ("b", "0.02"), ("c", "0.01")],
        );
        let mut live = Live::new();
        live.install(&in_force);
        live.learn(now, &in_force);
        assert_eq!(
            order(&live, &other),
            ["b", "a"],
            "nobody has said that c is to be had"
        );
        live.stand_beside(&other);
        assert_eq!(order(&live, &in_force), ["a", "b"]);
        assert_eq!(order(&live, &other), ["c", "b", "a"]);
        let full = live.try_admit(now, &in_force, in_force.trunk_named("b").unwrap());
        assert_eq!(order(&live, &in_force), ["a", "b"]);
        assert_eq!(order(&live, &other), ["c", "a", "b"], "b is full for all");
        live.release(full.unwrap());
        // It stays so when others come into force, and its prices are freed with theirs only.
        let later = tables(&format!("{a}{b}"), &[("a", "0.05"), ("b", "0.04")]);
        live.install(&later);
        live.learn(now, &later);
        drop(in_force.retire());
        assert_eq!(order(&live, &later), ["b", "a"]);
        assert_eq!(order(&live, &other), ["c", "b", "a"]);
        let held = live
            .try_admit(now, &other, other.trunk_named("c").unwrap())
            .unwrap();
        live.leave(&other);
        assert_eq!(live.calls("c"), 1, "its call goes on");
        live.release(held);
        assert_eq!((live.permits(), live.calls("c")), (0, 0));
        assert_eq!(order(&live, &other), ["b", "a"]);
    }

    #[test]
    fn what_comes_into_force_stands_beside_no_more() {
        let (a, b) = (carrier("a"), carrier("b"));
        let in_force = tables(&a, &[("a", "0.01")]);
        let other = tables(&format!("{b}{a}"), &[("a", "0.03"), ("b", "0.02")]);
        let mut live = Live::new();
        live.install(&in_force);
        live.stand_beside(&other);
        live.install(&other);
        assert!(live.beside(&other).is_none());
        assert_eq!(order(&live, &other), ["b", "a"]);
    }
}
