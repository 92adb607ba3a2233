//! Limits that make sense, each once.

use super::refer;
use crate::document::Cx;
use crate::model::{Capacity, Config, Limit, Role};
use crate::report::{Fault, quote};

/// Limits that are taken at most: a reload goes over all of them while calls wait.
const MAX_LIMITS: usize = 2_000;

/// Judges `[capacity]`, the trunks' own and every `[[limit]]`.
pub(super) fn complete(config: &Config, cx: &mut Cx<'_>) {
    order(&config.capacity, "capacity", cx);
    for (index, trunk) in config.trunks.iter().enumerate() {
        let Some(own) = &trunk.capacity else { continue };
        let path = format!("{}.capacity", cx.entry("trunk", index));
        order(&config.capacity.of(Some(own)), &path, cx);
        if trunk.role == Role::Customer && own.reserve.is_some() {
            let at = format!("{path}.reserve");
            let fault =
                Fault::new("all calls of a customer are of one class: there is nobody to keep it for");
            cx.warn(cx.place(&at), &at, fault);
        }
    }
    if config.limits.len() > MAX_LIMITS {
        let fault = Fault::new(format!("there are {} of them", config.limits.len()));
        cx.refuse(
            cx.place("limit"),
            "limit",
            fault.expected(format!("{MAX_LIMITS} at most")),
        );
    }
    limits(config, cx);
}

/// Who is told of a trunk's load only after calls are led away from it is told of what is dealt with already.
fn order(capacity: &Capacity, path: &str, cx: &mut Cx<'_>) {
    if capacity.alert < capacity.target {
        let at = format!("{path}.alert");
        let fault = Fault::new("is below `target`: calls still come when somebody is told");
        cx.warn(cx.place(&at), &at, fault.expected("`target`, or more"));
    }
}

fn limits(config: &Config, cx: &mut Cx<'_>) {
    let mut seen = std::collections::HashMap::new();
    for (index, limit) in config.limits.iter().enumerate() {
        let path = cx.entry("limit", index);
        if limit.max_calls.is_none() && limit.max_cps.is_none() {
            let fault = Fault::new("limits nothing").expected("`max_calls`, `max_cps`, or both");
            cx.refuse(cx.place(&path), &path, fault);
        }
        let key = (
            limit.pattern.digits.as_str(),
            limit.pattern.prefix,
            &limit.customer,
        );
        if let Some(first) = seen.insert(key, index) {
            let first = cx.name_of(cx.place(&cx.entry("limit", first)));
            let at = format!("{path}.match");
            let fault = Fault::new(format!("fits the same calls as the limit at {first}"));
            cx.refuse(
                cx.place(&at),
                &at,
                fault.expected("each pattern once per customer"),
            );
        }
        customer(config, limit, &path, cx);
    }
}

fn customer(config: &Config, limit: &Limit, path: &str, cx: &mut Cx<'_>) {
    let Some(name) = &limit.customer else { return };
    let at = format!("{path}.customer");
    refer(std::iter::once((at.clone(), name.as_str())), "trunk", cx);
    if config
        .trunk(name)
        .is_some_and(|trunk| trunk.role == Role::Carrier)
    {
        let fault = Fault::new(format!("{} is a carrier", quote(name)));
        cx.refuse(cx.place(&at), &at, fault.expected("the name of a customer"));
    }
}
