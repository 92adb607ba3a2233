//! Bodies of many shapes: read by this crate and by `sdp-types`, rewritten, and read again by both.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers outside of test functions"
)]

use std::net::{IpAddr, Ipv4Addr};

use sdp::{
    CodecFilter, Compose, Direction, Limits, Media, NewOrigin, Proto, RtcpPlan, Sdp, Slot, Transport,
    compose, hold_direction, parse,
};

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let files = std::fs::read_dir(folder)
        .expect("corpus")
        .map(|f| f.expect("entry").path());
    let mut bodies: Vec<_> = files
        .filter(|p| p.extension().is_some_and(|e| e == "sdp"))
        .map(|p| {
            (
                p.file_name().expect("name").to_string_lossy().into_owned(),
                std::fs::read(&p).expect("body"),
            )
        })
        .collect();
    bodies.sort();
    assert!(bodies.len() >= 20, "the corpus has been found: {}", bodies.len());
    bodies
}

fn read(name: &str, body: &[u8]) -> Sdp {
    parse(body, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every m-line that is on stays on, at port 20000 and up; the others are refused again.
fn rewrite(name: &str, sdp: &Sdp) -> Vec<u8> {
    let slot = |(index, media): (usize, &'_ Media)| -> Option<u16> {
        (media.port() != 0).then(|| 20_000 + 2 * u16::try_from(index).expect("few"))
    };
    let slots: Vec<_> = sdp
        .media()
        .iter()
        .enumerate()
        .map(|(index, media)| match slot((index, media)) {
            Some(port) => Slot::Stream {
                media,
                port,
                rtcp: RtcpPlan::Pair,
                codecs: CodecFilter::All,
                direction: None,
                transport: Transport::default(),
            },
            None => Slot::Rejected { line: media.line() },
        })
        .collect();
    let origin = NewOrigin {
        username: "-",
        id: 47,
        version: 1,
        address: OURS,
    };
    let plan = Compose {
        origin,
        address: OURS,
        source: sdp,
        slots: &slots,
        hide: &[],
        lines: &[],
    };
    compose(&plan).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn a_rewritten_body_has_the_same_streams_at_our_address() {
    for (name, body) in corpus() {
        let before = read(&name, &body);
        let after = read(&name, &rewrite(&name, &before));
        assert_eq!(before.media().len(), after.media().len(), "{name}");
        for (index, (was, is)) in before.media().iter().zip(after.media()).enumerate() {
            let context = format!("{name}, m-line {index}");
            assert_eq!((was.kind(), was.proto()), (is.kind(), is.proto()), "{context}");
            assert_eq!(
                was.formats().collect::<Vec<_>>(),
                is.formats().collect::<Vec<_>>(),
                "{context}"
            );
            assert_eq!(after.connection(is), Some(OURS), "{context}");
            if was.port() == 0 {
                assert_eq!(is.port(), 0, "{context}");
                continue;
            }
            assert_eq!(
                is.port(),
                20_000 + 2 * u16::try_from(index).expect("few"),
                "{context}"
            );
            assert_eq!(is.direction(), hold_direction(&before, was), "{context}");
            assert_eq!(
                was.codecs().collect::<Vec<_>>(),
                is.codecs().collect::<Vec<_>>(),
                "{context}"
            );
            assert_eq!(was.ptime(), is.ptime(), "{context}");
            assert_eq!((is.rtcp(), is.rtcp_mux()), (None, false), "{context}");
        }
    }
}

#[test]
fn rewriting_a_rewritten_body_changes_nothing() {
    for (name, body) in corpus() {
        let once = rewrite(&name, &read(&name, &body));
        let twice = rewrite(&name, &read(&name, &once));
        assert_eq!(
            String::from_utf8_lossy(&once),
            String::from_utf8_lossy(&twice),
            "{name}"
        );
    }
}

#[test]
fn a_rewritten_body_has_lines_in_the_order_of_the_rfc() {
    for (name, body) in corpus() {
        let written = String::from_utf8(rewrite(&name, &read(&name, &body))).expect("text");
        let letters: String = written
            .split_terminator("\r\n")
            .map(|l| l.chars().next().expect("a letter"))
            .collect();
        let sections: Vec<_> = letters.split('m').collect();
        let in_order = |section: &str, order: &str| {
            let places: Vec<_> = section.chars().map(|c| order.find(c)).collect();
            places.iter().all(Option::is_some) && places.is_sorted()
        };
        assert!(
            sections[0].starts_with("vosc") && in_order(sections[0], "voscbta"),
            "{name}: {letters}"
        );
        assert!(
            sections[1..].iter().all(|s| in_order(s, "ba")),
            "{name}: {letters}"
        );
    }
}

#[test]
fn no_address_of_the_source_is_left_in_a_rewritten_body() {
    for (name, body) in corpus() {
        let sdp = read(&name, &body);
        let written = String::from_utf8(rewrite(&name, &sdp))
            .expect("text")
            .to_ascii_lowercase();
        let text = String::from_utf8(body).expect("text");
        let words = text.split(|c: char| c.is_whitespace() || c == '/' || c == ';');
        let addresses: Vec<_> = words
            .filter(|w| w.parse::<IpAddr>().is_ok_and(|a| !a.is_unspecified()))
            .collect();
        assert!(!addresses.is_empty(), "{name}");
        for address in addresses {
            assert!(
                !written.contains(&address.to_ascii_lowercase()),
                "{name}: {address} in {written}"
            );
        }
    }
}

/// What both parsers say of a body, as text.
fn by_sdp_types(session: &sdp_types::Session) -> String {
    let mut view = format!("{} {}\n", session.origin.sess_id, session.origin.unicast_address);
    let address = |c: &sdp_types::Connection| c.connection_address.parse::<IpAddr>().ok();
    let direction = |list: &[sdp_types::Attribute]| {
        let mut names = list
            .iter()
            .filter(|a| a.value.is_none())
            .map(|a| a.attribute.clone());
        names.find(|n| ["sendrecv", "sendonly", "recvonly", "inactive"].contains(&n.as_str()))
    };
    let session_direction = direction(&session.attributes);
    for m in &session.medias {
        let connection = m
            .connections
            .first()
            .or(session.connection.as_ref())
            .and_then(address);
        let direction = direction(&m.attributes)
            .or(session_direction.clone())
            .unwrap_or("sendrecv".to_owned());
        view += &format!("{} {} {} {connection:?} {direction}", m.media, m.port, m.proto);
        let formats = m.fmt.split_ascii_whitespace();
        let mut seen: Vec<&str> = Vec::new();
        formats.for_each(|f| {
            if !seen.contains(&f) {
                seen.push(f)
            }
        });
        for format in seen {
            let of = |name: &'static str| {
                let all = m
                    .attributes
                    .iter()
                    .filter(move |a| a.attribute == name)
                    .filter_map(|a| a.value.as_deref());
                let mut all = all.filter_map(|v| v.split_once(' '));
                all.find(|(pt, _)| *pt == format).map(|(_, rest)| rest.trim())
            };
            let fmtp = of("fmtp").unwrap_or("-");
            // Names of the static table are this crate's knowledge: only what is written can be compared.
            let rtpmap = of("rtpmap").map_or("-", |r| r.strip_suffix("/1").unwrap_or(r));
            view += &format!(" [{format} {rtpmap} {fmtp}]");
        }
        view += "\n";
    }
    view
}

fn by_us(sdp: &Sdp) -> String {
    let origin = sdp.origin().expect("origin");
    let mut view = format!("{} {}\n", origin.id, origin.address);
    for m in sdp.media() {
        let line = String::from_utf8_lossy(m.line());
        let mut fields = line.strip_prefix("m=").expect("m=").split_ascii_whitespace();
        let (kind, _, proto) = (
            fields.next().expect("kind"),
            fields.next(),
            fields.next().expect("proto"),
        );
        view += &format!(
            "{kind} {} {proto} {:?} {}",
            m.port(),
            sdp.connection(m),
            m.direction().as_str()
        );
        for format in m.formats() {
            let codec = m.codecs().find(|c| c.pt.to_string() == format);
            let pairs = m
                .attributes()
                .filter(|a| a.name == b"rtpmap")
                .filter_map(|a| a.value);
            let written = pairs
                .filter_map(|v| std::str::from_utf8(v).ok()?.split_once(' '))
                .any(|(pt, _)| pt == format);
            let rtpmap = codec
                .filter(|_| written)
                .map_or("-".to_owned(), |c| match c.channels {
                    1 => format!("{}/{}", c.name, c.clock),
                    n => format!("{}/{}/{n}", c.name, c.clock),
                });
            view += &format!(
                " [{format} {rtpmap} {}]",
                codec.and_then(|c| c.fmtp).unwrap_or("-")
            );
        }
        view += "\n";
    }
    view
}

#[test]
fn sdp_types_reads_the_corpus_as_we_do() {
    for (name, body) in corpus() {
        let theirs = sdp_types::Session::parse(&body);
        match name.as_str() {
            // A second c= of the session is a fault to the second opinion; phones do send it.
            "duplicate-connection.sdp" => {
                assert!(theirs.is_err(), "{name}: the difference has gone, compare it");
            }
            _ => {
                let theirs = theirs.unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(by_us(&read(&name, &body)), by_sdp_types(&theirs), "{name}");
            }
        }
    }
}

#[test]
fn sdp_types_reads_what_we_write_as_we_do() {
    for (name, body) in corpus() {
        let written = rewrite(&name, &read(&name, &body));
        let theirs = sdp_types::Session::parse(&written).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(by_us(&read(&name, &written)), by_sdp_types(&theirs), "{name}");
    }
}

#[test]
fn the_corpus_has_the_shapes_that_it_should() {
    let all: Vec<_> = corpus()
        .into_iter()
        .map(|(name, body)| read(&name, &body))
        .collect();
    let media = || all.iter().flat_map(|s| s.media());
    assert!(media().any(|m| m.proto() == Proto::Udptl));
    assert!(media().any(|m| m.proto() == Proto::RtpSavp && m.attributes().any(|a| a.name == b"crypto")));
    assert!(media().any(|m| m.proto() == Proto::UdpTlsSavpf && m.rtcp_mux()));
    assert!(all.iter().any(|s| {
        s.media()
            .iter()
            .any(|m| s.connection(m).is_some_and(|a| a.is_ipv6()))
    }));
    assert!(all.iter().any(|s| !s.raw().contains(&b'\r')));
    assert!(media().any(|m| m.direction() == Direction::Inactive));
}
