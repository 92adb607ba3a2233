//! Session descriptions that peers say and read. Read and written here by hand, so that the switch's own SDP code isn't
//! its own judge.

use std::net::{IpAddr, SocketAddr};

/// PCMU, PCMA and telephone-event, both ways.
#[must_use]
pub fn offer(rtp: SocketAddr) -> String {
    session(rtp, 0, "sendrecv")
}

/// The same with a version in `o=` and a direction, for re-INVITEs.
#[must_use]
pub fn session(rtp: SocketAddr, version: u64, direction: &str) -> String {
    let types = [(0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000")];
    let rest = format!("a=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n");
    written(rtp, version, "RTP/AVP", &types, &rest)
}

/// One audio stream both ways under this profile, of these payload types and what they stand for; `lines` are more lines about it.
#[must_use]
pub fn stream(rtp: SocketAddr, profile: &str, types: &[(u8, &str)], lines: &str) -> String {
    written(
        rtp,
        0,
        profile,
        types,
        &format!("a=ptime:20\r\na=sendrecv\r\n{lines}"),
    )
}

fn written(rtp: SocketAddr, version: u64, profile: &str, types: &[(u8, &str)], rest: &str) -> String {
    let (ip, port) = (address(rtp.ip()), rtp.port());
    let numbers: String = types.iter().map(|(number, _)| format!(" {number}")).collect();
    let maps: String = types
        .iter()
        .map(|(number, name)| format!("a=rtpmap:{number} {name}\r\n"))
        .collect();
    format!(
        "v=0\r\no=- 20518 {version} {ip}\r\ns=-\r\nc={ip}\r\nt=0 0\r\nm=audio {port} {profile}{numbers}\r\n{maps}{rest}"
    )
}

/// The payload type that stands for this codec in a body, and all of what it stands for: of `opus`, e.g. 96 and `opus/48000/2`.
#[must_use]
pub fn format(body: &[u8], codec: &str) -> Option<(u8, String)> {
    let text = String::from_utf8_lossy(body);
    let maps = text.lines().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let mut maps = maps.filter_map(|map| map.trim_end().split_once(' '));
    let named = |map: &str| {
        map.split('/')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(codec))
    };
    let (number, map) = maps.find(|(_, map)| named(map))?;
    Some((number.parse().ok()?, map.to_owned()))
}

fn address(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("IN IP4 {ip}"),
        IpAddr::V6(ip) => format!("IN IP6 {ip}"),
    }
}

/// Where a body says that its first audio stream is received; the stream's own `c=` beats the session's.
///
/// # Panics
/// When the body says no such address.
#[must_use]
pub fn audio(body: &[u8]) -> SocketAddr {
    let text = String::from_utf8_lossy(body);
    let mut lines = text.lines().skip_while(|line| !line.starts_with("m=audio "));
    let port = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse::<u16>().ok());
    let own = lines
        .take_while(|line| !line.starts_with("m="))
        .find(|line| line.starts_with("c="));
    let line = own.or_else(|| text.lines().find(|line| line.starts_with("c=")));
    let ip = line.and_then(|line| line.split(' ').nth(2)?.trim().parse::<IpAddr>().ok());
    match (ip, port) {
        (Some(ip), Some(port)) => SocketAddr::new(ip, port),
        (_, _) => panic!("no audio address in this body:\n{text}"),
    }
}

/// The direction that the first audio stream has: its own, else the session's, else `sendrecv` (RFC 8866 §6.7).
#[must_use]
pub fn direction(body: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(body);
    let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let of = |line: &str| {
        known
            .into_iter()
            .find(|name| line.strip_prefix("a=") == Some(name))
    };
    let (session, media) = text.split_once("m=audio ").unwrap_or((&text, ""));
    media
        .lines()
        .find_map(of)
        .or_else(|| session.lines().find_map(of))
        .unwrap_or("sendrecv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_read_back() {
        for rtp in ["192.0.2.7:4000", "[2001:db8::7]:4002"] {
            let rtp: SocketAddr = rtp.parse().unwrap();
            let body = session(rtp, 3, "sendonly");
            assert_eq!(
                (audio(body.as_bytes()), direction(body.as_bytes())),
                (rtp, "sendonly")
            );
        }
    }

    #[test]
    fn payload_types_are_found_by_what_they_stand_for() {
        let types = [(0, "PCMU/8000"), (96, "opus/48000/2")];
        let body = stream("192.0.2.7:4000".parse().unwrap(), "RTP/SAVP", &types, "a=x\r\n");
        assert!(
            body.contains("m=audio 4000 RTP/SAVP 0 96\r\n") && body.ends_with("a=x\r\n"),
            "{body}"
        );
        let found = |codec: &str| format(body.as_bytes(), codec);
        assert_eq!(found("OPUS"), Some((96, "opus/48000/2".to_owned())));
        assert_eq!((found("PCMU").map(|it| it.0), found("G722")), (Some(0), None));
    }

    #[test]
    fn the_streams_own_connection_line_wins() {
        let body = "v=0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n";
        assert_eq!(audio(body.as_bytes()), "192.0.2.2:6000".parse().unwrap());
    }
}
