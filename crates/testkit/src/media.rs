//! A media plane without packets: it keeps the rules of `rtp_proto::control`, and counts who breaks them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtp_proto::control::{Command, Event, Leg, LegStats, MediaId, SessionStats, Side};
use switch::Input;

use crate::agenda::{Agenda, What};

/// How a media plane behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaMode {
    /// Every command is answered after this time.
    Works(Duration),
    /// No port can be bound; the plane says so after this time.
    Fails(Duration),
    /// Nothing is answered.
    Stuck,
}

/// One stream.
#[derive(Debug)]
struct Stream {
    legs: [Leg; 2],
    /// Since when each leg has been as it is.
    since: [Instant; 2],
    silence: Option<Duration>,
    hold_silence: Option<Duration>,
    told: [bool; 2],
    closing: bool,
}

/// A media plane.
#[derive(Debug)]
pub struct Media {
    /// How it behaves from now on.
    pub mode: MediaMode,
    /// Every command, with its time.
    pub log: Vec<(Instant, Command)>,
    /// What may not happen and did.
    pub faults: Vec<String>,
    streams: BTreeMap<MediaId, Stream>,
    failed: BTreeSet<MediaId>,
    /// Peers that send nothing, by their RTP address, and since when.
    quiet: BTreeMap<SocketAddr, Instant>,
    unanswered: Vec<Event>,
    /// Whether `log` is kept.
    pub logs: bool,
}

impl Media {
    pub(crate) fn new() -> Self {
        Self {
            mode: MediaMode::Works(Duration::from_micros(100)),
            log: Vec::new(),
            faults: Vec::new(),
            streams: BTreeMap::new(),
            failed: BTreeSet::new(),
            quiet: BTreeMap::new(),
            unanswered: Vec::new(),
            logs: true,
        }
    }

    /// Streams that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.streams.len()
    }

    /// The legs of the stream that was opened last and is still open.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn legs(&self) -> &[Leg; 2] {
        &self.streams.last_key_value().expect("an open stream").1.legs
    }

    /// The figures that this plane gives for a stream: made up, and different for each.
    #[must_use]
    pub fn figures(id: MediaId) -> SessionStats {
        let leg = |packets: u64| LegStats {
            packets,
            bytes: packets * 172,
            ..LegStats::default()
        };
        SessionStats {
            legs: [leg(1000 + id.0), leg(5000 + id.0)],
        }
    }

    pub(crate) fn take(&mut self, now: Instant, command: Command, agenda: &mut Agenda) {
        if self.logs {
            self.log.push((now, command.clone()));
        }
        match command {
            Command::Open {
                id,
                legs,
                silence,
                hold_silence,
                one_way: _,
            } => self.open_stream(now, id, legs, silence, hold_silence, agenda),
            Command::Update {
                id,
                side,
                leg,
                rebind: _,
            } => self.update(now, id, side, leg, agenda),
            Command::Play { id, .. }
            | Command::Hush { id, .. }
            | Command::Press { id, .. }
            | Command::Supervise { id, .. } => {
                // That a stream could not be opened may not be known yet.
                let open = self.streams.get(&id).is_some_and(|stream| !stream.closing);
                if !open && !self.failed.contains(&id) {
                    self.faults.push(format!("{id} is to be heard that is not open"));
                }
            }
            Command::Close { id } => {
                match self.streams.get_mut(&id) {
                    Some(stream) if stream.closing => self.faults.push(format!("{id} closed twice")),
                    Some(stream) => stream.closing = true,
                    None if self.failed.contains(&id) => {}
                    None => self.faults.push(format!("{id} closed that is not open")),
                }
                let stats = Box::new(if self.failed.contains(&id) {
                    SessionStats::default()
                } else {
                    Self::figures(id)
                });
                self.say(now, Event::Closed { id, stats }, agenda);
            }
            Command::Report { id } => {
                if self.streams.get(&id).is_none_or(|stream| stream.closing) {
                    self.faults
                        .push(format!("{id} asked for figures that is not open"));
                }
                self.say(
                    now,
                    Event::Report {
                        id,
                        stats: Box::new(Self::figures(id)),
                    },
                    agenda,
                );
            }
        }
    }

    fn open_stream(
        &mut self,
        now: Instant,
        id: MediaId,
        legs: [Leg; 2],
        silence: Option<Duration>,
        hold_silence: Option<Duration>,
        agenda: &mut Agenda,
    ) {
        if self.streams.contains_key(&id) {
            self.faults.push(format!("{id} opened twice"));
        }
        if legs[0].ports == legs[1].ports {
            self.faults
                .push(format!("{id}: both legs on {:?}", legs[0].ports));
        }
        for leg in &legs {
            self.check_port(id, leg);
        }
        if let MediaMode::Fails(after) = self.mode {
            self.failed.insert(id);
            let error = "Address already in use".to_owned();
            let event = Event::Failed {
                id,
                side: Side::A,
                port: legs[0].ports.rtp(),
                error,
            };
            agenda.plan(now + after, What::Switch(Box::new(Input::Media(event))));
            return;
        }
        let stream = Stream {
            legs,
            since: [now; 2],
            silence,
            hold_silence,
            told: [false; 2],
            closing: false,
        };
        self.plan_checks(now, id, &stream, agenda);
        self.streams.insert(id, stream);
    }

    fn update(&mut self, now: Instant, id: MediaId, side: Side, leg: Leg, agenda: &mut Agenda) {
        if self.failed.contains(&id) {
            return;
        }
        self.check_port(id, &leg);
        let index = usize::from(side == Side::B);
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.closing) else {
            self.faults.push(format!("{id} updated that is not open"));
            return;
        };
        if stream.legs[1 - index].ports == leg.ports {
            self.faults.push(format!("{id}: both legs on {:?}", leg.ports));
        }
        stream.legs[index] = leg;
        stream.since[index] = now;
        stream.told[index] = false;
        let stream = self.streams.remove(&id).expect("it is there");
        self.plan_checks(now, id, &stream, agenda);
        self.streams.insert(id, stream);
    }

    /// No port belongs to two streams until the first is closed and has said so.
    fn check_port(&mut self, id: MediaId, leg: &Leg) {
        let taken = |(other, stream): (&MediaId, &Stream)| {
            *other != id && stream.legs.iter().any(|theirs| theirs.ports == leg.ports)
        };
        if leg.ports.rtp() % 2 == 1 || self.streams.iter().any(taken) {
            self.faults
                .push(format!("{id}: port {} is not free", leg.ports.rtp()));
        }
    }

    fn plan_checks(&self, now: Instant, id: MediaId, stream: &Stream, agenda: &mut Agenda) {
        for after in [stream.silence, stream.hold_silence].into_iter().flatten() {
            agenda.plan(now + after, What::MediaCheck(id));
        }
    }

    fn say(&mut self, now: Instant, event: Event, agenda: &mut Agenda) {
        match self.mode {
            MediaMode::Works(after) | MediaMode::Fails(after) => {
                agenda.plan(now + after, What::Switch(Box::new(Input::Media(event))));
            }
            MediaMode::Stuck => self.unanswered.push(event),
        }
    }

    /// What is on its way to the switch leaves the plane: a closed stream's ports are free from here on.
    pub(crate) fn said(&mut self, event: &Event) {
        if let Event::Closed { id, .. } = event {
            self.streams.remove(id);
        }
    }

    /// The peer with this RTP address sends nothing any more.
    pub(crate) fn goes_quiet(&mut self, now: Instant, rtp: SocketAddr, agenda: &mut Agenda) {
        self.quiet.entry(rtp).or_insert(now);
        for (id, stream) in &self.streams {
            let there = |leg: &Leg| leg.remote.is_some_and(|remote| remote.rtp == rtp);
            if stream.legs.iter().any(there) {
                self.plan_checks(now, *id, stream, agenda);
            }
        }
    }

    pub(crate) fn check(&mut self, now: Instant, id: MediaId, agenda: &mut Agenda) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.closing) else {
            return;
        };
        let mut silent = Vec::new();
        for (index, side) in Side::BOTH.into_iter().enumerate() {
            let leg = &stream.legs[index];
            let Some(since) = leg.remote.and_then(|remote| self.quiet.get(&remote.rtp)) else {
                continue;
            };
            let Some(limit) = (if leg.expects {
                stream.silence
            } else {
                stream.hold_silence
            }) else {
                continue;
            };
            let quiet = now.saturating_duration_since((*since).max(stream.since[index]));
            if quiet >= limit && !stream.told[index] {
                stream.told[index] = true;
                silent.push(Event::Silent { id, side, quiet });
            }
        }
        for event in silent {
            self.say(now, event, agenda);
        }
    }

    /// Says now what it should have said.
    pub(crate) fn catch_up(&mut self, now: Instant, agenda: &mut Agenda) {
        for event in self.unanswered.drain(..) {
            agenda.plan(now, What::Switch(Box::new(Input::Media(event))));
        }
    }

    /// The process is gone, and its sockets with it.
    pub(crate) fn forget(&mut self) {
        self.streams.clear();
        self.unanswered.clear();
    }
}
