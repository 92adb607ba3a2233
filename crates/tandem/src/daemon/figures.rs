//! The shard's figures as metrics. They are set when somebody reads them, so that calls cost nothing for it.

mod quality;

use anyhow::{Context, Result};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::formatting::{sanitize_label_value, write_help_line, write_type_line};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::shard::{Figures, TrunkState};
pub(crate) use quality::of_quality;
use switch::{CreditView, FraudRule, LimitView};

/// Gauges, and what they tell.
const GAUGES: &[(&str, &str)] = &[
    ("tandem_calls", "Calls being set up or up"),
    ("tandem_calls_answered", "Calls that are answered"),
    (
        "tandem_calls_ending",
        "Calls that are over but for a BYE's answer, a record or media figures",
    ),
    ("tandem_orphans", "INVITEs given up that may still be answered"),
    ("tandem_transactions", "SIP transactions, by role"),
    ("tandem_ports", "RTP port pairs in use"),
    ("tandem_permits", "Places taken on trunks"),
    ("tandem_dialog_tags", "Dialog tags that name a call"),
    ("tandem_call_timers", "Timers armed by calls"),
    ("tandem_bindings", "Contacts that users have registered"),
    (
        "tandem_overload",
        "Share of new requests that is turned away for overload, from 0 to 1",
    ),
    ("tandem_bans", "Bans in force, of addresses, ports and users"),
    (
        "tandem_fraud_blocks",
        "Blocks and throttles of the fraud guard in force",
    ),
    ("tandem_fraud_watched", "Calls that the fraud guard watches"),
    ("tandem_limited", "Calls that limits per destination count"),
    (
        "tandem_connections",
        "SIP connections, those in their handshakes included",
    ),
    ("tandem_connection_tasks", "Tasks of SIP connections"),
    (
        "tandem_connections_known",
        "SIP connections that messages can be sent over",
    ),
    (
        "tandem_stir_certificate_expires_seconds",
        "When our certificate for signing expires, seconds since 1970",
    ),
    (
        "tandem_config_reload_pause_seconds",
        "How long signalling stood still when a configuration was last put in force",
    ),
];

/// Counters, and what they tell.
const COUNTERS: &[(&str, &str)] = &[
    ("tandem_bans_total", "Bans since the start"),
    (
        "tandem_fraud_events_total",
        "What the fraud guard has found, by rule",
    ),
    (
        "tandem_fraud_calls_total",
        "Calls that the fraud guard has refused or ended, by what was done",
    ),
    (
        "tandem_load_alerts_total",
        "Times that a trunk or a limit has reached its alert load",
    ),
    (
        "tandem_challenges_total",
        "Requests that were answered with a challenge",
    ),
    (
        "tandem_auth_failed_total",
        "Requests with a wrong user or password",
    ),
    ("tandem_calls_total", "INVITEs, by what became of them"),
    ("tandem_attempts_total", "Attempts dialled"),
    (
        "tandem_records_late_total",
        "Calls that went on before their record was safe",
    ),
    (
        "tandem_unknown_dialog_total",
        "Requests for calls that are not here, answered 481",
    ),
    ("tandem_stray_acks_total", "ACKs that belong to nothing"),
    (
        "tandem_requests_refused_total",
        "Requests of ours that could not be sent for want of room",
    ),
    (
        "tandem_messages_total",
        "Requests outside of calls that were sent on, by what became of them",
    ),
    (
        "tandem_failovers_total",
        "Attempts that failed and were followed by another",
    ),
    (
        "tandem_one_way_total",
        "Times that one side of an answered call was not heard though the other one spoke",
    ),
    (
        "tandem_media_windows_total",
        "Five-second windows of what peers say, by how they sound",
    ),
    (
        "tandem_media_digits_total",
        "Digits heard in what peers say, as telephone events or as tones that are converted",
    ),
    (
        "tandem_sip_dropped_total",
        "SIP messages dropped or refused without a transaction, by reason",
    ),
    (
        "tandem_sip_datagrams_total",
        "SIP datagrams, by what became of them",
    ),
    (
        "tandem_connections_total",
        "SIP connections, by what became of them",
    ),
    (
        "tandem_connection_messages_total",
        "SIP messages over connections, by direction",
    ),
    (
        "tandem_hep_total",
        "Copies of messages for the capture server, by what became of them",
    ),
    (
        "tandem_names_total",
        "Questions to name servers and lookups of names, by what became of them",
    ),
    (
        "tandem_stir_verified_total",
        "Calls whose caller's signature was looked at, by what came of it",
    ),
    (
        "tandem_stir_sent_total",
        "INVITEs of trunks whose calls are signed, by attestation, or what else became of them",
    ),
    (
        "tandem_stir_certificates_total",
        "Certificates of callers: asked for, not to be had, and calls that went on without waiting longer",
    ),
    (
        "tandem_emergency_calls_total",
        "Calls of customers to emergency services, and those of them that were not answered though the caller waited",
    ),
    (
        "tandem_number_lookups_total",
        "Where numbers are ported to: calls that came with word of it or found it in the cache, questions, failures, calls that went on too early or unasked",
    ),
    (
        "tandem_config_reloads_total",
        "Configurations put in force since the start",
    ),
    (
        "tandem_config_reload_failed_total",
        "Configurations refused since the start",
    ),
];

/// Makes the recorder that all crates' metrics go to.
pub(crate) fn install() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be recorded")?;
    for (name, about) in GAUGES {
        describe_gauge!(*name, *about);
    }
    for (name, about) in COUNTERS {
        describe_counter!(*name, *about);
    }
    // So that an alert on its growth has a zero to grow from.
    counter!("tandem_config_reload_failed_total").absolute(0);
    Ok(handle)
}

/// Sets all metrics that come from the shard, but for those of trunks.
#[allow(clippy::cast_precision_loss, reason = "gauges are floating point by nature")]
pub(crate) fn publish(figures: &Figures) {
    let gauges = &figures.gauges;
    publish_gauges(gauges);
    publish_counters(gauges);
    publish_stir(&gauges.counters.stir);
    publish_numbers(&gauges.counters);
    publish_fraud(gauges);
    if let Some((_, until)) = figures.certificate {
        gauge!("tandem_stir_certificate_expires_seconds").set(until as f64);
    }
    for (reason, value) in &figures.drops {
        counter!("tandem_sip_dropped_total", "reason" => *reason).absolute(*value);
    }
    for (fate, value) in [
        ("asked", figures.names.asked),
        ("unanswered", figures.names.unanswered),
        ("waited", figures.names.waited),
        ("refused", figures.names.refused),
    ] {
        counter!("tandem_names_total", "fate" => fate).absolute(value);
    }
    for (fate, value) in [
        ("received", figures.sockets.received),
        ("sent", figures.sockets.sent),
        ("queued", figures.sockets.queued),
        ("dropped", figures.sockets.dropped),
        ("failed", figures.sockets.failed),
        ("unreachable", figures.sockets.unreachable),
    ] {
        counter!("tandem_sip_datagrams_total", "fate" => fate).absolute(value);
    }
    counter!("tandem_hep_total", "fate" => "sent").absolute(figures.mirrored.sent);
    counter!("tandem_hep_total", "fate" => "lost").absolute(figures.mirrored.lost);
    publish_streams(&figures.streams);
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floating point by nature")]
fn publish_gauges(gauges: &switch::Gauges) {
    gauge!("tandem_calls").set(gauges.calls as f64);
    gauge!("tandem_calls_answered").set(gauges.answered as f64);
    gauge!("tandem_calls_ending").set(gauges.ending as f64);
    gauge!("tandem_orphans").set(gauges.orphans as f64);
    gauge!("tandem_transactions", "role" => "server").set(gauges.server_transactions as f64);
    gauge!("tandem_transactions", "role" => "client").set(gauges.client_transactions as f64);
    gauge!("tandem_ports").set(gauges.ports as f64);
    gauge!("tandem_permits").set(gauges.permits as f64);
    gauge!("tandem_dialog_tags").set(gauges.tags as f64);
    gauge!("tandem_call_timers").set(gauges.call_timers as f64);
    gauge!("tandem_bindings").set(gauges.bindings as f64);
    gauge!("tandem_overload").set(f64::from(gauges.turned_away));
    gauge!("tandem_bans").set(gauges.bans as f64);
    counter!("tandem_bans_total").absolute(gauges.banned);
}

fn publish_counters(gauges: &switch::Gauges) {
    let counters = &gauges.counters;
    counter!("tandem_challenges_total").absolute(counters.challenges);
    counter!("tandem_auth_failed_total").absolute(counters.auth_failed);
    for (outcome, value) in [
        ("admitted", counters.calls_admitted),
        ("answered", counters.calls_answered),
        ("refused-source", counters.refused_source),
        ("refused-limit", counters.refused_limit),
        ("refused-destination", counters.refused_destination),
        ("refused-credit", counters.refused_credit),
        ("refused-number", counters.refused_number),
        ("rtp-timeout", counters.rtp_timeouts),
    ] {
        counter!("tandem_calls_total", "outcome" => outcome).absolute(value);
    }
    counter!("tandem_attempts_total").absolute(counters.attempts);
    counter!("tandem_failovers_total").absolute(counters.failovers);
    counter!("tandem_one_way_total").absolute(counters.one_way);
    counter!("tandem_records_late_total").absolute(counters.records_late);
    counter!("tandem_unknown_dialog_total").absolute(counters.unknown_dialog);
    counter!("tandem_stray_acks_total").absolute(counters.stray_acks);
    counter!("tandem_requests_refused_total").absolute(counters.requests_refused);
    for (outcome, value) in [
        ("delivered", counters.messages_relayed),
        ("failed", counters.messages_failed),
        ("refused", counters.messages_refused),
    ] {
        counter!("tandem_messages_total", "outcome" => outcome).absolute(value);
    }
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floating point by nature")]
fn publish_fraud(gauges: &switch::Gauges) {
    gauge!("tandem_fraud_blocks").set(gauges.fraud_blocks as f64);
    gauge!("tandem_fraud_watched").set(gauges.watched as f64);
    gauge!("tandem_limited").set(gauges.limited as f64);
    counter!("tandem_load_alerts_total").absolute(gauges.counters.load_alerts);
    for (rule, count) in FraudRule::ALL.into_iter().zip(gauges.fraud.events) {
        counter!("tandem_fraud_events_total", "rule" => rule.word()).absolute(count);
    }
    for (done, count) in [
        ("blocked", gauges.fraud.blocked),
        ("throttled", gauges.fraud.throttled),
        ("ceiling", gauges.fraud.ceiling),
        ("cut", gauges.fraud.cut),
    ] {
        counter!("tandem_fraud_calls_total", "done" => done).absolute(count);
    }
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floating point by nature")]
fn publish_streams(streams: &sip_net::StreamFigures) {
    gauge!("tandem_connections").set(streams.connections as f64);
    gauge!("tandem_connections_known").set(streams.known as f64);
    gauge!("tandem_connection_tasks").set(streams.tasks as f64);
    for (fate, value) in [
        ("accepted", streams.accepted),
        ("connected", streams.connected),
        ("failed", streams.failed),
        ("refused", streams.refused),
        ("late", streams.late),
    ] {
        counter!("tandem_connections_total", "fate" => fate).absolute(value);
    }
    for (direction, value) in [("received", streams.received), ("sent", streams.sent)] {
        counter!("tandem_connection_messages_total", "direction" => direction).absolute(value);
    }
}

fn publish_stir(stir: &switch::StirCounters) {
    for (result, value) in [
        ("passed", stir.passed),
        ("absent", stir.absent),
        ("bad-info", stir.bad_info),
        ("unsupported", stir.unsupported),
        ("stale", stir.stale),
        ("invalid", stir.invalid),
    ] {
        counter!("tandem_stir_verified_total", "result" => result).absolute(value);
    }
    for (how, value) in [
        ("A", stir.signed_a),
        ("B", stir.signed_b),
        ("C", stir.signed_c),
        ("handed-on", stir.handed_on),
        ("unsigned", stir.unsigned),
    ] {
        counter!("tandem_stir_sent_total", "how" => how).absolute(value);
    }
    for (what, value) in [
        ("asked", stir.fetches),
        ("failed", stir.fetch_failures),
        ("late", stir.waited),
    ] {
        counter!("tandem_stir_certificates_total", "what" => what).absolute(value);
    }
}

/// The series of customers' credit, likewise.
pub(crate) fn of_credit(credit: &[CreditView]) -> String {
    let mut text = String::new();
    if credit.is_empty() {
        return text;
    }
    let left = |view: &CreditView| view.left.map(|left| left.to_string());
    let low = |view: &CreditView| view.left.map(|_| u8::from(view.low).to_string());
    type Series = (&'static str, &'static str, fn(&CreditView) -> Option<String>);
    let series: [Series; 2] = [
        (
            "tandem_credit_left",
            "What a customer may still spend, in the base currency",
            left,
        ),
        (
            "tandem_credit_low",
            "Whether that is less than its alert says",
            low,
        ),
    ];
    for (name, about, value) in series {
        heading(&mut text, name, about);
        for view in credit {
            if let Some(value) = value(view) {
                let customer = sanitize_label_value(&view.customer);
                text.push_str(&format!("{name}{{customer=\"{customer}\"}} {value}\n"));
            }
        }
        text.push('\n');
    }
    text
}

fn publish_numbers(counters: &switch::Counters) {
    for (what, value) in [
        ("begun", counters.emergency_calls),
        ("failed", counters.emergency_failed),
    ] {
        counter!("tandem_emergency_calls_total", "what" => what).absolute(value);
    }
    let dip = &counters.dip;
    for (what, value) in [
        ("given", dip.given),
        ("cached", dip.cached),
        ("asked", dip.asked),
        ("failed", dip.failures),
        ("late", dip.late),
        ("unasked", dip.skipped),
        ("rests", dip.opened),
    ] {
        counter!("tandem_number_lookups_total", "what" => what).absolute(value);
    }
}

/// The series of trunks as Prometheus text. A recorder keeps every series that it was ever told of; these are there for as
/// long as the trunk or target is, so that one taken out of the configuration is neither up nor down for ever.
pub(crate) fn of_trunks(trunks: &[TrunkState]) -> String {
    let mut text = String::new();
    heading(&mut text, "tandem_trunk_calls", "Calls in progress, by trunk");
    for trunk in trunks {
        let name = sanitize_label_value(&trunk.name);
        text.push_str(&format!(
            "tandem_trunk_calls{{trunk=\"{name}\"}} {}\n",
            trunk.calls
        ));
    }
    text.push('\n');
    heading(
        &mut text,
        "tandem_trunk_above_alert",
        "Whether a trunk's load is above its alert level",
    );
    for trunk in trunks {
        let (name, above) = (sanitize_label_value(&trunk.name), u8::from(trunk.above_alert));
        text.push_str(&format!("tandem_trunk_above_alert{{trunk=\"{name}\"}} {above}\n"));
    }
    text.push('\n');
    heading(
        &mut text,
        "tandem_target_up",
        "Whether a trunk's target is held to be alive, by trunk and target",
    );
    for trunk in trunks {
        let name = sanitize_label_value(&trunk.name);
        for (target, up) in trunk.targets.iter().map(|target| target.up).enumerate() {
            let up = u8::from(up);
            text.push_str(&format!(
                "tandem_target_up{{trunk=\"{name}\",target=\"{target}\"}} {up}\n"
            ));
        }
    }
    text.push('\n');
    heading(
        &mut text,
        "tandem_trunk_registered",
        "Whether a trunk's registrar has us, by trunk that wants it and state",
    );
    for trunk in trunks {
        let Some(registration) = &trunk.registration else {
            continue;
        };
        let (name, state) = (sanitize_label_value(&trunk.name), registration.state);
        let is = u8::from(state == "registered");
        text.push_str(&format!(
            "tandem_trunk_registered{{trunk=\"{name}\",state=\"{state}\"}} {is}\n"
        ));
    }
    text.push('\n');
    text
}

/// The series of limits per destination, likewise.
pub(crate) fn of_limits(limits: &[LimitView]) -> String {
    let mut text = String::new();
    if limits.is_empty() {
        return text;
    }
    heading(
        &mut text,
        "tandem_limit_calls",
        "Calls in progress that a limit per destination counts, by its numbers and customer",
    );
    for limit in limits {
        let numbers = sanitize_label_value(&limit.pattern);
        let customer = sanitize_label_value(limit.customer.as_deref().unwrap_or_default());
        text.push_str(&format!(
            "tandem_limit_calls{{match=\"{numbers}\",customer=\"{customer}\"}} {}\n",
            limit.calls
        ));
    }
    text.push('\n');
    text
}

fn heading(text: &mut String, name: &str, what: &str) {
    write_help_line(text, name, None, None, what);
    write_type_line(text, name, None, None, "gauge");
}
