//! A simulated carrier: takes calls in its own manner, plays its tune, listens, and hangs up when the script says so.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use sip_msg::{HeaderId, Message, Method};
use sip_proto::Dialog;

use super::audio::converse;
use super::sip::{Answered, Leg, audio_address, describe};
use super::stage::{Ear, End, Script, Stage};

/// How long an ACK or the answer to a BYE may take: 64·T1.
const PATIENCE: Duration = Duration::from_secs(32);
/// How long the caller's BYE may take after the tunes have ended.
const GOODBYE: Duration = Duration::from_secs(10);

/// How often it is looked whether both ends have heard all.
const TICK: Duration = Duration::from_millis(50);

/// How a carrier behaves.
pub(super) struct Manner {
    /// Answers 503 to every so manieth call; 0: to none.
    pub(super) refuses: u32,
    /// From INVITE to 180.
    pub(super) rings: Duration,
    /// From 180 to the final answer.
    pub(super) answers: Duration,
}

/// Takes one call, from INVITE to the end.
pub(super) fn take(stage: &Stage, manner: &Manner, invite: &Message, leg: &Leg<'_>, refuse: bool) {
    let called = user(invite);
    let Some((call, script)) = stage.script_of(&called) else {
        refuse_with(leg, invite, 404);
        return;
    };
    let call = Incoming {
        stage,
        leg,
        invite,
        tag: leg.agent.token(),
        call,
        script,
    };
    if let Err(error) = call.play(manner, refuse) {
        stage.say(call.call, &format!("{} is at a loss: {error:#}", leg.agent.name));
    }
}

/// The number in a Request-URI.
fn user(invite: &Message) -> String {
    let user = sip_msg::SipUri::parse(invite.uri()).ok().and_then(|uri| uri.user);
    String::from_utf8_lossy(user.unwrap_or_default()).into_owned()
}

fn refuse_with(leg: &Leg<'_>, invite: &Message, status: u16) {
    let bytes = leg.agent.reply(invite, status, &leg.agent.token()).finish();
    leg.exchange(&bytes, PATIENCE, is_ack, || false);
}

fn is_ack(message: &Message) -> Answered {
    if message.method() == Some(&Method::Ack) {
        Answered::Yes
    } else {
        Answered::No
    }
}

struct Incoming<'a> {
    stage: &'a Stage,
    leg: &'a Leg<'a>,
    invite: &'a Message,
    tag: String,
    call: u32,
    script: Script,
}

impl Incoming<'_> {
    fn say(&self, text: &str) {
        self.stage
            .say(self.call, &format!("{} {text}", self.leg.agent.name));
    }

    fn play(&self, manner: &Manner, refuse: bool) -> Result<()> {
        let agent = self.leg.agent;
        agent.send(&agent.reply(self.invite, 100, &self.tag).finish());
        if refuse {
            return self.refuse(503, "answers 503: Tandem tries the next carrier");
        }
        if self.cancelled_within(manner.rings) {
            return Ok(());
        }
        agent.send(&agent.reply(self.invite, 180, &self.tag).finish());
        self.say("rings (180)");
        if self.cancelled_within(manner.answers) {
            return Ok(());
        }
        match self.script.end {
            End::Busy => self.refuse(486, "says the called party is busy (486)"),
            End::CallerHangsUp | End::CalledHangsUp => self.answer(),
        }
    }

    fn refuse(&self, status: u16, text: &str) -> Result<()> {
        self.say(text);
        refuse_with(self.leg, self.invite, status);
        Ok(())
    }

    /// Waits; a CANCEL ends the wait and the call.
    fn cancelled_within(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let Some(message) = self.leg.next(left) else {
                continue;
            };
            if message.method() == Some(&Method::Cancel) {
                let agent = self.leg.agent;
                agent.send(&agent.reply(&message, 200, &self.tag).finish());
                self.say("is told to stop (CANCEL)");
                let bytes = agent.reply(self.invite, 487, &self.tag).finish();
                self.leg.exchange(&bytes, PATIENCE, is_ack, || false);
                return true;
            }
        }
        false
    }

    fn answer(&self) -> Result<()> {
        let agent = self.leg.agent;
        let rtp = UdpSocket::bind((agent.local.ip(), 0))?;
        let to = audio_address(self.invite)?;
        let body = describe(rtp.local_addr()?)?;
        let ok = agent
            .reply(self.invite, 200, &self.tag)
            .finish_with(b"application/sdp", &body);
        self.say("answers (200)");
        let acked = self.leg.exchange(&ok, PATIENCE, is_ack, || false);
        acked.ok_or_else(|| anyhow!("no ACK came"))?;
        let over = AtomicBool::new(false);
        let (stage, packets, call) = (self.stage, self.script.packets, self.call);
        let stop = || over.load(Ordering::Relaxed) || stage.is_closing();
        let tunes = stage.tunes();
        let speak = || {
            let heard = converse(&rtp, to, (&tunes.called, &tunes.caller), packets, stop);
            heard.map(|heard| stage.tell(call, Ear::Called, heard))
        };
        thread::scope(|scope| {
            let audio = scope.spawn(speak);
            let hung_up = self.wait_for_bye();
            over.store(true, Ordering::Relaxed);
            audio.join().map_err(|_| anyhow!("the audio thread panicked"))??;
            if hung_up { Ok(()) } else { self.hang_up() }
        })
    }

    /// Waits for the caller's BYE and answers it, or until the called party is to hang up.
    fn wait_for_bye(&self) -> bool {
        let until = Instant::now() + self.script.talk() + GOODBYE;
        let ours = || self.script.end == End::CalledHangsUp && self.stage.heard(self.call).is_some();
        while Instant::now() < until && !ours() {
            let Some(message) = self.leg.next(TICK) else {
                continue;
            };
            if message.method() == Some(&Method::Bye) {
                let agent = self.leg.agent;
                agent.send(&agent.reply(&message, 200, &self.tag).finish());
                return true;
            }
        }
        false
    }

    /// The called party hangs up.
    fn hang_up(&self) -> Result<()> {
        let agent = self.leg.agent;
        self.say("hangs up (BYE)");
        let mut dialog = Dialog::uas(self.invite, self.tag.as_bytes()).context("no dialog")?;
        let mut bye = dialog.request(&Method::Bye).writer(agent.via().as_bytes());
        bye.header(HeaderId::Contact, agent.contact().as_bytes());
        let judge = |message: &Message| {
            if message.method() == Some(&Method::Bye) {
                // Both hang up at once: each gets its answer.
                agent.send(&agent.reply(message, 200, &self.tag).finish());
            }
            if message.status().is_some() {
                Answered::Yes
            } else {
                Answered::No
            }
        };
        let answered = self.leg.exchange(&bye.finish(), PATIENCE, judge, || false);
        answered
            .map(drop)
            .ok_or_else(|| anyhow!("nobody answered its BYE"))
    }
}
