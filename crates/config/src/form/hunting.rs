//! Forms of what keeps a call going when somebody has failed: causes, and backups.

use super::compound::FailureStatus;
use super::text::{Dialled, Name, TextForm};
use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::model::{Advance, AfterRinging, Backup, Stop};
use crate::report::{Fault, nearest, quote};
use crate::section::{Info, Table};
use serde_json::{Value as Json, json};

/// What stands in front of a Q.850 cause.
const Q850: &str = "q850:";

/// The cause of `"q850:34"`, 1..=127. `None`: it is none.
fn cause(text: &str) -> Option<u8> {
    let digits = text.strip_prefix(Q850)?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let cause = digits.parse().ok().filter(|_| plain)?;
    (1..=127).contains(&cause).then_some(cause)
}

fn write_cause(cause: u8) -> toml::Value {
    toml::Value::String(format!("{Q850}{cause}"))
}

fn cause_schema() -> Json {
    json!({ "type": "string", "pattern": "^q850:[0-9]{1,3}$" })
}

/// Refuses a text that is none of the few that are known.
fn unknown(cx: &mut Cx<'_>, path: &str, item: Item<'_>, text: &str, expected: String, words: &[&str]) {
    let fault = Fault::new(format!("{} is not known here", quote(text)))
        .expected(expected)
        .meant(nearest(text, words.iter().copied()).map(quote));
    cx.refuse(item.place(), path, fault);
}

/// One entry of `failover.advance`: a status, a cause, or `"timeout"`.
pub(crate) struct AdvanceForm;

impl Form for AdvanceForm {
    type Out = Advance;
    fn expected() -> String {
        "a status from 300 to 699, a cause such as \"q850:34\", or \"timeout\"".to_owned()
    }
    fn schema() -> Json {
        json!({ "oneOf": [{ "const": "timeout" }, cause_schema(), FailureStatus::schema()] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Advance> {
        match item.value.get_ref().as_str() {
            Some("timeout") => Some(Advance::Timeout),
            Some(text) => {
                let read = cause(text).map(Advance::Q850);
                if read.is_none() {
                    unknown(cx, path, item, text, Self::expected(), &["timeout"]);
                }
                read
            }
            None => FailureStatus::read(cx, path, item).map(Advance::Status),
        }
    }
    fn show(value: &Advance) -> Option<toml::Value> {
        match value {
            Advance::Status(status) => FailureStatus::show(status),
            Advance::Q850(cause) => Some(write_cause(*cause)),
            Advance::Timeout => Some(toml::Value::String("timeout".to_owned())),
        }
    }
}

/// One entry of `failover.stop`: a status, or a cause.
pub(crate) struct StopForm;

impl Form for StopForm {
    type Out = Stop;
    fn expected() -> String {
        "a status from 300 to 699, or a cause such as \"q850:17\"".to_owned()
    }
    fn schema() -> Json {
        json!({ "oneOf": [cause_schema(), FailureStatus::schema()] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Stop> {
        match item.value.get_ref().as_str() {
            Some(text) => {
                let read = cause(text).map(Stop::Q850);
                if read.is_none() {
                    unknown(cx, path, item, text, Self::expected(), &[]);
                }
                read
            }
            None => FailureStatus::read(cx, path, item).map(Stop::Status),
        }
    }
    fn show(value: &Stop) -> Option<toml::Value> {
        match value {
            Stop::Status(status) => FailureStatus::show(status),
            Stop::Q850(cause) => Some(write_cause(*cause)),
        }
    }
}

/// `failover.after_ringing`: `false`, `"failures"` or `true`.
pub(crate) struct AfterRingingForm;

impl Form for AfterRingingForm {
    type Out = AfterRinging;
    fn expected() -> String {
        "false, \"failures\" or true".to_owned()
    }
    fn schema() -> Json {
        json!({ "oneOf": [{ "const": "failures" }, { "type": "boolean" }] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<AfterRinging> {
        let value = item.value.get_ref();
        match (value.as_bool(), value.as_str()) {
            (Some(true), _) => Some(AfterRinging::Everything),
            (Some(false), _) => Some(AfterRinging::Nothing),
            (None, Some("failures")) => Some(AfterRinging::Failures),
            (None, Some(text)) => {
                unknown(cx, path, item, text, Self::expected(), &["failures"]);
                None
            }
            (None, None) => {
                cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
                None
            }
        }
    }
    fn show(value: &AfterRinging) -> Option<toml::Value> {
        Some(match value {
            AfterRinging::Nothing => toml::Value::Boolean(false),
            AfterRinging::Failures => toml::Value::String("failures".to_owned()),
            AfterRinging::Everything => toml::Value::Boolean(true),
        })
    }
}

/// A backup of a number: a trunk's name, a number, or a table of the two.
pub(crate) struct BackupForm;

impl Form for BackupForm {
    type Out = Backup;
    fn expected() -> String {
        "a trunk's name, a number such as \"+442079460000\", or { trunk = …, number = … }".to_owned()
    }
    fn schema() -> Json {
        json!({ "oneOf": [{ "type": "string" }, Table::<Backup>::schema()] })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Backup> {
        let value = item.value.get_ref();
        if let Some(text) = value.as_str() {
            return if text.starts_with('+') {
                let number = Some(Dialled::read(cx, path, item)?);
                Some(Backup { trunk: None, number })
            } else if Name::parse(text).is_ok() {
                let trunk = Some(text.to_owned());
                Some(Backup { trunk, number: None })
            } else {
                let fault = Fault::new(format!("{} is neither a trunk nor a number", quote(text)));
                cx.refuse(item.place(), path, fault.expected(Self::expected()));
                None
            };
        }
        if !value.is_table() {
            cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
            return None;
        }
        let backup = Table::<Backup>::read(cx, path, item)?;
        if backup.trunk.is_none() && backup.number.is_none() {
            if cx.is_bad(path) {
                return None;
            }
            let fault = Fault::new("names neither a trunk nor a number").expected(Self::expected());
            cx.refuse(item.place(), path, fault);
            return None;
        }
        Some(backup)
    }
    fn show(value: &Backup) -> Option<toml::Value> {
        match (&value.trunk, &value.number) {
            (Some(trunk), None) => Some(toml::Value::String(trunk.clone())),
            (None, Some(number)) if number.starts_with('+') => Some(toml::Value::String(number.clone())),
            (_, _) => Table::<Backup>::show(value),
        }
    }
    fn info() -> Option<Info> {
        Table::<Backup>::info()
    }
}
