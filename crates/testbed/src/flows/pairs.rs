//! Flows played by SIPp on both sides: a table of scenarios and of what the record has to say.

use super::{bed, check};
use crate::daemon::Bed;
use crate::setup::Setup;
use std::path::Path;
use std::time::Duration;

/// SIPp at A, at B1 and at B2, and what comes of it.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Scenario of the calling side.
    pub(super) uac: &'static str,
    /// Scenario of the first carrier; none: its port is closed.
    pub(super) b1: Option<&'static str>,
    /// Scenario of the second carrier; none: it must not be tried, and its port is closed.
    pub(super) b2: Option<&'static str>,
    setup: fn(Setup) -> Setup,
    calls: u32,
    /// Status, who ended it, number of attempts; none: no record at all.
    record: Option<(u16, &'static str, usize)>,
    /// INVITEs of the switch that end in a refusal, so that their transactions linger for 32 s.
    refused: usize,
}

const fn plain(setup: Setup) -> Setup {
    setup
}

const fn pair(uac: &'static str, b1: &'static str, status: u16, ended_by: &'static str) -> Pair {
    Pair {
        uac,
        b1: Some(b1),
        b2: None,
        setup: plain,
        calls: 1,
        record: Some((status, ended_by, 1)),
        refused: if status >= 300 { 1 } else { 0 },
    }
}

const fn failover(b1: Option<&'static str>, setup: fn(Setup) -> Setup) -> Pair {
    let record = Some((200, "caller", 2));
    Pair {
        uac: "uac_basic",
        b1,
        b2: Some("uas_basic"),
        setup,
        calls: 1,
        record,
        refused: 1,
    }
}

const fn with(pair: Pair, setup: fn(Setup) -> Setup) -> Pair {
    Pair { setup, ..pair }
}

pub(super) const PAIRS: &[(&str, Pair)] = &[
    ("basic_call", pair("uac_basic", "uas_basic", 200, "caller")),
    (
        "answered_without_ringing",
        pair("uac_basic", "uas_answer", 200, "caller"),
    ),
    (
        "called_party_hangs_up",
        pair("uac_wait_bye", "uas_bye", 200, "called"),
    ),
    (
        "cancelled_before_ringing",
        pair("uac_cancel_trying", "uas_trying_forever", 487, "caller"),
    ),
    (
        "cancelled_while_ringing",
        pair("uac_cancel_ringing", "uas_ring_forever", 487, "caller"),
    ),
    (
        "cancel_crosses_the_answer",
        pair("uac_cancel_ringing", "uas_cancel_crossing", 487, "caller"),
    ),
    (
        "busy_at_once",
        pair("uac_refused_486", "uas_refuse_486", 486, "called"),
    ),
    (
        "rings_then_busy",
        pair("uac_refused_486", "uas_ring_refuse_486", 486, "called"),
    ),
    (
        "not_found",
        pair("uac_refused_404", "uas_refuse_404", 404, "called"),
    ),
    (
        "address_incomplete",
        pair("uac_refused_484", "uas_refuse_484", 484, "called"),
    ),
    (
        "declined",
        pair("uac_refused_603", "uas_refuse_603", 603, "called"),
    ),
    (
        "busy_everywhere",
        pair("uac_refused_600", "uas_refuse_600", 600, "called"),
    ),
    (
        "redirected",
        pair("uac_refused_302", "uas_refuse_302", 302, "called"),
    ),
    (
        "not_acceptable",
        pair("uac_refused_488", "uas_refuse_488", 488, "called"),
    ),
    (
        "bad_request",
        pair("uac_refused_400", "uas_refuse_400", 400, "called"),
    ),
    (
        "temporarily_unavailable",
        pair("uac_refused_480", "uas_refuse_480", 480, "called"),
    ),
    (
        "service_unavailable_fails_over",
        failover(Some("uas_refuse_503"), plain),
    ),
    ("server_error_fails_over", failover(Some("uas_refuse_500"), plain)),
    (
        "silent_carrier_fails_over",
        failover(Some("uas_silent"), |s| {
            s.key("b1", "failover = { trying = \"500ms\" }")
        }),
    ),
    (
        "carrier_that_only_tries_fails_over",
        failover(Some("uas_trying_forever"), |s| {
            s.key("b1", "failover = { progress = \"500ms\" }")
        }),
    ),
    ("closed_port_fails_over_at_once", failover(None, plain)),
    (
        "rings_without_answer",
        with(pair("uac_refused_480", "uas_ring_forever", 480, "switch"), |s| {
            s.key("b1", "failover = { answer = \"1s\" }")
        }),
    ),
    (
        "every_carrier_fails",
        Pair {
            b2: Some("uas_refuse_503"),
            record: Some((500, "switch", 2)),
            refused: 2,
            ..pair("uac_refused_500", "uas_refuse_500", 500, "called")
        },
    ),
    (
        "early_media",
        pair("uac_early_media", "uas_early_media", 200, "caller"),
    ),
    (
        "early_media_then_busy",
        pair(
            "uac_early_media_refused",
            "uas_early_media_refused",
            486,
            "called",
        ),
    ),
    (
        "offer_in_the_answer",
        pair("uac_no_sdp", "uas_no_sdp", 200, "caller"),
    ),
    (
        "caller_holds_and_resumes",
        pair("uac_hold", "uas_held", 200, "caller"),
    ),
    (
        "called_party_holds_and_resumes",
        pair("uac_held", "uas_hold", 200, "called"),
    ),
    (
        "caller_moves_its_media",
        pair("uac_move", "uas_moved", 200, "caller"),
    ),
    (
        "called_party_moves_its_media",
        pair("uac_moved", "uas_move", 200, "called"),
    ),
    ("late_ack", pair("uac_lost_ack", "uas_basic", 200, "caller")),
    (
        "missing_ack_ends_the_call",
        pair("uac_no_ack", "uas_basic", 200, "switch"),
    ),
    (
        "challenge_is_answered",
        Pair {
            refused: 1,
            ..with(pair("uac_basic", "uas_challenge", 200, "caller"), |s| {
                s.key("b1", "auth = { username = \"tandem\", password = \"secret\" }")
            })
        },
    ),
    ("compact_headers", pair("uac_compact", "uas_basic", 200, "caller")),
    ("long_headers", pair("uac_long", "uas_basic", 200, "caller")),
    (
        "options_are_answered",
        Pair {
            uac: "uac_options",
            b1: None,
            b2: None,
            setup: plain,
            calls: 1,
            record: None,
            refused: 0,
        },
    ),
    (
        "ipv6_call",
        with(pair("uac_basic", "uas_basic", 200, "caller"), Setup::ipv6),
    ),
    ("rings_then_answers", pair("uac_basic", "uas_ring", 200, "caller")),
    (
        "many_calls",
        Pair {
            calls: 200,
            // What SIPp does not come to on a busy machine is not lost, and is not sent again for a while.
            ..with(pair("uac_basic", "uas_basic", 200, "caller"), |s| s.t1_ms(150))
        },
    ),
];

/// Flows in which the carrier's scenario waits for what the switch may rightly not send, so that it ends late or never.
fn ends_by_itself(uas: &str) -> bool {
    uas != "uas_silent"
}

pub(super) fn play(binary: &Path, pair: &Pair) {
    let bed = bed(binary, pair.setup);
    let carriers = [
        pair.b1.map(|name| bed.uas_b1(name)),
        pair.b2.map(|name| bed.uas_b2(name)),
    ];
    let carriers = carriers
        .into_iter()
        .flatten()
        .zip([pair.b1, pair.b2].into_iter().flatten());
    let carriers: Vec<_> = carriers
        .map(|(uas, name)| (bed.run(&uas.calls(pair.calls, 100)), name))
        .collect();
    let caller = bed.run(
        &bed.uac(pair.uac)
            .calls(pair.calls, 100)
            .deadline(Duration::from_secs(30)),
    );
    caller.wait().assert_all(u64::from(pair.calls));
    for (carrier, name) in carriers {
        if ends_by_itself(name) {
            carrier.wait().assert_all(u64::from(pair.calls));
        } else {
            drop(carrier.stop());
        }
    }
    finish(bed, pair);
}

fn finish(bed: Bed, pair: &Pair) {
    let Some((status, ended_by, attempts)) = pair.record else {
        bed.finish(0);
        return;
    };
    for record in bed.finish_lingering(pair.calls as usize, pair.refused) {
        check(&record, status, ended_by, attempts);
        if pair.b1.is_none() {
            // A closed port is known at once; nothing waits for a timer.
            assert!(record.number("attempts.1.offset_ms") < 100, "{record:#?}");
        }
    }
}
