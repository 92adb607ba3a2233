//! From what passed between us and the trunk to what works, what doesn't, and which key helps.

mod sound;

use api::Check;
use config::{ReliableProvisional, TimerMode, Trunk};
use sip_msg::{HeaderId, Message, Method};

use super::line::Passed;
use super::ua::{Outcome, session};
use super::voice::Heard;

/// What there is to judge.
pub(super) struct Facts<'f> {
    pub(super) trunk: &'f Trunk,
    pub(super) timer: &'f config::SessionTimer,
    pub(super) passed: &'f [Passed],
    pub(super) outcome: &'f Outcome,
    pub(super) heard: &'f Heard,
    pub(super) number: &'f str,
}

/// Whether the called side has answered our BYE, or hung up itself.
pub(super) fn is_over(passed: &[Passed]) -> bool {
    Leg::last(passed).is_none_or(|leg| leg.answer_to(&Method::Bye).is_some() || leg.received(&Method::Bye))
}

/// Everything about the call.
pub(super) fn of_call(facts: &Facts<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let Some(leg) = Leg::last(facts.passed) else {
        checks.push(unsent(facts));
        return checks;
    };
    checks.extend(auth(facts, &leg));
    checks.push(answer(facts, &leg));
    checks.extend(reliable(facts, &leg));
    checks.extend(timer(facts, &leg));
    checks.extend(sound::delay(&leg));
    if leg.answered().is_some() {
        checks.extend(sound::codecs(facts, &leg));
        checks.extend(sound::digits(facts, &leg));
        checks.extend(sound::audio(facts));
        checks.extend(methods(facts, &leg));
        checks.push(goodbye(facts, &leg));
    }
    checks.extend(loop_back(facts));
    checks
}

/// The called leg that came farthest: the last one.
pub(super) struct Leg<'p> {
    all: Vec<&'p Passed>,
}

impl<'p> Leg<'p> {
    pub(super) fn last(passed: &'p [Passed]) -> Option<Self> {
        let ours = |p: &&Passed| p.outgoing && p.message.method() == Some(&Method::Invite);
        let last = passed.iter().rev().find(ours)?;
        let call_id = last.message.call_id();
        let all = passed.iter().filter(|p| p.message.call_id() == call_id).collect();
        Some(Self { all })
    }

    /// Our INVITEs that began the call: again with credentials, where it was challenged.
    pub(super) fn invites(&self) -> impl Iterator<Item = &'p Passed> + '_ {
        self.all.iter().copied().filter(|p| {
            p.outgoing && p.message.method() == Some(&Method::Invite) && p.message.to_tag().is_none()
        })
    }

    /// Answers to them.
    fn answers(&self) -> impl Iterator<Item = &'p Passed> + '_ {
        self.all
            .iter()
            .copied()
            .filter(|p| !p.outgoing && p.message.status().is_some() && *p.message.cseq().1 == Method::Invite)
    }

    pub(super) fn progress(&self) -> impl Iterator<Item = &'p Passed> + '_ {
        self.answers().filter(|p| {
            p.message
                .status()
                .is_some_and(|status| (101..200).contains(&status))
        })
    }

    pub(super) fn answered(&self) -> Option<&'p Passed> {
        self.answers().find(|p| {
            p.message
                .status()
                .is_some_and(|status| (200..300).contains(&status))
        })
    }

    /// The final answer that counts: the 2xx, else the last.
    fn last_word(&self) -> Option<&'p Passed> {
        let last = self
            .answers()
            .filter(|p| p.message.status().is_some_and(|status| status >= 200))
            .last();
        self.answered().or(last)
    }

    /// The final answer to a request of ours within the call.
    fn answer_to(&self, method: &Method) -> Option<u16> {
        self.all
            .iter()
            .filter(|p| !p.outgoing && p.message.cseq().1 == method)
            .filter_map(|p| p.message.status())
            .find(|status| *status >= 200)
    }

    fn sent(&self, method: &Method) -> bool {
        self.all
            .iter()
            .any(|p| p.outgoing && p.message.method() == Some(method))
    }

    fn received(&self, method: &Method) -> bool {
        self.all
            .iter()
            .any(|p| !p.outgoing && p.message.method() == Some(method))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn header(message: &Message, id: HeaderId) -> String {
    let values: Vec<String> = message.values(id).map(text).collect();
    values.join(", ")
}

/// No INVITE has left for the trunk.
fn unsent(facts: &Facts<'_>) -> Check {
    let why = match &facts.outcome.status {
        Some((503, phrase)) => format!(
            "no INVITE was sent: the switch says 503 {phrase}: `tandem trunks` shows whether the trunk or the switch is draining, full, or its targets down"
        ),
        Some((status, phrase)) => {
            format!("no INVITE was sent: the switch says {status} {phrase}; the call's record says why")
        }
        None => "no INVITE was sent; the call's record says why".to_owned(),
    };
    let check = Check::fails("call", why);
    match &facts.outcome.status {
        Some((488, _)) => check.key("codecs = [\"PCMA\", \"PCMU\"]"),
        Some(_) | None => check,
    }
}

fn auth(facts: &Facts<'_>, leg: &Leg<'_>) -> Option<Check> {
    let challenged = |p: &&Passed| matches!(p.message.status(), Some(401 | 407));
    let challenges = leg.answers().filter(challenged).count();
    let proved = leg.invites().any(|p| {
        p.message.header(HeaderId::Authorization).is_some()
            || p.message.header(HeaderId::ProxyAuthorization).is_some()
    });
    if challenges == 0 && !proved {
        return None;
    }
    let last = leg.last_word().and_then(|p| p.message.status());
    let refused = matches!(last, Some(401 | 403 | 407));
    Some(if facts.trunk.auth.is_none() {
        Check::fails("auth", "it asks for a password and there is none")
            .key("auth = { username = \"…\", password = \"…\" }")
    } else if !proved {
        Check::fails(
            "auth",
            "its challenge could not be answered: another realm, or no algorithm that we know",
        )
        .key("auth.realm")
    } else if refused {
        Check::fails(
            "auth",
            format!("it does not take the password ({})", last.unwrap_or_default()),
        )
        .key("auth = { username = \"…\", password = \"…\" }")
    } else {
        Check::works("auth", "challenged, and the answer was taken")
    })
}

/// Whether it was answered, and what a refusal is about.
fn answer(facts: &Facts<'_>, leg: &Leg<'_>) -> Check {
    let number = facts.number;
    let Some(last) = leg.last_word() else {
        return if leg.answers().next().is_some() {
            Check::fails("call", format!("{number} was not answered in time"))
        } else {
            Check::fails(
                "call",
                "no answer of any kind to INVITE: is our address allowed there?",
            )
        };
    };
    let status = last.message.status().unwrap_or_default();
    let says = format!("{status} {}", text(last.message.reason()));
    if (200..300).contains(&status) {
        return if facts.outcome.answered {
            Check::works("call", format!("{number} has answered"))
        } else {
            let heard = facts.outcome.status.as_ref().map(|(status, _)| *status);
            Check::fails(
                "call",
                format!(
                    "{number} has answered, but the call was not connected ({})",
                    heard.unwrap_or_default()
                ),
            )
        };
    }
    let check = Check::fails("call", format!("peer answers {says}"));
    match key_of(facts, status, leg, &last.message) {
        Some(key) => check.key(key),
        None => check,
    }
}

/// The key that a refusal is about.
fn key_of(facts: &Facts<'_>, status: u16, leg: &Leg<'_>, last: &Message) -> Option<String> {
    let unsupported = header(last, HeaderId::Unsupported).to_ascii_lowercase();
    let require = header(last, HeaderId::Require).to_ascii_lowercase();
    match status {
        420 if unsupported.contains("100rel") => Some("reliable_provisional = \"off\"".to_owned()),
        420 if unsupported.contains("timer") => Some("session_timer = { mode = \"off\" }".to_owned()),
        420 => {
            // It does not say what: what we have insisted on.
            let ours = leg
                .invites()
                .last()
                .map(|p| header(&p.message, HeaderId::Require));
            let ours = ours.unwrap_or_default();
            if ours.contains("timer") {
                Some("session_timer = { mode = \"off\" }".to_owned())
            } else {
                Some("reliable_provisional = \"off\"".to_owned())
            }
        }
        421 if require.contains("timer") => Some("session_timer = { mode = \"require\" }".to_owned()),
        421 => Some("reliable_provisional = \"required\"".to_owned()),
        422 => Some(format!(
            "session_timer = {{ expires = \"{}s\" }}",
            header(last, HeaderId::MinSe)
        )),
        404 | 416 | 484 | 604 => Some(other_format(leg)),
        403 | 433 => Some("identity.assert = \"p-asserted-identity\"".to_owned()),
        406 | 415 | 488 | 606 => Some(if facts.trunk.srtp == config::Srtp::Required {
            "srtp = \"off\"".to_owned()
        } else if offers_secure(leg) {
            "codecs = [\"PCMA\", \"PCMU\"]".to_owned()
        } else if facts.trunk.codecs.is_empty() {
            "codecs = [\"PCMA\", \"PCMU\"], or srtp = \"required\" where it wants encrypted media".to_owned()
        } else {
            "codecs".to_owned()
        }),
        _ => None,
    }
}

fn offers_secure(leg: &Leg<'_>) -> bool {
    let invite = leg.invites().last();
    let sdp = invite.and_then(|p| session(&p.message));
    sdp.is_some_and(|sdp| sdp.media().iter().any(|media| media.proto().is_secure()))
}

/// Numbers as they were not written.
fn other_format(leg: &Leg<'_>) -> String {
    let uri = leg
        .invites()
        .last()
        .map(|p| text(p.message.uri()))
        .unwrap_or_default();
    let plus = uri.contains(":+");
    format!("number_format = \"{}\"", if plus { "digits" } else { "e164" })
}

fn reliable(facts: &Facts<'_>, leg: &Leg<'_>) -> Option<Check> {
    let reliably = leg
        .progress()
        .any(|p| p.message.has_token(HeaderId::Require, "100rel"));
    let can = leg
        .answers()
        .any(|p| p.message.has_token(HeaderId::Supported, "100rel"));
    if leg.sent(&Method::Prack) {
        return Some(match leg.answer_to(&Method::Prack) {
            Some(200..300) => Check::works("100rel", "provisional answers are reliable, PRACK was taken"),
            Some(status) => Check::fails("100rel", format!("peer answers {status} to PRACK"))
                .key("reliable_provisional = \"off\""),
            None => Check::fails("100rel", "PRACK was not answered").key("reliable_provisional = \"off\""),
        });
    }
    let offered = facts.trunk.reliable_provisional != ReliableProvisional::Off;
    match (reliably, can, offered) {
        (true, _, _) => Some(
            Check::fails("100rel", "it insists on PRACK, which it was not offered")
                .key("reliable_provisional = \"supported\""),
        ),
        (false, true, _) => Some(Check::works("100rel", "it says that it can; no answer needed it")),
        (false, false, true) if leg.answers().next().is_some() => {
            Some(Check::note("100rel", "offered, not used"))
        }
        (false, false, _) => None,
    }
}

fn timer(facts: &Facts<'_>, leg: &Leg<'_>) -> Option<Check> {
    let answered = leg.answered()?;
    let interval = header(&answered.message, HeaderId::SessionExpires);
    let raised = leg.answers().any(|p| p.message.status() == Some(422));
    Some(if !interval.is_empty() {
        let said = if raised { ", after 422" } else { "" };
        Check::works(
            "session-timer",
            format!("agreed: Session-Expires {interval}{said}"),
        )
    } else if facts.timer.mode == TimerMode::Off {
        Check::note("session-timer", "off")
    } else {
        Check::note(
            "session-timer",
            "it has none; we refresh what is agreed with others only",
        )
    })
}

/// What it takes within a call.
fn methods(facts: &Facts<'_>, leg: &Leg<'_>) -> Vec<Check> {
    let Some(answered) = leg.answered() else {
        return Vec::new();
    };
    let allow = header(&answered.message, HeaderId::Allow);
    let allows = |method: &str| {
        allow
            .split(',')
            .any(|word| word.trim().eq_ignore_ascii_case(method))
    };
    if allow.is_empty() {
        return vec![Check::note(
            "methods",
            "its answer has no Allow: what it takes within a call is not known",
        )];
    }
    let mut checks = vec![transfer(facts, allows("REFER"))];
    checks.push(if allows("UPDATE") {
        Check::works("update", "it takes UPDATE")
    } else {
        Check::note("update", "it takes no UPDATE: calls are refreshed by re-INVITE")
    });
    checks
}

fn transfer(facts: &Facts<'_>, takes: bool) -> Check {
    let forwards = facts.trunk.transfer == Some(config::Transfer::Forward);
    match (takes, forwards) {
        (true, _) => Check::works("transfer", "it takes REFER"),
        (false, true) => Check::fails("transfer", "it takes no REFER, and transfers are handed to it")
            .key("transfer = \"accept\""),
        (false, false) => Check::note("transfer", "it takes no REFER: transfers can't be handed to it"),
    }
}

fn goodbye(facts: &Facts<'_>, leg: &Leg<'_>) -> Check {
    if facts.outcome.cut_off || leg.received(&Method::Bye) {
        return Check::note("bye", "it hung up itself");
    }
    match leg.answer_to(&Method::Bye) {
        Some(200..300) => Check::works("bye", "taken"),
        Some(status) => Check::fails("bye", format!("peer answers {status}")),
        None => Check::fails(
            "bye",
            "not answered: its Contact or Record-Route may lead to where nobody is",
        ),
    }
}

/// Which header brought our number back, where the called number is one that comes back to us.
fn loop_back(facts: &Facts<'_>) -> Option<Check> {
    let presented = Leg::last(facts.passed)?.invites().last().map(|p| {
        let user = text(p.message.from().uri);
        digits_of(&user)
    })?;
    Some(match came_back(facts.passed, &presented)? {
        Ok(headers) => Check::works("caller-id", format!("the number came back in {headers}")),
        Err(says) => Check::fails("caller-id", says).key("identity.assert = \"p-asserted-identity\""),
    })
}

/// In which headers of a call that has come back this caller stands, or who stands there instead. `None`: none has.
pub(super) fn came_back(passed: &[Passed], caller: &str) -> Option<Result<String, String>> {
    let back = passed.iter().find(|p| {
        !p.outgoing && p.message.method() == Some(&Method::Invite) && p.message.to_tag().is_none()
    })?;
    let places = [
        ("From", text(back.message.from().uri)),
        (
            "P-Asserted-Identity",
            header(&back.message, HeaderId::PAssertedIdentity),
        ),
        ("Remote-Party-ID", header(&back.message, HeaderId::RemotePartyId)),
    ];
    // National and international writing have their last digits in common.
    let presented = digits_of(caller);
    let tail = presented
        .get(presented.len().saturating_sub(8)..)
        .unwrap_or_default();
    let found: Vec<&str> = places
        .iter()
        .filter(|(_, value)| !tail.is_empty() && digits_of(value).contains(tail))
        .map(|(name, _)| *name)
        .collect();
    Some(if found.is_empty() {
        Err(format!(
            "the call came back as from {}, not from {presented}",
            text(back.message.from().uri)
        ))
    } else {
        Ok(found.join(" and "))
    })
}

fn digits_of(uri: &str) -> String {
    let user = uri.split('@').next().unwrap_or_default();
    user.chars().filter(char::is_ascii_digit).collect()
}
