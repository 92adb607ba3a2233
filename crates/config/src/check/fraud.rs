//! Ceilings that limit something, and keys of the fraud guard that say something where they stand.

use crate::document::Cx;
use crate::model::{Ceiling, Config, Fraud, Role, Trunk};
use crate::report::Fault;

/// Ceilings that one customer has at most: each is looked at with every call.
const MAX_CEILINGS: usize = 64;

/// Judges `[fraud]` and the trunks' own.
pub(super) fn complete(config: &Config, cx: &mut Cx<'_>) {
    ceilings(&config.fraud.ceilings, "fraud.ceiling", cx);
    dear(&config.fraud, cx);
    for (index, trunk) in config.trunks.iter().enumerate() {
        let Some(own) = &trunk.fraud else { continue };
        let path = format!("{}.fraud", cx.entry("trunk", index));
        if let Some(list) = &own.ceilings {
            ceilings(list, &format!("{path}.ceiling"), cx);
        }
        if trunk.role == Role::Carrier {
            carrier(trunk, &path, cx);
        }
    }
}

/// Without a price nothing is dear, unless what is not known is.
fn dear(fraud: &Fraud, cx: &mut Cx<'_>) {
    if fraud.dear == 0.0 && cx.is_written("fraud.dear") {
        let fault = Fault::new("every call that costs anything is dear then");
        cx.warn(cx.place("fraud.dear"), "fraud.dear", fault);
    }
}

fn ceilings(list: &[Ceiling], path: &str, cx: &mut Cx<'_>) {
    if list.len() > MAX_CEILINGS {
        let fault = Fault::new(format!("there are {} of them", list.len()));
        cx.refuse(
            cx.place(path),
            path,
            fault.expected(format!("{MAX_CEILINGS} at most")),
        );
    }
    for (index, ceiling) in list.iter().enumerate() {
        let counts = [
            ceiling.calls,
            ceiling.attempts_per_minute,
            ceiling.attempts_per_hour,
            ceiling.answered_per_minute,
            ceiling.answered_per_hour,
        ];
        let money = [ceiling.spend_per_hour, ceiling.spend_per_day];
        let some = counts.iter().any(Option::is_some) || money.iter().any(Option::is_some);
        if !some && ceiling.duration.is_none() {
            let at = format!("{path}[{index}]");
            let fault = Fault::new("has no figure").expected(
                "one of `calls`, `attempts_per_minute`, `attempts_per_hour`, `answered_per_minute`, \
                 `answered_per_hour`, `spend_per_hour`, `spend_per_day`, `duration`",
            );
            cx.refuse(cx.place(&at), &at, fault);
        }
    }
}

/// Of a carrier's calls only those are looked at that ring once.
fn carrier(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let keys = [
        "dear",
        "hours",
        "ceiling",
        "irsf",
        "spend",
        "velocity",
        "duration",
        "sequential",
        "off_hours",
    ];
    for key in keys {
        let at = format!("{path}.{key}");
        if cx.is_written(&at) {
            let fault = Fault::new(format!("says nothing of a {}", trunk.role));
            cx.warn(
                cx.place(&at),
                &at,
                fault.expected("it at the customers whose calls are meant"),
            );
        }
    }
}
