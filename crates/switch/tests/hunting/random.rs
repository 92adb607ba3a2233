//! Hunts at random: whatever the called sides say and when, and whenever the caller gives up, there is one record, nothing is left, no
//! two are connected, and nobody is called behind a word that ends the hunt.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed, X, addr};
use testkit::{Party, Rng, Sip};

use super::common::DESK;

const B4: &str = "127.0.0.67:5067";
const DESK_AT: &str = "127.0.0.68:5068";
const CALLED: [&str; 5] = [B1, B2, X, B4, DESK_AT];
const NUMBER: &str = "+4930777";

/// Of a carrier without keys of its own: the called party's word.
const FINAL_WORDS: [u16; 7] = [484, 486, 600, 603, 604, 404, 403];

/// A configuration with a bit of everything.
fn toml(rng: &mut Rng) -> String {
    let after = *rng.pick(&["0s", "300ms", "1500ms"]);
    let until = *rng.pick(&["progress", "answer"]);
    let attempts = *rng.pick(&[2, 3, 4]);
    let class = if rng.chance(0.7) {
        format!("parallel = {{ attempts = {attempts}, after = \"{after}\", until = \"{until}\" }}")
    } else {
        String::new()
    };
    let after_ringing = *rng.pick(&["false", "\"failures\"", "true"]);
    let time = *rng.pick(&["", "time = \"5s\", "]);
    let most = *rng.pick(&[1, 2, 3, 4]);
    let failover = format!(
        "failover = {{ trying = \"2s\", progress = \"4s\", answer = \"8s\", {time}attempts = {most}, after_ringing = {after_ringing} }}"
    );
    let mut toml = testkit::bed::config(&[("name = \"pbx\"", "class = \"c\"")]);
    for (name, at, priority) in [("b3", X, 3), ("b4", B4, 4)] {
        let _ = write!(
            toml,
            "\n[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\npriority = {priority}\ntargets = [{{ uri = \"sip:{at}\" }}]\n{}",
            if rng.chance(0.2) { "drain = true\n" } else { "" }
        );
    }
    for name in ["b1", "b2", "b3", "b4"] {
        let key = format!("name = \"{name}\"");
        toml = toml.replacen(&key, &format!("{key}\n{failover}"), 1);
    }
    let lists = [
        "\"b1\"",
        "[\"b2\", { trunk = \"b1\", number = \"200\" }]",
        "[\"+4930777\"]",
        "[{ number = \"+442071838750\" }, \"b4\"]",
        "[]",
    ];
    let mut rule = String::new();
    for key in ["on_busy", "on_no_answer", "on_failure"] {
        let list = *rng.pick(&lists);
        if list != "[]" {
            let _ = writeln!(rule, "{key} = {list}");
        }
    }
    let _ = write!(
        toml,
        "\n[[class]]\nname = \"c\"\n{class}\n[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.68/32\"]\n\
         class = \"c\"\ntargets = [{{ uri = \"sip:{DESK_AT}\" }}]\n[[number]]\nmatch = \"{DESK}\"\nto = \"desk\"\nring = \"5s\"\n{rule}"
    );
    toml
}

/// What a called side does to its INVITE, each so long after it has come.
fn script(rng: &mut Rng) -> Vec<(Duration, u16)> {
    let mut says = Vec::new();
    let mut at = Duration::ZERO;
    if rng.chance(0.85) {
        says.push((at, 100));
    }
    while rng.chance(0.5) && says.len() < 4 {
        at += rng.ms(0, 3000);
        says.push((at, *rng.pick(&[180, 183, 199, 181])));
    }
    if rng.chance(0.85) {
        at += rng.ms(0, 4000);
        let last = [
            200, 200, 200, 200, 486, 503, 503, 503, 408, 500, 480, 404, 603, 302, 487, 607, 403,
        ];
        says.push((at, *rng.pick(&last)));
    }
    says
}

/// A called side's leg.
struct Leg {
    at: &'static str,
    party: Party,
    invite: Sip,
    /// The last it has said.
    status: u16,
    /// It has its ACK, or a BYE.
    acked: bool,
    over: bool,
}

enum Due {
    Say(String, u16),
    GiveUp,
    HangUp,
}

struct Run {
    bed: Bed,
    rng: Rng,
    a: Party,
    legs: BTreeMap<String, Leg>,
    due: Vec<(Duration, Due)>,
    /// The status that the caller got.
    heard: u16,
    /// When a word has ended the hunt and whose it was, and INVITEs that have come behind it.
    word: Option<(Duration, String)>,
    behind: usize,
    plain: bool,
    cancels_first: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut bed = Bed::with(&toml(&mut rng));
        bed.world.audit.hidden.clear();
        let plain = rng.chance(0.6);
        let mut a = bed.caller(if plain { NUMBER } else { DESK });
        let offer = Bed::caller_end().offer("sendrecv");
        let invite = a.invite(if rng.chance(0.9) { Some(&offer) } else { None });
        bed.send(A, &invite);
        let mut due = Vec::new();
        if rng.chance(0.25) {
            due.push((rng.ms(0, 12_000), Due::GiveUp));
        }
        Self {
            bed,
            a,
            legs: BTreeMap::new(),
            due,
            heard: 0,
            word: None,
            behind: 0,
            plain,
            cancels_first: rng.chance(0.5),
            rng,
        }
    }

    fn go(&mut self) {
        let end = Duration::from_secs(150);
        while self.bed.world.elapsed() < end {
            let next = self.due.iter().map(|(at, _)| *at).min().unwrap_or(end).min(end);
            if !self.bed.world.step(next) {
                self.act();
            }
            for at in CALLED {
                while let Some((_, sip)) = self.bed.world.take(addr(at)) {
                    self.called(at, sip);
                }
            }
            while let Some((_, sip)) = self.bed.world.take(addr(A)) {
                self.caller(&sip);
            }
        }
    }

    fn later(&mut self, after: Duration, due: Due) {
        self.due.push((self.bed.world.elapsed() + after, due));
    }

    fn act(&mut self) {
        let now = self.bed.world.elapsed();
        let ready = |(at, _): &mut (Duration, Due)| *at <= now;
        let ready: Vec<(Duration, Due)> = self.due.extract_if(.., ready).collect();
        for (_, due) in ready {
            match due {
                Due::Say(call_id, status) => self.say(&call_id, status),
                Due::GiveUp if self.heard == 0 => {
                    let cancel = self.a.cancel();
                    self.bed.send(A, &cancel);
                }
                Due::GiveUp => {}
                Due::HangUp => {
                    let up: Vec<&Leg> = self
                        .legs
                        .values()
                        .filter(|leg| leg.status == 200 && !leg.over)
                        .collect();
                    assert_eq!(up.len(), 1, "connected at once\n{}", self.bed.story());
                    assert!(up[0].acked);
                    let bye = self.a.request("BYE");
                    self.bed.send(A, &bye);
                }
            }
        }
    }

    fn say(&mut self, call_id: &str, status: u16) {
        let Some(leg) = self.legs.get_mut(call_id).filter(|leg| leg.status < 200) else {
            return;
        };
        let body = (status == 200 || (status == 183 && leg.invite.sdp().is_some())).then(|| {
            let end = Bed::carrier_end(leg.at);
            match leg.invite.sdp() {
                Some(offer) => end.answer(offer, "sendrecv"),
                None => end.offer("sendrecv"),
            }
        });
        let mut answer = leg.party.reply(&leg.invite, status, body.as_deref());
        if status == 302 {
            let contact = *self.rng.pick(&[
                "<sip:+4930777@127.0.0.1>",
                "<sip:bob@127.0.0.99>",
                "<tel:+4930778>",
            ]);
            answer = answer.with("Contact", contact);
        }
        // One that has said nothing may have been given up before, and is cancelled only when it has said something.
        let waited_for = leg.status >= 100;
        leg.status = status;
        let at = leg.at;
        self.bed.send(at, &answer);
        if self.plain && waited_for && FINAL_WORDS.contains(&status) && self.word.is_none() {
            self.word = Some((self.bed.world.elapsed(), call_id.to_owned()));
        }
    }

    fn called(&mut self, at: &'static str, sip: Sip) {
        let call_id = sip.call_id().to_owned();
        if !sip.is_request() {
            return;
        }
        match sip.method() {
            "INVITE" if !self.legs.contains_key(&call_id) => {
                // What was on its way when the word was said has crossed it.
                let now = self.bed.world.elapsed();
                let word = self.word.as_ref();
                let late = word.is_some_and(|(word, _)| now > *word + Duration::from_millis(100));
                self.behind += usize::from(late);
                let party = self.bed.callee(at, &sip);
                let leg = Leg {
                    at,
                    party,
                    invite: sip,
                    status: 0,
                    acked: false,
                    over: false,
                };
                self.legs.insert(call_id.clone(), leg);
                for (after, status) in script(&mut self.rng) {
                    self.later(after, Due::Say(call_id.clone(), status));
                }
            }
            "CANCEL" => {
                // Its word has crossed this: nobody waited for it any more.
                self.word.take_if(|(_, whose)| *whose == call_id);
                if self.cancels_first && self.rng.chance(0.3) {
                    // Its answer crosses our CANCEL.
                    self.say(&call_id, 200);
                }
                let Some(leg) = self.legs.get_mut(&call_id) else {
                    return;
                };
                let ok = leg.party.reply(&sip, 200, None);
                self.bed.send(at, &ok);
                if leg.status < 200 {
                    leg.status = 487;
                    let gone = leg.party.reply(&leg.invite, 487, None);
                    self.bed.send(at, &gone);
                }
            }
            "ACK" => {
                if let Some(leg) = self.legs.get_mut(&call_id) {
                    leg.acked = true;
                }
            }
            "BYE" => {
                let Some(leg) = self.legs.get_mut(&call_id) else {
                    return;
                };
                assert!(leg.acked && !leg.over);
                leg.over = true;
                let ok = leg.party.reply(&sip, 200, None);
                self.bed.send(at, &ok);
            }
            "PRACK" => {
                let Some(leg) = self.legs.get_mut(&call_id) else {
                    return;
                };
                let ok = leg.party.reply(&sip, 200, None);
                self.bed.send(at, &ok);
            }
            _ => {}
        }
    }

    fn caller(&mut self, sip: &Sip) {
        if sip.is_request() {
            let ok = self.a.reply(sip, 200, None);
            self.bed.send(A, &ok);
            return;
        }
        let (status, (_, method)) = (sip.status(), sip.cseq());
        if method != "INVITE" || status < 200 {
            return;
        }
        let again = self.heard != 0;
        assert!(!again || self.heard == status, "{} and {status}", self.heard);
        self.heard = status;
        let mut ack = self.a.ack(sip);
        let offered = self
            .a
            .invite
            .as_ref()
            .is_some_and(|invite| invite.sdp().is_some());
        if status == 200 && !offered {
            let answer = Bed::caller_end().answer(sip.sdp().unwrap(), "sendrecv");
            ack = ack.with_sdp(&answer);
        }
        self.bed.send(A, &ack);
        if status == 200 && !again {
            let after = self.rng.ms(33_000, 40_000);
            self.later(after, Due::HangUp);
        }
    }
}

fn run(seed: u64) -> Vec<String> {
    let mut run = Run::new(seed);
    run.go();
    assert_ne!(run.heard, 0, "the caller has had no answer");
    assert_eq!(run.behind, 0, "called behind a final word\n{}", run.bed.story());
    let invites = run.legs.len();
    let record = run.bed.settle_one();
    let asked = record.attempts.iter().filter(|one| !one.call_id.is_empty());
    assert_eq!(asked.count(), invites, "attempts and INVITEs\n{record:#?}");
    for attempt in &record.attempts {
        assert!(!attempt.outcome.is_empty(), "{record:#?}");
        if attempt.outcome == "answered" {
            assert_eq!(Some(attempt.trunk.as_str()), record.to_trunk.as_deref());
        }
    }
    let answered = record.attempts.iter().filter(|one| one.outcome == "answered");
    assert!(answered.count() <= 1, "{record:#?}");
    if run.heard == 200 {
        assert!(record.answered_ms.is_some() && record.talk_ms > 32_000);
    } else {
        assert_eq!((record.cause.sip, record.talk_ms), (run.heard, 0), "{record:#?}");
    }
    let words = record.attempts.into_iter().map(|one| one.outcome);
    words.chain([record.cause.kind]).collect()
}

#[test]
fn hunts_at_random_end_with_one_record_and_nothing_left() {
    let first = testkit::seed(20_260_300);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in first..first + 600 {
        let done = std::panic::catch_unwind(|| run(seed));
        let Ok(words) = done else {
            panic!("seed {seed} (TANDEM_SEED)");
        };
        for word in words {
            *seen.entry(word).or_default() += 1;
        }
    }
    println!("{seen:?}");
    // So that a run which tests nothing is seen.
    for word in [
        "answered",
        "overtaken",
        "cancelled",
        "refused",
        "redirected",
        "timeout-trying",
        "timeout-progress",
        "timeout-answer",
        "busy",
        "no-answer",
        "no-carrier",
        "normal",
    ] {
        assert!(seen.contains_key(word), "none {word}: {seen:?}");
    }
}
