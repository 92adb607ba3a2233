//! Which formats are written, in which order, and under which numbers.

use sdp::{CodecFilter, ComposeError, pt_map};

use crate::{body, filtered, names, one, tail, write};

#[test]
fn a_policy_gives_its_own_order_with_telephone_event() {
    let offer = "m=audio 4 RTP/AVP 18 8 0 101 96;a=rtpmap:18 G729/8000;a=fmtp:18 annexb=no;a=rtpmap:8 PCMA/8000;\
                 a=rtpmap:0 PCMU/8000;a=rtpmap:101 telephone-event/8000;a=fmtp:101 0-16;a=rtpmap:96 opus/48000/2;a=X";
    let rows: [(&[&str], Option<&str>); 13] = [
        (&["PCMA", "PCMU", "telephone-event"], Some("8 0 101")),
        (&["PCMU", "PCMA", "telephone-event"], Some("0 8 101")),
        (&["PCMA", "PCMU"], Some("8 0 101")),
        (&["8", "0"], Some("8 0 101")),
        (&["telephone-event", "pcmu"], Some("101 0")),
        (&["g729"], Some("18 101")),
        (&["G729A", "G729"], Some("18 101")),
        (&["opus/48000", "PCMU/16000"], Some("96 101")),
        (&["opus/48000/2"], Some("96 101")),
        (&["GSM"], None),
        (&["telephone-event"], None),
        (&[], None),
        (&["PCMU", "PCMU", "0"], Some("0 101")),
    ];
    for (policy, expected) in rows {
        let policy = names(policy);
        let written = one(offer, CodecFilter::Only(&policy));
        let formats = written.as_ref().map(|w| w.split(';').next().unwrap_or_default());
        let expected = expected.map(|f| format!("m=audio 20000 RTP/AVP {f}"));
        assert_eq!(formats.ok(), expected.as_deref(), "{policy:?}");
        if expected.is_none() {
            assert_eq!(written, Err(ComposeError::NoCodec(0)));
        }
    }
    let policy = names(&["PCMA"]);
    assert_eq!(
        one(offer, CodecFilter::Only(&policy)).expect("composes"),
        "m=audio 20000 RTP/AVP 8 101;a=rtpmap:8 PCMA/8000;a=rtpmap:101 telephone-event/8000;a=fmtp:101 0-16;a=X",
        "what belongs to a dropped format goes with it"
    );
}

#[test]
fn formats_are_filtered_by_number() {
    let offer = "m=audio 4 RTP/AVP 18 18 8 0;a=rtcp-fb:* nack;a=rtcp-fb:8 ack;a=rtcp-fb:18 ack;a=fmtp:7 x;a=rtpmap:99 x/1";
    let rows: [(CodecFilter<'_>, Result<&str, ComposeError>); 6] = [
        (
            CodecFilter::All,
            Ok("18 8 0;a=rtcp-fb:* nack;a=rtcp-fb:8 ack;a=rtcp-fb:18 ack"),
        ),
        (CodecFilter::Own(&[8, 18]), Ok("8 18")),
        (CodecFilter::Own(&[0, 0, 5, 200]), Ok("0")),
        (CodecFilter::Own(&[5]), Err(ComposeError::NoCodec(0))),
        (CodecFilter::Own(&[]), Err(ComposeError::NoCodec(0))),
        (CodecFilter::Own(&[99]), Err(ComposeError::NoCodec(0))),
    ];
    for (filter, expected) in rows {
        let expected = expected.map(|f| format!("m=audio 20000 RTP/AVP {f}"));
        assert_eq!(one(offer, filter), expected, "{filter:?}");
    }
    assert_eq!(
        one("m=audio 4 RTP/AVP 4294967296", CodecFilter::All),
        Err(ComposeError::NoCodec(0))
    );
}

/// What a browser says of what it sends itself is nothing that we do when we answer it.
#[test]
fn an_answer_made_of_the_offer_says_nothing_of_the_offerers_sending() {
    let offer = body(
        "b=AS:500;a=msid-semantic: WMS s;a=extmap-allow-mixed;\
         m=audio 4 RTP/AVPF 111 0 126;b=TIAS:64000;a=mid:0;a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc;\
         a=sendonly;a=msid:s t;a=rtpmap:111 opus/48000/2;a=rtcp-fb:111 transport-cc;a=rtcp-fb:* nack;\
         a=fmtp:111 useinbandfec=1;a=rtpmap:126 telephone-event/8000;a=ptime:20;a=maxptime:60;a=rid:1 send;a=label:7;\
         a=ssrc:5 msid:s t;a=ssrc-group:FID 5 6;a=x-of-its-own",
    );
    let written = write(&offer, &[filtered(&offer, CodecFilter::Own(&[111, 126]))], &[]).expect("composes");
    assert_eq!(
        tail(&written),
        "m=audio 20000 RTP/AVPF 111 126;a=mid:0;a=sendonly;a=rtpmap:111 opus/48000/2;a=fmtp:111 useinbandfec=1;\
         a=rtpmap:126 telephone-event/8000;a=ptime:20;a=maxptime:60"
    );
    assert!(
        !written.contains("b=") && !written.contains("msid") && !written.contains("extmap"),
        "{written}"
    );
    let crossing = write(&offer, &[filtered(&offer, CodecFilter::All)], &[]).expect("composes");
    for kept in [
        "b=AS:500",
        "b=TIAS",
        "a=msid:",
        "a=ssrc:5 msid",
        "a=extmap:3",
        "transport-cc",
        "a=x-of-its-own",
    ] {
        assert!(
            crossing.contains(kept),
            "who is heard as it is says what it does: {kept}"
        );
    }
}

#[test]
fn unusable_and_repeated_rtpmaps_are_not_passed_on() {
    let offer = "m=audio 4 RTP/AVP 8 96;a=rtpmap:8 PCMA/0;a=rtpmap:96 x/0;a=rtpmap:96 opus/48000/2;a=rtpmap:96 iLBC/8000";
    assert_eq!(
        one(offer, CodecFilter::All).expect("composes"),
        "m=audio 20000 RTP/AVP 8 96;a=rtpmap:96 opus/48000/2"
    );
}

#[test]
fn an_event_of_another_clock_than_any_codec_is_not_written() {
    let offer = "m=audio 4 RTP/AVP 96 0 97 98;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000;\
                 a=rtpmap:98 telephone-event/8000";
    let rows: [(&[&str], &str); 3] = [
        (&["opus", "PCMU"], "96 0 97 98"),
        (&["PCMU"], "0 98"),
        (&["opus"], "96 97"),
    ];
    for (policy, expected) in rows {
        let written = one(offer, CodecFilter::Only(&names(policy))).expect("composes");
        assert_eq!(
            written.split(';').next(),
            Some(format!("m=audio 20000 RTP/AVP {expected}").as_str()),
            "{policy:?}"
        );
    }
    let mixed = "m=audio 4 RTP/AVP 0 97;a=rtpmap:97 telephone-event/48000";
    assert_eq!(
        one(mixed, CodecFilter::All).expect("composes"),
        "m=audio 20000 RTP/AVP 0"
    );
    let common = "m=audio 4 RTP/AVP 96 98;a=rtpmap:96 opus/48000/2;a=rtpmap:98 telephone-event/8000";
    assert!(
        one(common, CodecFilter::All)
            .expect("composes")
            .starts_with("m=audio 20000 RTP/AVP 96 98;")
    );
}

#[test]
fn an_event_that_is_added_needs_a_codec_of_its_clock_that_is_left() {
    let offer = "m=audio 4 RTP/AVP 111 0;a=rtpmap:111 opus/48000/2";
    let event = |pt, clock| sdp::Codec {
        pt,
        name: "telephone-event",
        clock,
        channels: 1,
        fmtp: None,
    };
    let added = [event(96, 8_000), event(97, 48_000)];
    for (policy, expected) in [
        (&["PCMU"][..], "0 96"),
        (&["opus"], "111 97"),
        (&["opus", "PCMU"], "111 0 96 97"),
    ] {
        let policy = names(policy);
        let filter = CodecFilter::Extended {
            names: Some(&policy),
            added: &added,
        };
        let written = one(offer, filter).expect("composes");
        let formats = written.split(';').next().unwrap_or_default();
        assert_eq!(formats, format!("m=audio 20000 RTP/AVP {expected}"));
        for codec in &added {
            let listed = expected.contains(&codec.pt.to_string());
            assert_eq!(
                written.contains(&format!("a=rtpmap:{} ", codec.pt)),
                listed,
                "{written}"
            );
        }
    }
}

#[test]
fn redundancy_goes_with_what_it_refers_to() {
    let offer = "m=audio 4 RTP/AVP 96 63 0;a=rtpmap:96 opus/48000/2;a=rtpmap:63 red/48000/2;a=fmtp:63 96/96";
    let all = one(offer, CodecFilter::All).expect("composes");
    assert!(all.starts_with("m=audio 20000 RTP/AVP 96 63 0;"), "{all}");
    let without = one(offer, CodecFilter::Own(&[0, 63])).expect("composes");
    assert_eq!(without, "m=audio 20000 RTP/AVP 0");
}

/// B's answer as A gets it.
fn answer(offer: &str, answer: &str) -> Result<String, ComposeError> {
    let (a, b) = (body(offer), body(answer));
    let mapping = pt_map(&a.media()[0], &b.media()[0]);
    write(&b, &[filtered(&b, CodecFilter::Answer(&mapping))], &[]).map(|w| tail(&w))
}

#[test]
fn an_answer_speaks_the_offerers_payload_types() {
    let a = "m=audio 4 RTP/AVP 0 96 111;a=rtpmap:96 telephone-event/8000;a=rtpmap:111 opus/48000/2";
    let rows = [
        (
            a,
            "m=audio 5 RTP/AVP 0 122;a=rtpmap:0 PCMU/8000;a=rtpmap:122 telephone-event/8000;a=fmtp:122 0-15;a=ptime:20",
            "m=audio 20000 RTP/AVP 0 96;a=rtpmap:0 PCMU/8000;a=rtpmap:96 telephone-event/8000;a=fmtp:96 0-15;a=ptime:20",
        ),
        (
            a,
            "m=audio 5 RTP/AVP 111 96;a=rtpmap:111 telephone-event/8000;a=rtpmap:96 opus/48000/2;a=rtcp-fb:96 nack",
            "m=audio 20000 RTP/AVP 96 111;a=rtpmap:96 telephone-event/8000;a=rtpmap:111 opus/48000/2;a=rtcp-fb:111 nack",
        ),
        (
            "m=audio 4 RTP/AVP 100 101;a=rtpmap:100 opus/48000/2;a=rtpmap:101 red/48000/2;a=fmtp:101 100/100",
            "m=audio 4 RTP/AVP 96 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 red/48000/2;a=fmtp:97 96/96",
            "m=audio 20000 RTP/AVP 100 101;a=rtpmap:100 opus/48000/2;a=rtpmap:101 red/48000/2;a=fmtp:101 100/100",
        ),
        (a, "m=audio 5 RTP/AVP 0 8 9", "m=audio 20000 RTP/AVP 0"),
    ];
    for (offer, answered, expected) in rows {
        assert_eq!(answer(offer, answered).as_deref(), Ok(expected), "{answered}");
    }
}

#[test]
fn an_answer_without_a_codec_in_common_is_named() {
    let a = "m=audio 4 RTP/AVP 96 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000";
    let b = "m=audio 5 RTP/AVP 0 101;a=rtpmap:101 telephone-event/8000";
    assert_eq!(answer(a, b), Err(ComposeError::NoCodec(0)));
    let events = "m=audio 5 RTP/AVP 101;a=rtpmap:101 telephone-event/8000";
    let a = "m=audio 5 RTP/AVP 0 101;a=rtpmap:101 telephone-event/8000";
    assert_eq!(
        answer(a, events),
        Err(ComposeError::NoCodec(0)),
        "events alone carry no conversation"
    );
}

#[test]
fn g729_stays_g729_whatever_is_said_of_annex_b() {
    let rows = [
        ("a=fmtp:18 annexb=no", "", "a=fmtp:18 annexb=no"),
        (
            "a=fmtp:18 annexb=no",
            "a=fmtp:18 annexb=yes",
            "a=fmtp:18 annexb=no",
        ),
        (
            "a=fmtp:18 annexb=no",
            "a=fmtp:18 annexb=no",
            "a=fmtp:18 annexb=no",
        ),
        ("", "a=fmtp:18 annexb=no", "a=fmtp:18 annexb=no"),
        ("", "", ""),
        ("a=fmtp:18 annexb=yes", "", ""),
    ];
    for (a, b, expected) in rows {
        let offer = format!("m=audio 4 RTP/AVP 18 8 0 101;a=rtpmap:101 telephone-event/8000;{a}");
        let written =
            answer(&offer, &format!("m=audio 5 RTP/AVP 18;a=rtpmap:18 G729/8000;{b}")).expect("composes");
        let fmtp = if expected.is_empty() {
            String::new()
        } else {
            format!(";{expected}")
        };
        assert_eq!(
            written,
            format!("m=audio 20000 RTP/AVP 18;a=rtpmap:18 G729/8000{fmtp}"),
            "{a} / {b}"
        );
    }
}

#[test]
fn an_answer_that_says_annexb_no_itself_keeps_its_line_in_place() {
    let offer = "m=audio 4 RTP/AVP 18;a=fmtp:18 annexb=no";
    let written = answer(offer, "m=audio 5 RTP/AVP 18;a=fmtp:18 annexb=no;a=X").expect("composes");
    assert_eq!(written, "m=audio 20000 RTP/AVP 18;a=fmtp:18 annexb=no;a=X");
}

#[test]
fn renumbered_lines_hide_too() {
    let (a, b) = (
        body("m=audio 4 RTP/AVP 97;a=rtpmap:97 opus/48000/2"),
        body("m=audio 5 RTP/AVP 96;a=rtpmap:96 opus/48000/2;a=fmtp:96 x=secret-host;a=rtcp-fb:96 nack"),
    );
    let mapping = pt_map(&a.media()[0], &b.media()[0]);
    let written = write(&b, &[filtered(&b, CodecFilter::Answer(&mapping))], &[b"secret"]).expect("composes");
    assert_eq!(
        tail(&written),
        "m=audio 20000 RTP/AVP 97;a=rtpmap:97 opus/48000/2;a=rtcp-fb:97 nack"
    );
}

#[test]
fn formats_that_are_not_payload_types_keep_their_attributes() {
    let lines = "m=image 4 udptl t38;a=fmtp:t38 x=1;a=rtpmap:t38 y;a=T38FaxVersion:0";
    let expected = lines.replace("image 4 ", "image 20000 ");
    assert_eq!(one(lines, CodecFilter::All), Ok(expected));
}
