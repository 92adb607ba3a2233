use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use sip_msg::{Limits, Message};

use super::*;

/// A server with a share of a processor and a queue. A call takes `COST`, in two halves of which the second comes later and is never
/// refused; to refuse one takes `REFUSAL`. While anything is refused what has come is looked through first, and the rest waits.
struct Server {
    overload: Overload,
    begun: Instant,
    now: Instant,
    /// What it may use of each `PERIOD`, as under a quota, and has used of this one.
    share: f64,
    used: Duration,
    /// When each message came that nobody has looked at, and whether it begins a call.
    queue: VecDeque<(Instant, bool)>,
    /// Those that were let through, likewise.
    waiting: VecDeque<(Instant, bool)>,
    later: VecDeque<Instant>,
    served: u32,
    refused: u32,
    named: u64,
    /// For how long something waited that was handled, and that was refused.
    longest: Duration,
    refusal: Duration,
}

const COST: Duration = Duration::from_micros(600);
const REFUSAL: Duration = Duration::from_micros(20);
const PERIOD: Duration = Duration::from_millis(100);
/// Calls per second that a whole processor can serve.
const CAPACITY: f64 = 1e6 / 600.0;

impl Server {
    fn new() -> Self {
        Self::with_share(1.0)
    }

    fn with_share(share: f64) -> Self {
        let mut overload = Overload::default();
        overload.set_target(Some(Duration::from_millis(10)));
        let now = Instant::now();
        Self {
            overload,
            begun: now,
            now,
            share,
            used: Duration::ZERO,
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            later: VecDeque::new(),
            served: 0,
            refused: 0,
            named: 0,
            longest: Duration::ZERO,
            refusal: Duration::ZERO,
        }
    }

    /// Time passes, in which the processor was used or not. Whoever has used up its share waits for the next period.
    fn pass(&mut self, time: Duration, used: bool) {
        let period = |now: Instant| (now - self.begun).as_nanos() / PERIOD.as_nanos();
        let before = period(self.now);
        self.now += time;
        let mut present = period(self.now);
        if used {
            self.used += time;
        }
        if self.used >= PERIOD.mul_f64(self.share) && present == before {
            present += 1;
            self.now = self.begun + PERIOD * u32::try_from(present).unwrap_or(u32::MAX);
        }
        if present != before {
            self.used = Duration::ZERO;
        }
    }

    /// Plays `seconds` with so many calls per second; calls served and refused per second in their last half.
    fn run(&mut self, seconds: u32, rate: f64) -> (f64, f64) {
        let start = self.now;
        let end = start + Duration::from_secs(seconds.into());
        let half = start + (end - start) / 2;
        let every = Duration::from_secs_f64(1.0 / rate);
        let mut next = start;
        let mut at_half = None;
        (self.longest, self.refusal) = (Duration::ZERO, Duration::ZERO);
        while self.now < end {
            while next <= self.now {
                self.queue.push_back((next, true));
                next += every;
            }
            while self.later.front().is_some_and(|due| *due <= self.now) {
                let due = self.later.pop_front().unwrap_or(self.now);
                let place = self.queue.partition_point(|(at, _)| *at <= due);
                self.queue.insert(place, (due, false));
            }
            if at_half.is_none() && self.now >= half {
                at_half = Some((self.served, self.refused));
                (self.longest, self.refusal) = (Duration::ZERO, Duration::ZERO);
            }
            self.turn();
        }
        let (served, refused) = at_half.unwrap_or_default();
        let per_second = |count: u32| f64::from(count) / (f64::from(seconds) / 2.0);
        (
            per_second(self.served - served),
            per_second(self.refused - refused),
        )
    }

    fn turn(&mut self) {
        let sifts = !self.waiting.is_empty() || self.overload.loss() > 0.0;
        if self.queue.is_empty() && self.waiting.is_empty() {
            return self.pass(Duration::from_micros(500), false);
        }
        let most = if sifts { 256 } else { 64 };
        let read: Vec<_> = self.queue.drain(..self.queue.len().min(most)).collect();
        for (came, begins) in read {
            if sifts && begins && self.turns_away() {
                self.refusal = self.refusal.max(self.now - came);
                self.refused += 1;
                self.pass(REFUSAL, true);
            } else {
                self.waiting.push_back((came, begins));
            }
        }
        let head = self
            .waiting
            .front()
            .map_or(Duration::ZERO, |(came, _)| self.now - *came);
        let wait = if sifts { self.ahead() } else { head };
        self.overload.waited(self.now, wait);
        for _ in 0..if sifts { 16 } else { 64 } {
            let Some((came, begins)) = self.waiting.pop_front() else {
                break;
            };
            self.longest = self.longest.max(self.now - came);
            if begins {
                self.later.push_back(self.now + Duration::from_millis(100));
            } else {
                self.served += 1;
            }
            self.pass(COST / 2, true);
        }
    }

    fn turns_away(&mut self) -> bool {
        self.named += 1;
        let ahead = self.ahead();
        self.overload.turns_away(self.now, self.named << 1, Some(ahead))
    }

    /// How long what comes now waits.
    fn ahead(&self) -> Duration {
        (COST / 2).mul_f64(1.0 / self.share) * u32::try_from(self.waiting.len()).unwrap_or(0)
    }
}

#[test]
fn below_what_it_can_do_nobody_is_refused() {
    for load in [0.1, 0.5, 0.9] {
        let mut server = Server::new();
        server.run(20, CAPACITY * load);
        assert_eq!(server.refused, 0, "{load}");
    }
}

#[test]
fn above_it_what_is_served_stays_near_the_peak_and_nobody_waits_long() {
    for (load, share) in [(1.2, 0.9), (3.0, 0.9), (10.0, 0.6)] {
        let mut server = Server::new();
        let (served, refused) = server.run(20, CAPACITY * load);
        let (longest, refusal) = (server.longest, server.refusal);
        assert!(
            served > CAPACITY * share
                && longest < Duration::from_millis(40)
                && refusal < Duration::from_millis(20),
            "{load}: {served} of {CAPACITY} served, {refused} refused, {longest:?} waited, {refusal:?} for a refusal"
        );
    }
}

#[test]
fn a_process_that_is_stopped_for_most_of_each_period_refuses_no_less_for_that() {
    for (load, least) in [(0.8, 0.79), (1.2, 0.9), (3.0, 0.9), (10.0, 0.6)] {
        let mut server = Server::with_share(0.25);
        let capacity = CAPACITY * 0.25;
        let (served, refused) = server.run(20, capacity * load);
        let longest = server.longest;
        // It is stopped for 75 ms of each 100.
        assert!(
            served > capacity * least && longest < Duration::from_millis(200),
            "{load}: {served} of {capacity} served, {refused} refused, {longest:?} waited"
        );
        assert!(load > 1.0 || refused == 0.0, "{refused} refused per second");
    }
}

#[test]
fn ten_times_too_much_is_refused_within_a_moment() {
    let mut server = Server::new();
    server.run(1, CAPACITY * 0.5);
    server.run(2, CAPACITY * 10.0);
    assert!(server.overload.loss() > 0.8, "{}", server.overload.loss());
    // Within a second the queue is down to about the target.
    assert!(server.longest < Duration::from_millis(40), "{:?}", server.longest);
}

#[test]
fn when_it_is_over_everybody_is_served_again_soon() {
    let mut server = Server::new();
    server.run(10, CAPACITY * 10.0);
    server.run(20, CAPACITY * 0.5);
    let (_, refused) = server.run(4, CAPACITY * 0.5);
    assert!(refused < 1.0, "{refused} refused per second");
    assert_eq!(server.overload.loss(), 0.0);
    // Nor does it take anybody's calls to be over.
    server.run(10, CAPACITY * 10.0);
    assert!(server.overload.loss() > 0.8);
    server.overload.settle(server.now + Duration::from_secs(20));
    assert_eq!(server.overload.loss(), 0.0);
}

#[test]
fn a_pause_of_our_own_is_no_overload() {
    let mut overload = Overload::default();
    overload.set_target(Some(Duration::from_millis(20)));
    let mut now = Instant::now();
    for _ in 0..100 {
        // Half a second in which the process did not run, then what had come is read at once.
        now += Duration::from_millis(500);
        overload.waited(now, Duration::from_millis(500));
        now += Duration::from_millis(1);
        overload.waited(now, Duration::from_millis(2));
        assert!(!overload.turns_away(now, 7, None));
    }
}

#[test]
fn a_copy_is_told_what_the_first_was_told() {
    let mut overload = Overload {
        loss: 0.5,
        ..Overload::default()
    };
    let now = Instant::now();
    let verdicts: Vec<bool> = (1..=1000)
        .map(|n| overload.turns_away(now, n << 20 | n << 1, None))
        .collect();
    assert_eq!(verdicts.iter().filter(|turned| **turned).count(), 500);
    let again: Vec<bool> = (1..=1000)
        .map(|n| overload.turns_away(now, n << 20 | n << 1, None))
        .collect();
    assert_eq!(verdicts, again);
}

#[test]
fn whoever_would_not_wait_is_let_through_and_nobody_to_too_long_a_wait() {
    let now = Instant::now();
    for (loss, ahead, let_through) in [(0.99, 4, 1000), (0.5, 6, 500), (0.5, 49, 500), (0.01, 51, 0)] {
        let mut overload = Overload {
            loss,
            ..Overload::default()
        };
        overload.set_target(Some(Duration::from_millis(10)));
        let ahead = Some(Duration::from_millis(ahead));
        let through = (1..=1000).filter(|n| !overload.turns_away(now, n << 20 | n << 1, ahead));
        assert_eq!(through.count(), let_through, "{loss} {ahead:?}");
    }
}

#[test]
fn without_a_target_nobody_is_refused() {
    let mut overload = Overload::default();
    let mut now = Instant::now();
    for _ in 0..1000 {
        now += Duration::from_millis(10);
        overload.waited(now, Duration::from_secs(1));
    }
    assert_eq!(overload.loss(), 0.0);
}

fn message(text: &str) -> Message {
    let bytes = Bytes::from(text.to_owned());
    sip_msg::parse(bytes, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn response(params: &str) -> String {
    format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1{params}\r\nVia: SIP/2.0/UDP h;oc\r\nFrom: <sip:a@h>;tag=f\r\n\
         To: <sip:us>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn our_load_is_said_in_the_top_via_to_those_who_ask() {
    let plain = response(";oc;rport=5;oc-algo=\"loss,A\";received=192.0.2.9");
    let asked = |loss| {
        let out = mark(&Bytes::from(plain.clone()), loss, 1_282_321_615_078);
        let text = String::from_utf8_lossy(&out).into_owned();
        text.lines().nth(1).unwrap_or_default().to_owned()
    };
    let begin = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=5;received=192.0.2.9";
    assert_eq!(
        asked(0.201),
        format!("{begin};oc=21;oc-algo=\"loss\";oc-validity=1000;oc-seq=1282321615.078")
    );
    assert_eq!(
        asked(0.0),
        format!("{begin};oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1282321615.078")
    );
    for (params, wanted) in [
        ("", false),
        (";oc;oc-algo=\"loss\"", true),
        (";OC;oc-algo=\"A,loss\"", true),
        (";oc;oc-algo=\"rate\"", false),
        (";ocx", false),
    ] {
        let request = response(params).replacen("SIP/2.0 200 OK", "INVITE sip:us SIP/2.0", 1);
        assert_eq!(asks(&message(&request)), wanted, "{params}");
    }
}

#[test]
fn what_a_peer_says_is_kept_from_it_for_as_long_as_it_says() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    let remote = SocketAddr::from(([192, 0, 2, 1], 5060));
    let hear = |peers: &mut Peers, params: &str| peers.heard(now, remote, &message(&response(params)));
    let kept = |peers: &mut Peers, at| (0..100).filter(|_| peers.keeps_back(at, remote)).count();
    hear(&mut peers, ";oc=50;oc-algo=\"loss\"");
    assert_eq!(kept(&mut peers, now), 0, "a peer that was never told so");
    peers.tell(remote);
    hear(&mut peers, ";oc=20;oc-algo=\"loss\";oc-validity=2000;oc-seq=12.5");
    assert_eq!(kept(&mut peers, now), 20);
    assert_eq!(kept(&mut peers, now + Duration::from_millis(1999)), 20);
    hear(&mut peers, ";oc=90;oc-algo=\"loss\";oc-validity=2000;oc-seq=12.4");
    assert_eq!(kept(&mut peers, now), 20, "an older word");
    assert_eq!(kept(&mut peers, now + Duration::from_millis(2000)), 0);
    hear(&mut peers, ";oc=100;oc-algo=\"loss\";oc-seq=12.6");
    assert_eq!(kept(&mut peers, now + Duration::from_millis(499)), 100);
    hear(&mut peers, ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=12.7");
    assert_eq!(kept(&mut peers, now), 0, "it is over");
    for odd in [
        ";oc",
        ";oc=101;oc-seq=13.1",
        ";oc=x",
        ";oc=50;oc-algo=\"rate\"",
        ";oc=-1",
    ] {
        hear(&mut peers, odd);
        assert_eq!(kept(&mut peers, now), 0, "{odd}");
    }
}
