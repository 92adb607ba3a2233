//! One worker: its streams, its epoll instance, its turn.

mod lending;
mod stream;
mod tally;
mod timers;

use crate::mailbox::Mailbox;
use crate::order::{Fresh, Order};
use crate::plane::{EventSink, PlaneConfig};
use crate::sockets::{Failure, Place, Sockets};
use rtp_proto::control::{Command, Event, Leg, MediaId, SessionStats, Side};
use rtp_proto::ids::IdMap;
use rtp_proto::{Notice, Patience, Session};
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
pub(crate) use stream::Token;
use tally::Tally;
use timers::Timers;

/// Sockets reported per turn.
const EVENTS: usize = 256;
/// Commands per turn, so that a burst of calls does not hold up packets.
const COMMANDS: usize = 32;
/// How soon an event that the sink refused is offered again.
const OFFER: Duration = Duration::from_millis(5);
/// A stream is looked at again after this at the earliest.
const SOONEST: Duration = Duration::from_millis(1);
/// How long an ending worker offers its last events.
const FAREWELL: Duration = Duration::from_secs(1);
/// Longest UDP payload.
const DATAGRAM: usize = 65_536;

/// One media thread's state.
pub(crate) struct Worker {
    config: PlaneConfig,
    epoll: Arc<OwnedFd>,
    mailbox: Mailbox,
    sink: Arc<dyn EventSink>,
    /// By slot.
    streams: Vec<Option<Box<Stream>>>,
    timers: Timers,
    free: Vec<usize>,
    slots: IdMap<MediaId, usize>,
    /// Events that the sink had no room for. While there are any, no commands are taken, which bounds them.
    refused: VecDeque<Event>,
    tally: Tally,
    buffer: Box<[u8]>,
    /// Keyed by chance: what streams begin their own numbers with.
    chance: RandomState,
    /// The kernel path's count of them when last looked at.
    route_changes: u64,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        config: &PlaneConfig,
        mailbox: Mailbox,
        sink: Arc<dyn EventSink>,
    ) -> io::Result<Self> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        epoll::add(
            &*epoll,
            mailbox.eventfd(),
            Token::BELL.data(),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            config: config.clone(),
            epoll,
            mailbox,
            sink,
            streams: Vec::new(),
            timers: Timers::new(Instant::now()),
            free: Vec::new(),
            slots: IdMap::default(),
            refused: VecDeque::new(),
            tally: Tally::new(index),
            buffer: vec![0; DATAGRAM].into_boxed_slice(),
            chance: RandomState::new(),
            route_changes: 0,
        })
    }

    /// Where sockets that are to be this worker's are watched.
    pub(crate) fn epoll(&self) -> &Arc<OwnedFd> {
        &self.epoll
    }

    /// The thread.
    pub(crate) fn run(mut self) {
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: Token::BELL.data(),
        }; EVENTS];
        let (mut turn, mut now) = (0, Instant::now());
        while !self.mailbox.stopped() {
            let ready = self.wait(now, &mut events);
            now = Instant::now();
            turn += 1;
            self.offer();
            // Before the packets: one that answers to a new SDP is behind the command that tells of it.
            self.commands(now);
            for event in events.iter().take(ready) {
                match Token::from_data(event.data) {
                    Token::BELL => self.mailbox.hush(),
                    token => self.readable(now, turn, token),
                }
            }
            while let Some(slot) = self.timers.due(now) {
                self.timeout(now, slot);
            }
            if self.timers.tick(now) {
                self.tick(now);
            }
        }
        self.farewell();
    }

    /// Waits for packets, a command or the next tick; how many events there are.
    fn wait(&self, now: Instant, events: &mut [epoll::Event]) -> usize {
        let ticks = !self.slots.is_empty() || !self.refused.is_empty();
        let patience = if !self.mailbox.may_sleep(ticks) && self.refused.is_empty() {
            Some(Duration::ZERO)
        } else if !self.refused.is_empty() {
            Some(OFFER)
        } else if self.slots.is_empty() {
            None
        } else {
            Some(self.timers.next().saturating_duration_since(now))
        };
        let timeout = patience.and_then(|patience| patience.try_into().ok());
        let ready = epoll::wait(&*self.epoll, events, timeout.as_ref());
        self.mailbox.awake();
        match ready {
            Ok(ready) => ready,
            Err(Errno::INTR) => 0,
            Err(error) => {
                tracing::error!(%error, "waiting for media packets failed");
                0
            }
        }
    }

    fn readable(&mut self, now: Instant, turn: u64, token: Token) {
        // A stream whose order is still on its way, or that was closed in this turn, has none.
        let Some(slot) = self.slots.get(&token.id()).copied() else {
            return;
        };
        let Some(Some(stream)) = self.streams.get_mut(slot) else {
            return;
        };
        if stream.readable(now, turn, token, &mut self.buffer, &mut self.tally) {
            self.attend(now, slot);
        }
    }

    fn commands(&mut self, now: Instant) {
        for _ in 0..COMMANDS {
            if !self.refused.is_empty() {
                return;
            }
            let Some(Order { command, fresh }) = self.mailbox.take() else {
                return;
            };
            match (*command, fresh) {
                (
                    Command::Open {
                        id,
                        legs,
                        silence,
                        hold_silence,
                        one_way,
                    },
                    Fresh::Both(sockets),
                ) => {
                    let patience = Patience {
                        expected: silence,
                        held: hold_silence,
                        one_way,
                    };
                    let session = Session::new(now, &legs, patience, self.chance.hash_one(id));
                    self.open(now, id, session, sockets);
                }
                (Command::Update { id, side, leg, .. }, Fresh::One(fresh)) => {
                    self.update(now, id, side, &leg, Some(*fresh));
                }
                (Command::Update { id, side, leg, .. }, _) => self.update(now, id, side, &leg, None),
                (Command::Close { id }, _) => self.close(now, id),
                (Command::Report { id }, _) => {
                    let slot = self.slots.get(&id).copied();
                    if let Some(Some(stream)) = slot.and_then(|slot| self.streams.get_mut(slot)) {
                        stream.refresh(&mut self.tally);
                        let stats = Box::new(stream.stats());
                        self.tell(Event::Report { id, stats });
                    }
                }
                (
                    command @ (Command::Press { .. }
                    | Command::Play { .. }
                    | Command::Hush { .. }
                    | Command::Supervise { .. }),
                    _,
                ) => self.sound(now, command),
                // An order is made with the sockets that its command needs.
                (Command::Open { .. }, Fresh::None | Fresh::One(_)) => {}
            }
        }
    }

    /// Something is to be heard by a peer, or of it.
    fn sound(&mut self, now: Instant, command: Command) {
        let id = command.id();
        self.with(now, id, |stream, buffer, tally| match command {
            Command::Press {
                side,
                digit,
                duration,
                ..
            } => stream.press(now, side, digit, duration, buffer, tally),
            Command::Play {
                side, sound, audio, ..
            } => stream.play(now, side, (&sound, &audio), buffer, tally),
            Command::Hush { side, .. } => stream.hush(now, side, buffer, tally),
            Command::Supervise {
                side, audio, time, ..
            } => stream.supervise(now, side, (&audio, time), buffer, tally),
            Command::Open { .. }
            | Command::Update { .. }
            | Command::Close { .. }
            | Command::Report { .. } => {}
        });
    }

    /// Does something with a stream, if there is one of this id.
    fn with(&mut self, now: Instant, id: MediaId, act: impl FnOnce(&mut Stream, &mut [u8], &mut Tally)) {
        let slot = self.slots.get(&id).copied();
        if let Some((slot, Some(stream))) = slot.and_then(|slot| Some((slot, self.streams.get_mut(slot)?))) {
            act(stream, &mut self.buffer, &mut self.tally);
            self.attend(now, slot);
        }
    }

    fn open(
        &mut self,
        now: Instant,
        id: MediaId,
        session: Session,
        sockets: Result<Box<[Sockets; 2]>, Failure>,
    ) {
        let refusal = if self.slots.contains_key(&id) {
            Some("the stream's id is in use")
        } else if self.slots.len() >= self.config.max_streams {
            Some("too many streams")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return self.tell(Event::Failed {
                id,
                side: Side::A,
                port: 0,
                error: refusal.to_owned(),
            });
        }
        let sockets = match sockets {
            Ok(sockets) => *sockets,
            Err(failure) => return self.tell(failure.event(id)),
        };
        let stream = Stream::new(
            id,
            session,
            sockets,
            self.config.connect,
            self.config.kernel.clone(),
        );
        let slot = self.free.pop().unwrap_or(self.streams.len());
        if slot == self.streams.len() {
            self.streams.push(None);
        }
        if self.slots.is_empty() {
            self.timers.begin(now);
        }
        if let Some(place) = self.streams.get_mut(slot) {
            *place = Some(Box::new(stream));
        }
        self.slots.insert(id, slot);
        self.attend(now, slot);
    }

    fn update(&mut self, now: Instant, id: MediaId, side: Side, leg: &Leg, fresh: Option<Sockets>) {
        let Some(slot) = self.slots.get(&id).copied() else {
            return;
        };
        let Some(Some(stream)) = self.streams.get_mut(slot) else {
            return;
        };
        let place = Place {
            epoll: &self.epoll,
            id,
            receive_buffer: self.config.receive_buffer,
        };
        let result = stream.update(now, place, side, (leg, fresh), &mut self.buffer, &mut self.tally);
        self.attend(now, slot);
        if let Err(failure) = result {
            self.tell(failure.event(id));
        }
    }

    fn close(&mut self, now: Instant, id: MediaId) {
        let mut stats = SessionStats::default();
        if let Some(slot) = self.slots.remove(&id) {
            if let Some(mut stream) = self.streams.get_mut(slot).and_then(Option::take) {
                stream.drain(now, &mut self.buffer, &mut self.tally);
                // The sockets close here, before anybody is told that the ports are free.
                stats = stream.stats();
            }
            self.timers.set(slot, None);
            self.free.push(slot);
        }
        if self.slots.is_empty() {
            // Without streams there are no ticks.
            self.tally.flush(0);
        }
        self.tell(Event::Closed {
            id,
            stats: Box::new(stats),
        });
    }

    /// Looks at the timers that are due.
    fn tick(&mut self, now: Instant) {
        self.follow_routes(now);
        for slot in 0..self.streams.len() {
            if self.timers.passed(now, slot) {
                self.timeout(now, slot);
            }
        }
        self.tally.publish(now, self.slots.len());
    }

    fn timeout(&mut self, now: Instant, slot: usize) {
        if let Some(Some(stream)) = self.streams.get_mut(slot) {
            stream.timeout(now, &mut self.buffer, &mut self.tally);
            self.attend(now, slot);
        }
    }

    /// Takes from a stream what it has to tell, and when it wants to be looked at next.
    fn attend(&mut self, now: Instant, slot: usize) {
        let Some(Some(stream)) = self.streams.get_mut(slot) else {
            return;
        };
        let id = stream.id();
        // Whatever a peer makes it want, a stream never holds up the others of its turn.
        self.timers
            .set(slot, stream.deadline(now).map(|at| at.max(now + SOONEST)));
        while let Some(notice) = self
            .streams
            .get_mut(slot)
            .and_then(Option::as_mut)
            .and_then(|stream| stream.notice())
        {
            match notice {
                Notice::Silent { side, quiet } => self.tell(Event::Silent { id, side, quiet }),
                Notice::OneWay { side, quiet } => self.tell(Event::OneWay { id, side, quiet }),
                Notice::Supervised { side, after } => self.tell(Event::Supervised { id, side, after }),
                Notice::SoundsBad { side, mos } => self.tell(Event::SoundsBad { id, side, mos }),
                Notice::Played { side } => self.tell(Event::Played { id, side }),
                Notice::Path { side, change } => self.tell(Event::Path { id, side, change }),
                Notice::Digit { side, heard } => {
                    self.tally.digit();
                    self.tell(Event::Digit {
                        id,
                        side,
                        digit: heard.digit,
                        duration: heard.duration,
                    });
                }
                Notice::Rated { mos, .. } => self.tally.rated(mos),
            }
        }
    }

    /// What the kernel relays has to leave by the right interface.
    fn follow_routes(&mut self, now: Instant) {
        let Some(changes) = self.config.kernel.as_ref().map(|kernel| kernel.route_changes()) else {
            return;
        };
        if std::mem::replace(&mut self.route_changes, changes) != changes {
            for stream in self.streams.iter_mut().flatten() {
                stream.reroute(now, &mut self.buffer, &mut self.tally);
            }
        }
    }

    fn tell(&mut self, event: Event) {
        if !self.refused.is_empty() {
            self.refused.push_back(event);
        } else if let Err(event) = self.sink.deliver(event) {
            self.refused.push_back(event);
        }
    }

    /// Offers refused events again, in order.
    fn offer(&mut self) {
        while let Some(event) = self.refused.pop_front() {
            if let Err(event) = self.sink.deliver(event) {
                return self.refused.push_front(event);
            }
        }
    }

    fn farewell(&mut self) {
        let ids: Vec<_> = self.slots.keys().copied().collect();
        let now = Instant::now();
        ids.into_iter().for_each(|id| self.close(now, id));
        let until = now + FAREWELL;
        self.offer();
        while !self.refused.is_empty() && Instant::now() < until {
            std::thread::sleep(OFFER);
            self.offer();
        }
        self.tally.flush(0);
    }
}
