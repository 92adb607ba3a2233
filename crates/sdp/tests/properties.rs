//! What holds for any body: nothing panics, what is written can be read, nothing hidden gets out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test helpers outside of test functions"
)]

use std::net::IpAddr;

use proptest::prelude::*;
use sdp::{
    CodecFilter, Compose, ComposeError, Direction, Limits, NewOrigin, RtcpPlan, Sdp, Slot, Transport,
    acceptable, compose, first_acceptable, hold_direction, is_hold, parse, pt_map,
};

/// Values with which hostile and honest lines are made.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("0".to_owned()),
        Just("4294967296".to_owned()),
        Just("-1".to_owned()),
        Just("65536".to_owned()),
        Just("\0".to_owned()),
        Just("hidden-Host.inside".to_owned()),
        Just("IN IP4 10.66.66.66".to_owned()),
        Just("IN IP6 fd00::6".to_owned()),
        Just("IN IP4 0.0.0.0".to_owned()),
        Just("96 opus/48000/2".to_owned()),
        Just("97 telephone-event/8000".to_owned()),
        Just("98 telephone-event/48000".to_owned()),
        Just("99 red/48000/2".to_owned()),
        Just("99 96/96".to_owned()),
        Just("18 annexb=no".to_owned()),
        Just("- 1 2 IN IP4 10.66.66.66".to_owned()),
        "[ -~]{0,24}",
        any::<u32>().prop_map(|n| n.to_string()),
        "\\PC{0,8}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let attribute = prop_oneof![
        Just("rtpmap"),
        Just("fmtp"),
        Just("rtcp"),
        Just("rtcp-mux"),
        Just("ptime"),
        Just("crypto"),
        Just("X"),
        Just("sendonly"),
        Just("inactive"),
        Just("recvonly"),
        Just("candidate"),
        Just("ssrc"),
        Just("rtcp-fb"),
    ];
    let media = (
        prop_oneof![Just("audio"), Just("video"), Just("image"), Just("x")],
        prop_oneof![4 => (0..=65_535u32).boxed(), 1 => any::<u32>().boxed()],
        prop_oneof![4 => Just("RTP/AVP"), 1 => Just("udptl"), 1 => Just("RTP/SAVPF"), 1 => Just("y")],
        prop::collection::vec(
            prop_oneof![3 => (0..130u32).boxed(), 1 => (96..100u32).boxed()],
            0..10,
        ),
    );
    prop_oneof![
        4 => (attribute, prop::option::of(value())).prop_map(|(name, value)| match value {
            Some(value) => format!("a={name}:{value}"),
            None => format!("a={name}"),
        }),
        2 => media.prop_map(|(kind, port, proto, formats)| {
            let formats: String = formats.iter().map(|f| format!(" {f}")).collect();
            format!("m={kind} {port} {proto}{formats}")
        }),
        1 => ("[a-z]", value()).prop_map(|(letter, value)| format!("{letter}={value}")),
        1 => value(),
    ]
}

/// `v=0` and a soup of lines with ends of all kinds.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![8 => Just("\r\n"), 2 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    prop::collection::vec((line(), end), 0..40).prop_map(|lines| {
        lines
            .into_iter()
            .fold("v=0\r\n".to_owned(), |body, (line, end)| body + &line + end)
            .into_bytes()
    })
}

#[derive(Clone, Debug)]
struct Plan {
    address: IpAddr,
    port: u16,
    rtcp: RtcpPlan,
    direction: Option<Direction>,
    filter: u8,
    refuse: u64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let rtcp = prop_oneof![
        Just(RtcpPlan::Pair),
        Just(RtcpPlan::Mux),
        Just(RtcpPlan::MuxOffer)
    ];
    let direction = prop_oneof![
        Just(None),
        Just(Some(Direction::SendRecv)),
        Just(Some(Direction::SendOnly)),
        Just(Some(Direction::Inactive)),
    ];
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ];
    (address, 1..=u16::MAX, rtcp, direction, 0..4u8, any::<u64>()).prop_map(
        |(address, port, rtcp, direction, filter, refuse)| Plan {
            address,
            port,
            rtcp,
            direction,
            filter,
            refuse,
        },
    )
}

fn look_at_everything(sdp: &Sdp) {
    let _ = (
        sdp.origin(),
        first_acceptable(sdp, |_| true),
        sdp.attributes().count(),
    );
    for m in sdp.media() {
        let _ = (
            sdp.connection(m),
            sdp.endpoints(m, false),
            acceptable(sdp, m),
            hold_direction(sdp, m),
            is_hold(sdp, m),
        );
        let _ = (m.formats().count(), m.attributes().count(), m.rtcp(), m.ptime());
        assert!(
            m.codecs()
                .all(|c| c.pt < 128 && c.clock > 0 && c.channels > 0 && !c.name.is_empty())
        );
        for other in sdp.media() {
            let map = pt_map(m, other);
            let inputs: Vec<_> = map.from_a().map(|(pt, _)| pt).collect();
            assert!(
                inputs.iter().enumerate().all(|(i, pt)| !inputs[..i].contains(pt)),
                "each PT in once: {inputs:?}"
            );
            let inputs: Vec<_> = map.from_b().map(|(pt, _)| pt).collect();
            assert!(
                inputs.iter().enumerate().all(|(i, pt)| !inputs[..i].contains(pt)),
                "each PT in once: {inputs:?}"
            );
            assert!(
                map.from_a()
                    .all(|(_, out)| other.payload_types().any(|pt| pt == out))
            );
            assert!(map.from_b().all(|(_, out)| m.payload_types().any(|pt| pt == out)));
            let _ = map.misread_by_b().count();
        }
    }
}

fn write(sdp: &Sdp, plan: &Plan, hide: &[&[u8]]) -> Result<Vec<u8>, ComposeError> {
    let policy = ["opus".to_owned(), "PCMU".to_owned()];
    let first = sdp.media().first();
    let mapping = first.map(|m| pt_map(m, m)).unwrap_or_default();
    let codecs = match plan.filter {
        0 => CodecFilter::All,
        1 => CodecFilter::Only(&policy),
        2 => CodecFilter::Own(&[96, 0, 200]),
        _ => CodecFilter::Answer(&mapping),
    };
    let slot = |(index, media)| match plan.refuse >> (index % 64) & 1 {
        0 => Slot::Stream {
            media,
            port: plan.port,
            rtcp: plan.rtcp,
            codecs,
            direction: plan.direction,
            transport: Transport::default(),
        },
        _ => Slot::Rejected {
            line: sdp::Media::line(media),
        },
    };
    let slots: Vec<_> = sdp.media().iter().enumerate().map(slot).collect();
    let origin = NewOrigin {
        username: "-",
        id: 1,
        version: 1,
        address: plan.address,
    };
    compose(&Compose {
        origin,
        address: plan.address,
        source: sdp,
        slots: &slots,
        hide,
        lines: &[],
    })
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(sdp) = parse(&body, &Limits::default()) {
            look_at_everything(&sdp);
        }
    }

    #[test]
    fn any_soup_of_lines_is_read_or_refused(body in soup()) {
        if let Ok(sdp) = parse(&body, &Limits::default()) {
            look_at_everything(&sdp);
        }
    }

    #[test]
    fn what_is_written_reads_as_what_was_asked(body in soup(), plan in plan()) {
        let Ok(sdp) = parse(&body, &Limits::default()) else { return Ok(()) };
        let Ok(written) = write(&sdp, &plan, &[]) else { return Ok(()) };
        let after = parse(&written, &Limits::default()).expect("what we write, we read");
        prop_assert_eq!(after.media().len(), sdp.media().len());
        for (index, (was, is)) in sdp.media().iter().zip(after.media()).enumerate() {
            let refused = plan.refuse >> (index % 64) & 1 == 1;
            prop_assert_eq!((is.kind(), is.proto()), (was.kind(), was.proto()));
            prop_assert_eq!(is.port(), if refused { 0 } else { plan.port });
            prop_assert!(is.formats().next().is_some(), "an m-line has a format");
            if refused {
                continue;
            }
            let asked = plan.direction.unwrap_or_else(|| hold_direction(&sdp, was));
            prop_assert_eq!(is.direction(), asked);
            let connection = after.connection(is);
            prop_assert!(connection == Some(plan.address) || connection.is_none(), "{:?}", connection);
            prop_assert_eq!(is.rtcp_mux(), is.proto().is_rtp() && plan.rtcp != RtcpPlan::Pair);
        }
        let text = String::from_utf8_lossy(&written);
        prop_assert!(!text.contains('\0') && !text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn what_is_hidden_never_gets_out(body in soup(), plan in plan()) {
        let Ok(sdp) = parse(&body, &Limits::default()) else { return Ok(()) };
        let hide: [&[u8]; 2] = [b"HIDDEN-host", b"10.66.66.66"];
        let Ok(written) = write(&sdp, &plan, &hide) else { return Ok(()) };
        prop_assume!(plan.address.to_string() != "10.66.66.66");
        for word in hide {
            prop_assert!(!contains(&written, word), "{}", String::from_utf8_lossy(&written));
        }
    }
}

#[test]
fn the_soup_does_reach_the_writer() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut written = 0;
    for _ in 0..256 {
        let body = soup().new_tree(&mut runner).expect("a body").current();
        let plan = plan().new_tree(&mut runner).expect("a plan").current();
        if let Ok(sdp) = parse(&body, &Limits::default())
            && !sdp.media().is_empty()
            && write(&sdp, &plan, &[]).is_ok()
        {
            written += 1;
        }
    }
    assert!(
        written >= 20,
        "only {written} of 256 bodies were written: the properties test little"
    );
}
