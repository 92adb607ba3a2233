//! The simulated PBX: places a call, talks, hangs up, and checks that all of it was as it should be.

use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use records::{Filter, Reader};
use sip_msg::{HeaderId, Message, Method, Writer};
use sip_proto::Dialog;
use switch::record::{AttemptRecord, CallRecord, HungUpBy, RecordState};

use super::audio::{Heard, converse};
use super::sip::{Agent, Answered, Leg, audio_address, describe};
use super::stage::{Ear, End, Script, Stage, count};

/// The extension that calls; the embedded defaults have its number at the PBX.
const EXTENSION: &str = "+441632960100";
/// How long ringing may take.
const RINGING: Duration = Duration::from_secs(60);
/// How long the answer to a BYE may take: 64·T1.
const PATIENCE: Duration = Duration::from_secs(32);
/// How long the called party's BYE may take after the tunes have ended.
const GOODBYE: Duration = Duration::from_secs(10);
/// How long the carrier's word on what it heard may take after the call's end.
const WORD: Duration = Duration::from_secs(5);
/// How often it is looked whether both ends have heard all.
const TICK: Duration = Duration::from_millis(50);
/// How long the record may take to be found.
const RECORD: Duration = Duration::from_secs(5);

/// Places call number `call` and tells its story.
pub(super) fn place(stage: &Stage, agent: &Agent, records: &Path, call: u32) {
    let number = Stage::number_of(call);
    // Past a thousand calls the numbers begin anew, and with them what the story calls them.
    let Some((call, script)) = stage.script_of(&number) else {
        return;
    };
    let leg = agent.leg(agent.token().into_bytes());
    let outgoing = Outgoing {
        stage,
        leg,
        records,
        call,
        number,
        script,
    };
    match outgoing.play() {
        Ok(outcome) => count(match outcome {
            Outcome::Answered => &stage.tally.answered,
            Outcome::Busy => &stage.tally.busy,
            Outcome::CutShort => &stage.tally.cut_short,
        }),
        Err(error) => {
            count(&stage.tally.bad);
            outgoing.say(&format!("FAULT: {error:#}"));
        }
    }
    stage.forget(call);
}

enum Outcome {
    Answered,
    Busy,
    CutShort,
}

struct Outgoing<'a> {
    stage: &'a Stage,
    leg: Leg<'a>,
    records: &'a Path,
    call: u32,
    number: String,
    script: Script,
}

impl Outgoing<'_> {
    fn say(&self, text: &str) {
        self.stage.say(self.call, text);
    }

    fn play(&self) -> Result<Outcome> {
        let rtp = UdpSocket::bind((self.leg.agent.local.ip(), 0))?;
        let invite = self.invite(&describe(rtp.local_addr()?)?)?;
        self.say(&format!("pbx calls {}", self.number));
        let started = Instant::now();
        let answer = self.ring(&invite)?;
        let after = started.elapsed().as_secs_f64();
        match answer.status() {
            Some(200) => {
                self.say(&format!("pbx hears the answer after {after:.1} s"));
                self.talk(&invite, &answer, &rtp)
            }
            Some(486) if self.script.end == End::Busy => self.refused(&invite, &answer, 486, Outcome::Busy),
            Some(487) if self.stage.is_closing() => self.refused(&invite, &answer, 487, Outcome::CutShort),
            // Tandem, told to end, takes no new calls.
            Some(503) if self.stage.is_closing() => Ok(Outcome::CutShort),
            Some(other) if self.record()?.hung_up_by == HungUpBy::Operator => {
                self.refused(&invite, &answer, other, Outcome::CutShort)
            }
            Some(other) => bail!("the answer is {other}"),
            None => bail!("the answer is none"),
        }
    }

    fn invite(&self, body: &[u8]) -> Result<Message> {
        let agent = self.leg.agent;
        let mut writer = Writer::request(
            &Method::Invite,
            format!("sip:{}@{}", self.number, agent.switch()).as_bytes(),
        );
        writer.header(HeaderId::Via, agent.via().as_bytes());
        writer.header(HeaderId::MaxForwards, b"70");
        writer.header_fmt(
            HeaderId::From,
            format_args!("<sip:{EXTENSION}@{}>;tag={}", agent.local, agent.token()),
        );
        writer.header_fmt(
            HeaderId::To,
            format_args!("<sip:{}@{}>", self.number, agent.switch()),
        );
        writer.header(HeaderId::CallId, self.leg.call_id());
        writer.header(HeaderId::CSeq, b"1 INVITE");
        writer.header(HeaderId::Contact, agent.contact().as_bytes());
        writer.header(HeaderId::UserAgent, b"tandem demo");
        let bytes = writer.finish_with(b"application/sdp", body);
        sip_msg::parse(bytes, &sip_msg::Limits::default()).map_err(|error| anyhow!("our own INVITE: {error}"))
    }

    /// From INVITE to the final answer.
    fn ring(&self, invite: &Message) -> Result<Message> {
        let agent = self.leg.agent;
        let heard = AtomicBool::new(false);
        let mut cancelled = false;
        let judge = |message: &Message| match message.status() {
            Some(100..=199) => {
                heard.store(true, Ordering::Relaxed);
                Answered::Heard
            }
            Some(_) if message.cseq().1 == &Method::Invite => Answered::Yes,
            Some(_) | None => Answered::No,
        };
        let cancel_if_closing = || {
            if self.stage.is_closing() && heard.load(Ordering::Relaxed) && !cancelled {
                agent.send(&same_branch(invite, &Method::Cancel, None));
                cancelled = true;
            }
            false
        };
        let answer = self.leg.exchange(invite.raw(), RINGING, judge, cancel_if_closing);
        answer.context("no final answer to the INVITE came")
    }

    fn refused(&self, invite: &Message, answer: &Message, status: u16, outcome: Outcome) -> Result<Outcome> {
        self.leg
            .agent
            .send(&same_branch(invite, &Method::Ack, Some(answer)));
        let record = self.record()?;
        ensure!(
            record.cause.sip == status,
            "record {} says {}",
            record.id,
            record.cause.sip
        );
        self.tell_record(&record, "");
        Ok(outcome)
    }

    fn talk(&self, invite: &Message, answer: &Message, rtp: &UdpSocket) -> Result<Outcome> {
        let agent = self.leg.agent;
        let mut dialog = Dialog::uac(invite, answer).context("no dialog")?;
        let ack = dialog
            .request(&Method::Ack)
            .writer(agent.via().as_bytes())
            .finish();
        agent.send(&ack);
        let to = audio_address(answer)?;
        let over = AtomicBool::new(false);
        let (stage, packets, call) = (self.stage, self.script.packets, self.call);
        let stop = || over.load(Ordering::Relaxed) || stage.is_closing();
        let tunes = stage.tunes();
        let speak = || {
            let heard = converse(rtp, to, (&tunes.caller, &tunes.called), packets, stop);
            heard.map(|heard| stage.tell(call, Ear::Caller, heard))
        };
        thread::scope(|scope| {
            let audio = scope.spawn(speak);
            let hung_up = self.wait_for_bye(&ack);
            over.store(true, Ordering::Relaxed);
            audio.join().map_err(|_| anyhow!("the audio thread panicked"))??;
            if hung_up {
                Ok(())
            } else {
                self.hang_up(&mut dialog)
            }
        })?;
        let (heard, theirs) = self.heard().context("the carrier did not say what it heard")?;
        if stage.is_closing() && (heard.sent < packets || theirs.sent < packets) {
            return Ok(Outcome::CutShort);
        }
        self.judge(heard, theirs)
    }

    /// What both ends heard; the carrier's word may take a moment where the call was cut short.
    fn heard(&self) -> Option<(Heard, Heard)> {
        let until = Instant::now() + WORD;
        while self.stage.heard(self.call).is_none() && Instant::now() < until {
            thread::sleep(TICK);
        }
        self.stage.heard(self.call)
    }

    /// Waits for the other side's BYE and answers it, or until the caller is to hang up: once both ends have heard all, or at the
    /// end of the demo.
    fn wait_for_bye(&self, ack: &Bytes) -> bool {
        let until = Instant::now() + self.script.talk() + GOODBYE;
        let ours = || self.script.end == End::CallerHangsUp && self.stage.heard(self.call).is_some();
        while Instant::now() < until && !ours() && !self.stage.is_closing() {
            let Some(message) = self.leg.next(TICK) else {
                continue;
            };
            match message.method() {
                Some(Method::Bye) => {
                    let agent = self.leg.agent;
                    agent.send(&agent.reply(&message, 200, "").finish());
                    return true;
                }
                // A 200 that comes again asks for its ACK again.
                None if message.status() == Some(200) => self.leg.agent.send(ack),
                Some(_) | None => {}
            }
        }
        false
    }

    fn hang_up(&self, dialog: &mut Dialog) -> Result<()> {
        let agent = self.leg.agent;
        self.say("pbx hangs up (BYE)");
        let bye = dialog
            .request(&Method::Bye)
            .writer(agent.via().as_bytes())
            .finish();
        let judge = |message: &Message| {
            if message.method() == Some(&Method::Bye) {
                // Both hang up at once: each gets its answer.
                agent.send(&agent.reply(message, 200, "").finish());
            }
            match message.status() {
                Some(200..) if message.cseq().1 == &Method::Bye => Answered::Yes,
                Some(_) | None => Answered::No,
            }
        };
        let answered = self.leg.exchange(&bye, PATIENCE, judge, || false);
        answered.map(drop).context("nobody answered the BYE")
    }

    /// Whether the call was good, by what both ends heard and by its record.
    fn judge(&self, heard: Heard, theirs: Heard) -> Result<Outcome> {
        let record = self.record()?;
        if record.hung_up_by == HungUpBy::Operator {
            self.say(&format!("record {}: ended by the operator", record.id));
            return Ok(Outcome::CutShort);
        }
        let carrier = record.to_trunk.as_deref().unwrap_or("nobody");
        for (way, sent, got) in [
            (format!("pbx → {carrier}"), heard.sent, theirs),
            (format!("{carrier} → pbx"), theirs.sent, heard),
        ] {
            let good = sent == self.script.packets && got.received == sent && got.identical == sent;
            let word = if good { "identical" } else { "NOT identical" };
            self.say(&format!(
                "audio {way}: {sent} packets sent, {} received, {word}",
                got.received
            ));
            ensure!(
                good,
                "{} of {sent} packets arrived as they were sent",
                got.identical
            );
        }
        let talk = Duration::from_millis(record.talk_ms).as_secs_f64();
        self.tell_record(&record, &format!("; {talk:.1} s of talk"));
        ensure!(
            record.cause.kind == "normal" && record.cause.sip == 200,
            "the record says {:?}",
            record.cause
        );
        let counted = (record.caller_media.packets, record.called_media.packets);
        let sent = (u64::from(heard.sent), u64::from(theirs.sent));
        ensure!(
            counted == sent,
            "the record counts {counted:?} packets, sent were {sent:?}"
        );
        Ok(Outcome::Answered)
    }

    fn tell_record(&self, record: &CallRecord, more: &str) {
        if record.attempts.len() > 1 {
            count(&self.stage.tally.failovers);
        }
        self.say(&format!(
            "record {}: {}{more}",
            record.id,
            describe_attempts(record)
        ));
    }

    /// This call's record. It is stored before the answer to the BYE leaves; the last answer of a refused call may overtake it.
    fn record(&self) -> Result<CallRecord> {
        let filter = Filter {
            number: Some(self.number.clone()),
            limit: 1,
            ..Filter::default()
        };
        let until = Instant::now() + RECORD;
        loop {
            let found = Reader::open(self.records)?.query(&filter)?.into_iter().next();
            let ours = found.filter(|record| {
                record.state == RecordState::Final && record.call_id.as_bytes() == self.leg.call_id()
            });
            if let Some(record) = ours {
                return Ok(record);
            }
            ensure!(Instant::now() < until, "there is no record of the call");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// `carrier-a 503, carrier-b answered`.
fn describe_attempts(record: &CallRecord) -> String {
    let attempt = |attempt: &AttemptRecord| match attempt.outcome.as_str() {
        "answered" => format!("{} answered", attempt.trunk),
        _ => format!("{} {}", attempt.trunk, attempt.sip),
    };
    record.attempts.iter().map(attempt).collect::<Vec<_>>().join(", ")
}

/// A CANCEL, or the ACK to a final answer that is no 2xx: of the INVITE's own transaction (RFC 3261 §9.1, §17.1.1.3).
fn same_branch(invite: &Message, method: &Method, answer: Option<&Message>) -> Bytes {
    let mut writer = Writer::request(method, invite.uri());
    writer
        .copy(invite, HeaderId::Via)
        .copy(invite, HeaderId::MaxForwards)
        .copy(invite, HeaderId::From);
    writer
        .copy(answer.unwrap_or(invite), HeaderId::To)
        .copy(invite, HeaderId::CallId);
    writer.header_fmt(
        HeaderId::CSeq,
        format_args!("1 {}", String::from_utf8_lossy(method.as_bytes())),
    );
    writer.finish()
}
