//! Dial plans, emergency routes and the portability dip: what names what, and what says nothing.

use super::refer;
use crate::document::Cx;
use crate::model::{Config, DialPlan, DialThen, PortabilityMode, Role};
use crate::report::{Fault, quote};

/// Judges them. Every fault goes to `cx`.
pub(super) fn complete(config: &Config, cx: &mut Cx<'_>) {
    for (index, plan) in config.dial_plans.iter().enumerate() {
        let path = cx.entry("dial_plan", index);
        local(plan, &path, cx);
        rules(plan, &path, cx);
    }
    for (index, trunk) in config.trunks.iter().enumerate() {
        let path = cx.entry("trunk", index);
        let plan = trunk.dial_plan.as_deref();
        let plan = plan.into_iter().map(|name| (format!("{path}.dial_plan"), name));
        refer(plan, "dial_plan", cx);
    }
    routes(config, cx);
    portability(config, cx);
}

/// Says so where emergency calls of customers have no route of their own.
pub(super) fn advise(config: &Config, cx: &mut Cx<'_>) {
    let customer = config.trunks.iter().find(|trunk| trunk.role == Role::Customer);
    let Some(customer) = customer.filter(|_| config.emergency.routes.is_empty()) else {
        return;
    };
    let else_where = match config.emergency.any_carrier {
        true => "any carrier",
        false => "nobody",
    };
    cx.advice.push(format!(
        "there is no [[emergency.route]]: emergency calls of customers such as {} go to {else_where} (docs/numbers.md)",
        quote(&customer.name)
    ));
}

/// An area code and the lengths of the numbers that it is for go together.
fn local(plan: &DialPlan, path: &str, cx: &mut Cx<'_>) {
    let keys = [
        (
            "area",
            "local_digits",
            plan.area.is_some(),
            plan.local_digits.is_empty(),
        ),
        (
            "local_digits",
            "area",
            !plan.local_digits.is_empty(),
            plan.area.is_none(),
        ),
    ];
    for (key, other, written, missing) in keys {
        if written && missing && !cx.is_bad(&format!("{path}.{other}")) {
            let at = format!("{path}.{key}");
            let fault = Fault::new(format!("says nothing without `{other}`"));
            let expected = format!("`{other}` beside it, such as area = \"20\" and local_digits = 8");
            cx.refuse(cx.place(&at), &at, fault.expected(expected));
        }
    }
}

fn rules(plan: &DialPlan, path: &str, cx: &mut Cx<'_>) {
    for (index, rule) in plan.rules.iter().enumerate() {
        let at = format!("{path}.rules[{index}]");
        let changes = rule.strip > 0 || rule.prepend.is_some();
        let wrong = match rule.then {
            DialThen::Refuse if changes => "refuses numbers that it changes",
            DialThen::Read if !changes => "does nothing",
            DialThen::Refuse | DialThen::Read | DialThen::Keep => continue,
        };
        let expected = match rule.then {
            DialThen::Refuse => "strip and prepend left out",
            DialThen::Read | DialThen::Keep => "strip, prepend, or then = \"keep\" or \"refuse\"",
        };
        cx.refuse(cx.place(&at), &at, Fault::new(wrong).expected(expected));
    }
}

/// Routes lead to trunks, from regions that some caller is in.
fn routes(config: &Config, cx: &mut Cx<'_>) {
    let of_trunks = config
        .trunks
        .iter()
        .filter_map(|trunk| trunk.emergency_region.clone());
    let of_networks = config
        .networks
        .iter()
        .filter_map(|network| network.region.clone());
    let regions: Vec<String> = of_trunks
        .chain(of_networks)
        .chain(config.node.region.clone())
        .collect();
    for (index, route) in config.emergency.routes.iter().enumerate() {
        let path = cx.entry("emergency.route", index);
        let names = route.to.iter().enumerate().map(|(index, name)| {
            let entry = format!("{path}.to[{index}]");
            let written = cx.is_written(&entry);
            (if written { entry } else { format!("{path}.to") }, name.as_str())
        });
        let names: Vec<(String, &str)> = names.collect();
        refer(names.into_iter(), "trunk", cx);
        if let Some(region) = route.region.as_ref().filter(|region| !regions.contains(region)) {
            let at = format!("{path}.region");
            let fault = Fault::new(format!("nobody calls from region {}", quote(region)));
            let expected = "emergency_region of a trunk, or region of a network or the node, that says so";
            cx.warn(cx.place(&at), &at, fault.expected(expected));
        }
    }
}

/// Who is to be asked has to be there.
fn portability(config: &Config, cx: &mut Cx<'_>) {
    let trunks = config.trunks.iter().enumerate();
    let trunks = trunks.map(|(index, trunk)| (cx.entry("trunk", index), trunk.portability));
    let classes = config.classes.iter().enumerate();
    let classes = classes.map(|(index, class)| (cx.entry("class", index), Some(class.portability)));
    let modes: Vec<(String, Option<PortabilityMode>)> = trunks.chain(classes).collect();
    for (path, mode) in modes {
        let at = format!("{path}.portability");
        let asks = mode == Some(PortabilityMode::Ask) && cx.is_written(&at);
        if asks && config.portability.url.is_none() && !cx.is_bad("portability") {
            let fault = Fault::new("there is nobody to ask").expected("url in [portability]");
            cx.refuse(cx.place(&at), &at, fault);
        }
    }
    let url = config.portability.url.as_deref();
    let over_tls = url.is_some_and(|url| url.starts_with("https://"));
    if config.portability.ca.is_some() && !over_tls && !cx.is_bad("portability.url") {
        let at = "portability.ca";
        let fault = Fault::new("says nothing without a url that begins with https://");
        cx.refuse(cx.place(at), at, fault);
    }
}
