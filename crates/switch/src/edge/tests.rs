use std::net::SocketAddr;

use super::*;

fn keys() -> Keys {
    let text = "listen = [{ bind = '127.0.0.1:5060' }]\n[[trunk]]\nname = 'a'\nrole = 'customer'\nsources = ['127.0.0.2']\n";
    let config = config::parse(text, "t");
    match config {
        Ok(config) => config.edge,
        Err(report) => panic!("{report:?}"),
    }
}

fn now(at: Instant, ms: u64) -> Now {
    Now {
        at: at + Duration::from_millis(ms),
        unix_ms: ms,
    }
}

fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], port))
}

#[test]
fn each_further_ban_lasts_twice_as_long_up_to_the_longest() {
    let (mut edge, keys, start) = (Edge::default(), keys(), Instant::now());
    let mut ms = 0;
    for minutes in [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
        edge.count(now(start, ms), &keys, at(1, 5060), 1000.0, Why::Scanner);
        let length = minutes * 60_000;
        let is_banned = |edge: &mut Edge, ms| edge.bans.covers(now(start, ms).at, at(1, 9)).is_some();
        assert!(is_banned(&mut edge, ms + length - 1), "{minutes}");
        assert!(!is_banned(&mut edge, ms + length), "{minutes}");
        ms += length;
    }
    assert_eq!(edge.banned, 10);
}

#[test]
fn points_are_forgotten_before_they_are_enough() {
    let (mut edge, keys, start) = (Edge::default(), keys(), Instant::now());
    for n in 0..1000 {
        edge.count(
            now(start, n * 60_000),
            &keys,
            at(1, 5060),
            400.0,
            Why::UnknownSource,
        );
    }
    assert_eq!(edge.banned, 0);
    for n in 0..3 {
        edge.count(
            now(start, 60_000_000 + n),
            &keys,
            at(1, 5060),
            400.0,
            Why::UnknownSource,
        );
    }
    assert_eq!(edge.banned, 1);
}

#[test]
fn where_users_are_honest_only_the_port_is_banned() {
    let (mut edge, keys, start) = (Edge::default(), keys(), Instant::now());
    edge.trust(start, ground(at(1, 0).ip()));
    edge.count(now(start, 1), &keys, at(1, 5090), 1000.0, Why::Scanner);
    assert!(edge.bans.covers(start, at(1, 5090)).is_some());
    assert!(edge.bans.covers(start, at(1, 5091)).is_none());
    let later = 3 * 3600 * 1000;
    edge.count(now(start, later), &keys, at(1, 5090), 1000.0, Why::Scanner);
    assert!(
        edge.bans.covers(now(start, later).at, at(1, 5091)).is_some(),
        "that was long ago"
    );
}

#[test]
fn of_ipv6_a_subscriber_is_one_source() {
    let (mut edge, keys, start) = (Edge::default(), keys(), Instant::now());
    let own = |host: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 1, 0, 0, 0, host], 5060));
    edge.count(now(start, 0), &keys, own(1), 1000.0, Why::Scanner);
    assert!(edge.bans.covers(start, own(2)).is_some());
    let other = SocketAddr::from(([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1], 5060));
    assert!(edge.bans.covers(start, other).is_none());
    let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207], 5060));
    edge.count(now(start, 0), &keys, mapped, 1000.0, Why::Scanner);
    assert!(edge.bans.covers(start, at(7, 1)).is_some());
}

#[test]
fn what_the_operator_allows_is_not_banned_and_nobody_is_when_that_is_off() {
    let (mut edge, mut keys, start) = (Edge::default(), keys(), Instant::now());
    keys.allow = vec![Cidr::new(at(0, 0).ip(), 28)];
    edge.count(now(start, 0), &keys, at(15, 1), 1000.0, Why::Scanner);
    assert_eq!(edge.banned, 0);
    edge.count(now(start, 0), &keys, at(16, 1), 1000.0, Why::Scanner);
    assert_eq!(edge.banned, 1);
    keys.ban.enabled = false;
    edge.count(now(start, 0), &keys, at(17, 1), 1000.0, Why::Scanner);
    assert_eq!(edge.banned, 1);
}

#[test]
fn the_log_has_some_lines_a_second_and_says_how_many_it_has_not() {
    let (mut lines, start) = (Lines::default(), Instant::now());
    let written = (0..100).filter_map(|_| lines.next(start)).count();
    assert_eq!(written, 5);
    assert_eq!(lines.next(start + Duration::from_secs(1)), Some(95));
}
