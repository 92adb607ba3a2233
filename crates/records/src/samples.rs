//! Records for tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use switch::record::{
    AccountRecord, AfterAnswer, AttemptRecord, BadAnswer, Balance, CallRecord, Cause, Heard, HungUpBy,
    LossStructure, MediaRecord, Money, Quality, RECORD_VERSION, RecordState,
};

/// The `n`th call: an answered one of a minute that failed over once.
pub(crate) fn record(n: u64) -> CallRecord {
    let attempt = |trunk: &str, sip, outcome: &str| AttemptRecord {
        address: None,
        trunk: trunk.to_owned(),
        target: format!("sip:+4420{:08}@198.51.100.7:5060", n),
        call_id: format!("{n:016x}-2@tandem-1"),
        offset_ms: 3,
        pdd_ms: Some(812),
        elapsed_ms: 4210,
        sip,
        q850: Some(16),
        outcome: outcome.to_owned(),
        called: None,
        why: None,
    };
    let media = MediaRecord {
        codec: Some("PCMU/8000".to_owned()),
        packets: 3000,
        bytes: 516_000,
        lost: 2,
        jitter_us: 812,
        dropped: 0,
        digits: 4,
        loss: LossStructure {
            events: 2,
            longest: 1,
            gap_density: 0.0007,
            gap_ms: 60_000,
            ..LossStructure::default()
        },
        quality: Some(Quality {
            r_factor: 91.9,
            mos: 4.38,
            mos_min: 4.31,
            mos_last: 4.39,
            delay_ms: 44,
        }),
        rtt_us: Some(12_345),
        mute_ms: 0,
        heard: Some(Box::new(Heard {
            reports: 12,
            lost: 3,
            ..Heard::default()
        })),
        answer: Some(BadAnswer::FalseAnswer),
        after_answer: Some(Box::new(AfterAnswer {
            listened_ms: 6_000,
            whole: true,
            tone_ms: 2_000,
            longest_tone_ms: 2_000,
            tones: 1,
            hertz: 460,
            ..AfterAnswer::default()
        })),
    };
    CallRecord {
        version: RECORD_VERSION,
        id: format!("tandem-1-{:016x}", 0x018f_0000_0000_0000 + n),
        node: "tandem-1".to_owned(),
        state: RecordState::Final,
        started_ms: 1_700_000_000_000 + n * 1000,
        answered_ms: Some(1_700_000_004_210 + n * 1000),
        ended_ms: Some(1_700_000_064_210 + n * 1000),
        pdd_ms: Some(815),
        ring_ms: Some(3395),
        talk_ms: 60_000,
        from_trunk: "pbx".to_owned(),
        to_trunk: Some("carrier-b".to_owned()),
        caller: format!("+4416{:08}", n % 100),
        called: format!("+4420{:08}", n),
        dialled: None,
        routed: None,
        emergency: false,
        source: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5080),
        call_id: format!("{n:032x}@192.0.2.5"),
        hung_up_by: HungUpBy::Caller,
        cause: Cause {
            kind: "normal".to_owned(),
            sip: 200,
            q850: Some(16),
        },
        attempts: vec![
            attempt("carrier-a", 503, "refused"),
            attempt("carrier-b", 200, "answered"),
        ],
        transfers: Vec::new(),
        caller_media: media.clone(),
        called_media: media,
        mos: Some(4.38),
        mos_min: Some(4.31),
        stir: None,
        cost: Some(Money(4_500_000)),
        price: Some(Money(10_000_000)),
        margin: Some(Balance(5_500_000)),
        currency: Some("USD".to_owned()),
        accounts: vec![AccountRecord {
            customer: "pbx".to_owned(),
            price: Money(10_000_000),
        }],
        test: false,
        route: None,
        feedback: None,
        decision: vec![
            "carrier-a: priority 1, weight 10".to_owned(),
            "carrier-b: priority 2, weight 10".to_owned(),
        ],
    }
}
