//! Two user agents over a bad network, in virtual time: whatever is lost, doubled, delayed or overtaken, every call ends on both
//! sides and nothing is left.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking; clippy knows #[test] functions only"
)]

mod link;
mod ua;

use std::time::{Duration, Instant};

use link::{Link, Quality};
use sip_proto::timers::TimerQueue;
use sip_proto::{Counts, DropReason, Mint, Transport};
use ua::{Plan, Ua};

/// Something that happens at a time.
pub(crate) enum Happening {
    Arrives { at: usize, bytes: bytes::Bytes },
    Does { ua: usize, call: usize, what: Deed },
}

/// What a user does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Dial,
    Ring,
    Answer,
    Refuse,
    Cancel,
    HangUp,
}

struct World {
    now: Instant,
    agents: [Ua; 2],
    queue: TimerQueue<Happening>,
    link: Link,
}

impl World {
    fn new(seed: u64, quality: Quality, transport: Transport) -> Self {
        let now = Instant::now();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let agents = [0, 1].map(|i| {
            bytes[31] = i as u8 + 1;
            Ua::new(i, transport, Mint::new(i as u8, bytes))
        });
        bytes[31] = 9;
        Self {
            now,
            agents,
            queue: TimerQueue::new(now),
            link: Link::new(quality, Mint::new(9, bytes)),
        }
    }

    /// Dials `calls` calls with plans drawn from the seed and runs until nothing is left to happen.
    fn run(&mut self, calls: usize) {
        let mut dice = self.link.dice();
        for call in 0..calls {
            let plan = Plan::draw(&mut dice);
            self.agents[0].expect_call(plan);
            self.agents[1].plan_answer(plan);
            let at = self.now + Duration::from_millis(dice.below(2000));
            self.queue.insert(
                at,
                Happening::Does {
                    ua: 0,
                    call,
                    what: Deed::Dial,
                },
            );
        }
        for _ in 0..1_000_000 {
            let ends = [
                self.agents[0].poll_timeout(),
                self.agents[1].poll_timeout(),
                self.queue.next(),
            ];
            let Some(next) = ends.into_iter().flatten().min() else {
                return;
            };
            self.now = self.now.max(next);
            self.step();
        }
        panic!("never quiet: {:?}", self.agents.each_ref().map(Ua::counts));
    }

    fn step(&mut self) {
        for agent in &mut self.agents {
            agent.handle_timeout(self.now);
        }
        while let Some((_, happening)) = self.queue.pop(self.now) {
            match happening {
                Happening::Arrives { at, bytes } => self.agents[at].receive(self.now, bytes),
                Happening::Does { ua, call, what } => self.agents[ua].act(self.now, call, what),
            }
            self.settle();
        }
        self.settle();
    }

    /// Puts on the wire what the agents send, and into the calendar what they mean to do.
    fn settle(&mut self) {
        for from in 0..2 {
            for bytes in self.agents[from].take_sends() {
                for delay in self.link.carry() {
                    self.queue.insert(
                        self.now + delay,
                        Happening::Arrives {
                            at: 1 - from,
                            bytes: bytes.clone(),
                        },
                    );
                }
            }
            for (delay, call, what) in self.agents[from].take_intents() {
                self.queue
                    .insert(self.now + delay, Happening::Does { ua: from, call, what });
            }
        }
    }

    fn assert_nothing_left(&self, seed: u64) {
        for agent in &self.agents {
            assert_eq!(agent.counts(), Counts::default(), "seed {seed}");
            assert_eq!(agent.poll_timeout(), None, "seed {seed}");
            assert_eq!(agent.open_calls(), Vec::<usize>::new(), "seed {seed}");
        }
        assert!(self.agents[1].no_call_rang_twice(), "seed {seed}");
    }
}

#[test]
fn on_a_good_network_every_call_goes_as_planned_and_nothing_is_sent_twice() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = World::new(1, Quality::GOOD, transport);
        world.run(300);
        world.assert_nothing_left(1);
        for agent in &world.agents {
            for reason in [
                DropReason::RequestCopy,
                DropReason::ResponseCopy,
                DropReason::ResponseUnmatched,
            ] {
                assert_eq!(agent.dropped(reason), 0, "{reason:?}");
            }
            assert_eq!(agent.timeouts(), 0);
        }
        let (talked, refused, cancelled) = world.agents[0].outcomes();
        assert_eq!(talked + refused + cancelled, 300);
        assert!(
            talked > 100 && refused > 20 && cancelled > 20,
            "{talked} {refused} {cancelled}"
        );
    }
}

#[test]
fn on_a_bad_network_every_call_ends_on_both_sides() {
    let mut talked_at_all = 0;
    for seed in 0..60 {
        let mut world = World::new(seed, Quality::BAD, Transport::Udp);
        world.run(20);
        world.assert_nothing_left(seed);
        talked_at_all += world.agents[0].outcomes().0;
    }
    assert!(
        talked_at_all > 300,
        "retransmission carries most calls through: {talked_at_all}"
    );
}

#[test]
fn on_a_network_that_loses_most_everything_still_ends() {
    for seed in 0..30 {
        let mut world = World::new(seed, Quality::AWFUL, Transport::Udp);
        world.run(20);
        world.assert_nothing_left(seed);
    }
}

#[test]
fn when_nothing_arrives_everything_times_out() {
    let mut world = World::new(5, Quality::DEAD, Transport::Udp);
    world.run(20);
    world.assert_nothing_left(5);
    assert_eq!(world.agents[0].timeouts(), 20);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let history = |seed| {
        let mut world = World::new(seed, Quality::BAD, Transport::Udp);
        world.run(20);
        (world.link.carried(), world.agents[0].outcomes())
    };
    assert_eq!(history(11), history(11));
    assert_ne!(history(11).0, history(12).0);
}
