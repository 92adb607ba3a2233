//! What all players share: the script of each call, the tunes, what was heard, and the story as it is told.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::audio::{Heard, PACKETS, Tune};

/// Numbers that are kept for fiction: +44 20 7946 0000 to 0999.
const NUMBERS: &str = "+44207946";
/// How many of them there are.
const NUMBER_COUNT: u32 = 1000;

/// How a call is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    CallerHangsUp,
    CalledHangsUp,
    Busy,
}

/// Whose ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ear {
    Caller,
    Called,
}

/// What was heard in a call, as far as it has been said.
#[derive(Clone, Copy, Default)]
struct Ears {
    caller: Option<Heard>,
    called: Option<Heard>,
}

/// What is to happen in a call. Both ends know it by the number that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) end: End,
    /// Packets that each end sends.
    pub(super) packets: u32,
}

impl Script {
    fn of(call: u32, talk: Option<u32>) -> Self {
        let end = match call % 6 {
            5 => End::Busy,
            0 | 3 => End::CalledHangsUp,
            _ => End::CallerHangsUp,
        };
        Self {
            end,
            packets: PACKETS * talk.unwrap_or(5 + call % 4),
        }
    }

    /// How long the two talk.
    pub(super) fn talk(self) -> Duration {
        Duration::from_secs(1) * self.packets / PACKETS
    }
}

/// Both tunes.
pub(super) struct Tunes {
    pub(super) caller: Tune,
    pub(super) called: Tune,
}

/// The outcome of all calls so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) answered: AtomicU32,
    pub(super) busy: AtomicU32,
    pub(super) cut_short: AtomicU32,
    pub(super) bad: AtomicU32,
    pub(super) failovers: AtomicU32,
}

/// The shared state of a demo.
pub(super) struct Stage {
    start: Instant,
    talk: Option<u32>,
    tunes: Tunes,
    closing: AtomicBool,
    over: AtomicBool,
    heard: Mutex<HashMap<u32, Ears>>,
    pub(super) tally: Tally,
}

impl Stage {
    /// `talk`: seconds that each call talks, instead of some of each.
    pub(super) fn new(talk: Option<u32>) -> Self {
        Self {
            start: Instant::now(),
            talk,
            tunes: Tunes {
                caller: Tune::of_the_caller(),
                called: Tune::of_the_called(),
            },
            closing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            heard: Mutex::default(),
            tally: Tally::default(),
        }
    }

    /// The number that call `call`, counted from 1, is made to.
    pub(super) fn number_of(call: u32) -> String {
        format!("{NUMBERS}{:04}", call % NUMBER_COUNT)
    }

    /// The script of a call by the number that is called, and which call it is.
    pub(super) fn script_of(&self, number: &str) -> Option<(u32, Script)> {
        let call = number.strip_prefix(NUMBERS)?.parse().ok()?;
        Some((call, Script::of(call, self.talk)))
    }

    pub(super) fn tunes(&self) -> &Tunes {
        &self.tunes
    }

    /// One line of the story of a call.
    pub(super) fn say(&self, call: u32, text: &str) {
        let at = self.start.elapsed().as_secs_f64();
        tell(&format!("{at:7.1} s  call {call:<4} {text}"));
    }

    /// One end says what it heard in this call.
    pub(super) fn tell(&self, call: u32, ear: Ear, heard: Heard) {
        let Ok(mut heards) = self.heard.lock() else { return };
        let ears = heards.entry(call).or_default();
        match ear {
            Ear::Caller => ears.caller = Some(heard),
            Ear::Called => ears.called = Some(heard),
        }
    }

    /// What caller and called heard, once both have said so.
    pub(super) fn heard(&self, call: u32) -> Option<(Heard, Heard)> {
        let ears = *self.heard.lock().ok()?.get(&call)?;
        ears.caller.zip(ears.called)
    }

    /// This call is over.
    pub(super) fn forget(&self, call: u32) {
        if let Ok(mut heards) = self.heard.lock() {
            heards.remove(&call);
        }
    }

    /// All hang up now.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Nobody has anything left to do.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn over(&self) -> &AtomicBool {
        &self.over
    }
}

/// One line on standard output. Nobody is left to tell when it is closed.
pub(super) fn tell(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Adds one.
pub(super) fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_read_the_same_script_from_the_number() {
        let stage = Stage::new(None);
        assert_eq!(
            stage.script_of(&Stage::number_of(7)),
            Some((7, Script::of(7, None)))
        );
        assert_eq!(Stage::number_of(5), "+442079460005");
        assert_eq!(stage.script_of("+15550100"), None);
    }

    #[test]
    fn among_six_calls_every_ending_comes() {
        let ends: Vec<End> = (1..=6).map(|call| Script::of(call, Some(1)).end).collect();
        for end in [End::CallerHangsUp, End::CalledHangsUp, End::Busy] {
            assert!(ends.contains(&end), "{end:?}");
        }
    }
}
