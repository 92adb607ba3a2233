//! Carrying out what the switch wants: messages, media, records, names.

use records::Job;
use rtp_proto::control::{Event, SessionStats};
use sip_net::{Lookup, Query, SendResult, StreamError};
use sip_proto::Transport;
use switch::{Command, Input, RecordJob, TRIAL_LISTENER};

use super::Shard;

/// Media commands that may wait for room in a mailbox.
const DEFERRED: usize = 65_536;

impl Shard {
    /// Carries out what the switch wants, and what follows from that.
    pub(super) fn carry_out(&mut self) {
        self.command_media();
        loop {
            let mut doing = std::mem::replace(&mut self.commands, std::mem::take(&mut self.doing));
            for command in doing.drain(..) {
                self.apply(command);
            }
            self.doing = doing;
            let Some(input) = self.feedback.pop_front() else {
                break;
            };
            let now = self.clock.now();
            self.switch.handle(now, input, &mut self.commands);
        }
        self.send_refusals();
    }

    /// Sends what turns requests away for overload: many are alike, but for names of one length.
    pub(super) fn send_refusals(&mut self) {
        if self.refusals.is_empty() {
            return;
        }
        let key = |refusal: &sip_proto::Send| {
            let flow = refusal.flow;
            (flow.listener.0, flow.remote, refusal.bytes.len())
        };
        self.refusals.sort_unstable_by_key(key);
        for alike in self.refusals.chunk_by(|a, b| key(a) == key(b)) {
            let Some(first) = alike.first() else { continue };
            let listener = self
                .listeners
                .iter_mut()
                .find(|(id, _)| *id == first.flow.listener);
            if let Some((_, listener)) = listener {
                listener.send_alike(first.flow.remote, alike.iter().map(|refusal| &refusal.bytes));
            }
        }
        self.refusals.clear();
    }

    pub(super) fn apply(&mut self, command: Command) {
        match command {
            Command::Send(send) => self.send(send),
            Command::Alias { flow } => {
                if let Some(streams) = self.streams.as_mut() {
                    streams.alias(&flow);
                }
            }
            Command::Media(command) => {
                self.deferred.push_back(command);
                self.command_media();
            }
            Command::Record(job) => self.store(job),
            Command::KeepRegistrations(bytes) => self.registrations.keep(bytes),
            Command::KeepUsual(bytes) => self.usual.keep(bytes),
            Command::KeepLearned(saved) => self
                .learned
                .keep_made(move || serde_json::to_vec(&saved).unwrap_or_default()),
            Command::Leg { call_id, call } => self.tap.leg(call_id, call),
            Command::Event(event) => self.news.tell(*event),
            Command::Probed {
                trial,
                target,
                place,
                probed,
            } => self.tap.trials.probed(trial, target, place, probed),
            Command::FetchCertificate { query, url } => {
                let stir = (&self.switch.snapshot().config.stir, &*self.switch.snapshot().stir);
                if let Err(input) = self.certificates.fetch(query, url, stir) {
                    self.feedback.push_back(input);
                }
            }
            Command::LookUp { query, url, within } => {
                let snapshot = self.switch.snapshot();
                if let Err(input) = self.lookups.ask(query, url, within, snapshot) {
                    self.feedback.push_back(input);
                }
            }
            Command::Resolve {
                query,
                host,
                port,
                transport,
                reach,
            } => {
                let asked = Query {
                    host,
                    port,
                    transport,
                    reach,
                };
                let hops = match self.resolver.lookup(query, asked) {
                    Lookup::Known(found) => found.unwrap_or_default(),
                    Lookup::Pending => return,
                    Lookup::Refused => Vec::new(),
                };
                self.feedback.push_back(Input::Resolved { query, hops });
            }
        }
    }

    fn send(&mut self, send: sip_proto::Send) {
        if send.flow.transport != Transport::Udp {
            return self.send_over_connection(send);
        }
        if send.turns_away {
            return self.refusals.push(send);
        }
        let Some((_, listener)) = self
            .listeners
            .iter_mut()
            .find(|(id, _)| *id == send.flow.listener)
        else {
            return;
        };
        let (flow, local) = (send.flow, listener.local_addr());
        self.tap
            .message(true, flow.transport, local, flow.remote, &send.bytes);
        let failed = matches!(
            listener.send(send.flow.remote, &send.bytes),
            SendResult::Failed(_)
        );
        if let Some(origin) = send.origin.filter(|_| failed) {
            self.feedback.push_back(Input::SendFailed { origin });
        }
    }

    fn send_over_connection(&mut self, send: sip_proto::Send) {
        if send.flow.listener == TRIAL_LISTENER {
            return self.tap.trials.deliver(&send.flow, send.bytes);
        }
        let sent = match self.streams.as_mut() {
            Some(streams) => streams.send(&send.flow, &send.bytes),
            None => Err(StreamError::NoConnection),
        };
        let error = match sent {
            Ok(remote) => {
                let flow = sip_proto::Flow { remote, ..send.flow };
                return self.show_stream(true, &flow, &send.bytes);
            }
            Err(error) => error,
        };
        tracing::debug!(remote = %send.flow.remote, %error, "a message could not be sent");
        match error {
            StreamError::Slow(conn) => self.broken.push(conn),
            StreamError::NoConnection | StreamError::Full => {}
        }
        if let Some(origin) = send.origin {
            self.feedback.push_back(Input::SendFailed { origin });
        }
    }

    /// Hands media commands to their workers, in order, as far as there is room.
    pub(super) fn command_media(&mut self) {
        while let Some(command) = self.deferred.pop_front() {
            if let Err(refused) = self.plane.command(command) {
                self.deferred.push_front(refused.0);
                break;
            }
        }
        if self.deferred.len() > DEFERRED
            && let Some(command) = self.deferred.pop_back()
        {
            self.media_refused(&command);
        }
    }

    /// The media workers are overrun: a session that cannot be opened has failed, one that cannot be closed has no figures.
    fn media_refused(&mut self, command: &rtp_proto::control::Command) {
        use rtp_proto::control::{Command as Media, Side};
        tracing::error!(session = %command.id(), "the media workers take no more commands");
        let id = command.id();
        self.feedback.push_back(Input::Media(match command {
            Media::Open { .. } | Media::Update { .. } => Event::Failed {
                id,
                side: Side::A,
                port: 0,
                error: "the media workers are overrun".to_owned(),
            },
            Media::Close { .. } => Event::Closed {
                id,
                stats: Box::new(SessionStats::default()),
            },
            Media::Play { .. }
            | Media::Hush { .. }
            | Media::Press { .. }
            | Media::Supervise { .. }
            | Media::Report { .. } => return,
        }));
    }

    fn store(&mut self, job: RecordJob) {
        let (ticket, job) = match job {
            RecordJob::Journal {
                ticket,
                record,
                dialogs,
            } => (
                ticket,
                Job::Journal {
                    ticket,
                    record,
                    dialogs,
                },
            ),
            RecordJob::Interim { ticket, record } => (ticket, Job::Interim { ticket, record }),
            RecordJob::Final { ticket, record } => {
                self.news.call(&record);
                (ticket, Job::Final { ticket, record })
            }
        };
        if self.store.submit(job).is_err() {
            tracing::error!(ticket, "the record store's queue is full: a record is lost");
            self.feedback.push_back(Input::StoreFailed { ticket });
        }
    }
}
