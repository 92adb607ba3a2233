//! The shard's figures as metrics. They are set when somebody reads them, so that calls cost nothing for it.

use anyhow::{Context, Result};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::shard::Figures;

/// Makes the recorder that all crates' metrics go to.
pub(crate) fn install() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be recorded")?;
    describe_gauge!("tandem_calls", "Calls being set up or up");
    describe_gauge!("tandem_calls_answered", "Calls that are answered");
    describe_gauge!(
        "tandem_calls_ending",
        "Calls that are over but for a BYE's answer, a record or media figures"
    );
    describe_gauge!("tandem_orphans", "INVITEs given up that may still be answered");
    describe_gauge!("tandem_transactions", "SIP transactions, by role");
    describe_gauge!("tandem_ports", "RTP port pairs in use");
    describe_gauge!("tandem_permits", "Places taken on trunks");
    describe_gauge!("tandem_dialog_tags", "Dialog tags that name a call");
    describe_gauge!("tandem_call_timers", "Timers armed by calls");
    describe_gauge!("tandem_trunk_calls", "Calls in progress, by trunk");
    describe_gauge!(
        "tandem_target_up",
        "Whether a trunk's target is held to be alive, by trunk and target"
    );
    describe_counter!("tandem_calls_total", "INVITEs, by what became of them");
    describe_counter!("tandem_attempts_total", "Attempts dialled");
    describe_counter!(
        "tandem_failovers_total",
        "Attempts that failed and were followed by another"
    );
    describe_counter!(
        "tandem_sip_dropped_total",
        "SIP messages dropped or refused without a transaction, by reason"
    );
    describe_counter!(
        "tandem_sip_datagrams_total",
        "SIP datagrams, by what became of them"
    );
    describe_counter!(
        "tandem_config_reloads_total",
        "Configurations put in force since the start"
    );
    describe_counter!(
        "tandem_config_reload_failed_total",
        "Configurations refused since the start"
    );
    // So that an alert on its growth has a zero to grow from.
    counter!("tandem_config_reload_failed_total").absolute(0);
    Ok(handle)
}

/// Sets all metrics that come from the shard.
#[allow(clippy::cast_precision_loss, reason = "gauges are floating point by nature")]
pub(crate) fn publish(figures: &Figures) {
    let gauges = &figures.gauges;
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
    let counters = &gauges.counters;
    for (outcome, value) in [
        ("admitted", counters.calls_admitted),
        ("answered", counters.calls_answered),
        ("refused-source", counters.refused_source),
        ("refused-limit", counters.refused_limit),
        ("rtp-timeout", counters.rtp_timeouts),
    ] {
        counter!("tandem_calls_total", "outcome" => outcome).absolute(value);
    }
    counter!("tandem_attempts_total").absolute(counters.attempts);
    counter!("tandem_failovers_total").absolute(counters.failovers);
    counter!("tandem_records_late_total").absolute(counters.records_late);
    counter!("tandem_unknown_dialog_total").absolute(counters.unknown_dialog);
    counter!("tandem_stray_acks_total").absolute(counters.stray_acks);
    counter!("tandem_requests_refused_total").absolute(counters.requests_refused);
    for (reason, value) in &figures.drops {
        counter!("tandem_sip_dropped_total", "reason" => *reason).absolute(*value);
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
    for trunk in &figures.trunks {
        gauge!("tandem_trunk_calls", "trunk" => trunk.name.clone()).set(f64::from(trunk.calls));
        for (index, up) in trunk.up.iter().enumerate() {
            let labels = [("trunk", trunk.name.clone()), ("target", index.to_string())];
            gauge!("tandem_target_up", &labels).set(f64::from(u8::from(*up)));
        }
    }
}
