//! What has to hold after the hour.

use std::collections::BTreeMap;

use switch::record::{CallRecord, HungUpBy};
use testkit::World;
use testkit::ua::{Acks, Ender, Leg, Script, Stage};

/// Everything that may not be left over or go wrong.
pub(super) fn check(world: &World, slack_ms: u64) {
    let mut faults = world.faults();
    for fault in &mut faults {
        let named = ["Call-ID: ", "nothing final for "];
        if let Some((_, rest)) = named.iter().find_map(|name| fault.split_once(name)) {
            let call_id = rest.lines().next().unwrap_or_default().to_owned();
            let story = world.transcript(|logged| String::from_utf8_lossy(&logged.bytes).contains(&call_id));
            fault.push_str(&story);
        }
    }
    // A peer that had an INVITE only when nobody waited for its answer any more rings for nobody, and nobody can help it.
    faults.retain(|fault| {
        let ringing = fault.split_once("nothing final for ");
        ringing.is_none_or(|(_, rest)| !world.audit.is_unheard(rest.lines().next().unwrap_or_default()))
    });
    let drops = world.switch().drops();
    let refuses = drops
        .into_iter()
        .any(|(name, count)| name == "overload" && count > 0);
    if refuses {
        // A refusal without a transaction is not remembered when a copy of its request comes.
        faults
            .retain(|fault| !fault.contains("another answer after 503") && !fault.contains("another To-tag"));
    }
    // Pings go on for ever; one may be under way.
    let ping = |fault: &String| {
        ["client transactions", "waiting entries"].iter().any(|what| {
            let count = fault
                .split_once(' ')
                .filter(|(_, rest)| rest.starts_with(what))
                .map(|(count, _)| count);
            count.is_some_and(|count| matches!(count, "1" | "2"))
        })
    };
    faults.retain(|fault| !ping(fault));
    // An INFO that the other side never answers would be a 408, which may not be sent (RFC 4320 §4.2).
    let unanswered = world.audit.unanswered();
    let open = unanswered.iter().filter(|key| !key.ends_with(" INFO"));
    faults.extend(open.map(|key| format!("never answered: {key}")));
    for ua in &world.uas {
        let ghosts = ua.ghosts().into_iter();
        let ghosts = ghosts.filter(|(call_id, _)| !world.audit.is_unheard(call_id));
        faults.extend(ghosts.map(|(call_id, ghost)| {
            let story = world.transcript(|logged| String::from_utf8_lossy(&logged.bytes).contains(&call_id));
            format!("{}: {ghost}\n{story}", ua.addr)
        }));
    }
    let mut records: BTreeMap<&str, &CallRecord> = BTreeMap::new();
    for record in &world.store.finals {
        let another = records.insert(&record.call_id, record).is_some();
        if another && !world.audit.came_twice(&record.call_id) {
            faults.push(format!("two records of {}", record.call_id));
        }
    }
    let callees: BTreeMap<&str, &Leg> = world
        .uas
        .iter()
        .skip(1)
        .flat_map(|ua| ua.legs.iter().map(|(id, leg)| (id.as_str(), leg)))
        .collect();
    for (call_id, leg) in &world.uas[0].legs {
        match records.get(call_id.as_str()) {
            // A copy of its INVITE that was not refused, or a BYE that was: two tales.
            Some(_) if refuses || world.audit.came_twice(call_id) => {}
            Some(record) => faults.extend(
                compare(leg, record, &callees, slack_ms)
                    .map(|wrong| format!("{wrong}\n{record:?}\n{:?}\n{}", leg.script, story(world, record))),
            ),
            None if leg.status == 0 || leg.dead => {}
            // Refused without a transaction: there was no call.
            None if leg.status == 503 && refuses => {}
            None => faults.push(format!("no record of {call_id}, which got {}", leg.status)),
        }
    }
    let mut kinds: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for fault in &faults {
        let line = fault.lines().next().unwrap_or_default();
        let line = line
            .split_once("still")
            .map_or(line, |(_, rest)| rest.split(':').next().unwrap_or_default());
        let kind = line
            .split(|c: char| c.is_ascii_digit() || c == ';' || c == '@' || c == '.')
            .filter(|word| word.len() > 3);
        kinds
            .entry(kind.collect::<Vec<_>>().join("#"))
            .or_default()
            .push(fault);
    }
    let shown = kinds
        .values()
        .map(|same| format!("{} like this:\n{}\n", same.len(), same[0]));
    let shown: Vec<String> = shown.collect();
    assert!(
        faults.is_empty(),
        "seed {}: {} faults\n{}",
        world.seed,
        faults.len(),
        shown.join("\n")
    );
}

/// All messages of a call, if the log was kept.
fn story(world: &World, record: &CallRecord) -> String {
    let legs = || {
        record
            .attempts
            .iter()
            .map(|attempt| &attempt.call_id)
            .chain([&record.call_id])
    };
    world.transcript(|logged| legs().any(|id| String::from_utf8_lossy(&logged.bytes).contains(id.as_str())))
}

fn compare(leg: &Leg, record: &CallRecord, callees: &BTreeMap<&str, &Leg>, slack_ms: u64) -> Option<String> {
    if record.attempts.iter().any(|attempt| attempt.outcome.is_empty()) {
        return Some("an attempt without an outcome".into());
    }
    if record.answered_ms.is_none() != (record.talk_ms == 0) && record.talk_ms != 0 {
        return Some("talk time without an answer".into());
    }
    if leg.dead || leg.stage != Stage::Over || leg.ender == Some(Ender::Silence) {
        return None;
    }
    if (leg.status == 200) != record.answered_ms.is_some() {
        return Some(format!("the caller got {}", leg.status));
    }
    if leg.status >= 300 && leg.status != record.cause.sip {
        return Some(format!("the caller got {}", leg.status));
    }
    let by_caller = leg.ender == Some(Ender::Us);
    if record.hung_up_by == HungUpBy::Caller && !by_caller {
        return Some("the caller did not hang up".into());
    }
    let last = record
        .attempts
        .last()
        .and_then(|attempt| callees.get(attempt.call_id.as_str()));
    if let (HungUpBy::Called, 200, Some(callee)) = (record.hung_up_by, record.cause.sip, last)
        && callee.ender != Some(Ender::Us)
    {
        return Some("the called side did not hang up".into());
    }
    let talked = leg
        .answered
        .zip(leg.ended)
        .map(|(from, to)| (to - from).as_millis() as u64);
    let acks = matches!(&leg.script, Script::Calling(script) if script.acks == Acks::All);
    if let (Some(talked), true) = (talked, record.answered_ms.is_some() && acks) {
        // What is lost is sent again within some seconds; an answer that is never ACKed takes 32.
        let slack = if record.cause.kind == "normal" {
            slack_ms
        } else {
            45_000
        };
        // After a crash the last evidence of life counts, which is not the last of the call.
        let lost = record.cause.kind == "restart" && record.talk_ms < talked;
        if record.talk_ms.abs_diff(talked) > slack && !lost {
            return Some(format!("the caller talked for {talked} ms"));
        }
    }
    None
}

/// So that a run which tests nothing is seen.
pub(super) fn saw(world: &World, wanted: &[&str]) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for record in &world.store.finals {
        *kinds.entry(record.cause.kind.as_str()).or_default() += 1;
    }
    let counters = world.switch().gauges().counters;
    let (sent, lost) = (world.net.sent, world.net.lost);
    println!(
        "{} records: {kinds:?}; {sent} datagrams, {lost} lost; {counters:?}",
        world.store.finals.len()
    );
    for kind in wanted {
        assert!(kinds.contains_key(kind), "no call ended as {kind}: {kinds:?}");
    }
}
