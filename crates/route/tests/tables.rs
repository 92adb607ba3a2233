//! Sources, number rules, and what a config must not be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use proptest::prelude::*;
use route::deck::parse_csv;
use route::{BuildError, NetworkIx, SourceMatch, Tables, TrunkIx, WhyNot};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use support::{carrier, config, number, pbx, tables};

/// The name of the trunk that a request is matched to, or why not.
fn owner(tables: &Tables, from: &str, called: &str) -> Result<String, WhyNot> {
    match tables.source(NetworkIx(0), from.parse().unwrap(), called) {
        SourceMatch::Trunk(ix) => Ok(tables.trunk(ix).name.clone()),
        SourceMatch::None { why } => Err(why),
    }
}

#[test]
fn the_narrowest_source_decides_and_a_port_before_none() {
    let tables = tables(
        &[
            carrier("wide", "sources = [\"127.0.0.0/8\"]"),
            carrier("pair", "sources = [\"127.0.0.20/31\"]"),
            carrier("host", "sources = [\"127.0.0.21\"]"),
            carrier("port", "sources = [\"127.0.0.21:5081\"]"),
            carrier("six", "sources = [\"2001:db8::/32\", \"[2001:db8::7]:5060\"]"),
            carrier("only-port", "sources = [\"10.0.0.1:5060\"]"),
        ]
        .concat(),
    );
    let table = [
        ("127.9.9.9:1", Ok("wide")),
        ("127.0.0.20:5060", Ok("pair")),
        ("127.0.0.22:5060", Ok("wide")),
        ("127.0.0.21:5060", Ok("host")),
        ("127.0.0.21:5081", Ok("port")),
        ("[::ffff:127.0.0.21]:5081", Ok("port")),
        ("[2001:db8::1]:9", Ok("six")),
        ("[2001:db9::1]:9", Err(WhyNot::Unknown)),
        ("10.0.0.1:5060", Ok("only-port")),
        ("10.0.0.1:5061", Err(WhyNot::Port)),
        ("10.0.0.2:5060", Err(WhyNot::Unknown)),
    ];
    for (from, expected) in table {
        assert_eq!(owner(&tables, from, "1"), expected.map(str::to_owned), "{from}");
    }
}

/// The same address is another trunk's in another network, and nobody's in a third.
#[test]
fn a_source_is_a_trunks_in_its_own_network() {
    let listen = |port: u16, network: &str| format!("[[listen]]\nbind = \"127.0.0.1:{port}\"\n{network}\n");
    let customer = |name: &str, network: &str| {
        format!(
            "[[trunk]]\nname = \"{name}\"\nrole = \"customer\"\nsources = [\"10.0.0.1\", \"10.9.0.0/16\"]\n{network}\n"
        )
    };
    let (a, b) = ("network = \"a\"", "network = \"b\"");
    let text = [
        listen(5060, ""),
        listen(5061, a),
        listen(5062, b),
        "[[network]]\nname = \"a\"\n[[network]]\nname = \"b\"\n".to_owned(),
        customer("one", ""),
        customer("two", a),
        customer("three", b).replace(", \"10.9.0.0/16\"", ""),
    ];
    let config = config::parse(&text.concat(), "t").unwrap();
    let tables = Tables::build(&config, Vec::new()).unwrap();
    let owner = |network, from: &str| match tables.source(NetworkIx(network), from.parse().unwrap(), "1") {
        SourceMatch::Trunk(ix) => Ok((tables.trunk(ix).name.clone(), tables.network(ix))),
        SourceMatch::None { why } => Err(why),
    };
    for (network, name) in [(0, "one"), (1, "two"), (2, "three")] {
        let expected = Ok((name.to_owned(), NetworkIx(network)));
        assert_eq!(owner(network, "10.0.0.1:5060"), expected);
        let wide = owner(network, "10.9.1.1:5060");
        assert_eq!(
            wide,
            if network == 2 {
                Err(WhyNot::Unknown)
            } else {
                expected
            }
        );
    }
    assert_eq!(owner(3, "10.0.0.1:5060"), Err(WhyNot::Unknown));
}

#[test]
fn over_a_connection_a_proved_name_decides_before_the_address_and_ports_say_nothing() {
    let tables = tables(
        &[
            carrier("port", "sources = [\"127.0.0.21:5081\"]"),
            carrier(
                "named",
                "sources = [\"127.0.0.22\"]\ntls_names = [\"Named.test\", \"other.test\"]",
            ),
        ]
        .concat(),
    );
    let owner = |from: &str, names: &[&str]| {
        let names: Vec<Box<str>> = names.iter().map(|name| Box::from(*name)).collect();
        match tables.source_of_stream(NetworkIx::default(), from.parse().unwrap(), &names, "1") {
            SourceMatch::Trunk(ix) => Ok(tables.trunk(ix).name.clone()),
            SourceMatch::None { why } => Err(why),
        }
    };
    assert_eq!(owner("127.0.0.21:40000", &[]), Ok("port".to_owned()));
    assert_eq!(owner("127.0.0.21:40000", &["x.test"]), Ok("port".to_owned()));
    assert_eq!(
        owner("127.0.0.21:40000", &["x.test", "named.test"]),
        Ok("named".to_owned())
    );
    assert_eq!(owner("127.0.0.22:40000", &[]), Ok("named".to_owned()));
    assert_eq!(owner("127.0.0.99:40000", &["x.test"]), Err(WhyNot::Unknown));
}

/// Tables in which all trunks but `pbx` have one source, 127.0.0.20/31.
fn twins(text: &str) -> Tables {
    let mut config = config(text);
    let shared = config
        .trunks
        .iter()
        .find(|trunk| trunk.name == "east")
        .unwrap()
        .sources
        .clone();
    for trunk in config.trunks.iter_mut().filter(|trunk| trunk.name != "pbx") {
        Arc::make_mut(trunk).sources.clone_from(&shared);
    }
    Tables::build(&config, Vec::new()).unwrap()
}

fn customer(name: &str, source: &str) -> String {
    format!(
        "[[trunk]]\nname = \"{name}\"\nrole = \"customer\"\nsources = [\"{source}\"]\ntargets = [{{ uri = \"sip:127.0.0.20\" }}]\n"
    )
}

#[test]
fn twins_are_told_apart_by_the_called_number() {
    let tables = twins(
        &[
            pbx(""),
            customer("east", "127.0.0.20/31"),
            customer("west", "127.0.0.30"),
            carrier("net-a", ""),
            carrier("net-b", ""),
            number("+4420*", &["east"]),
            number("+4421*", &["west"]),
            number("+88*", &["net-b"]),
        ]
        .concat(),
    );
    // No rule: it goes out, so it is a customer's. A rule: it comes in, so it is a carrier's.
    for (called, expected) in [
        ("33140000000", "east"),
        ("442071838750", "net-a"),
        ("+8812", "net-b"),
    ] {
        assert_eq!(
            owner(&tables, "127.0.0.20:5080", called).as_deref(),
            Ok(expected),
            "{called}"
        );
    }
}

#[test]
fn twin_customers_are_told_apart_by_whose_number_it_is() {
    let tables = twins(
        &[
            customer("east", "127.0.0.20/31"),
            customer("west", "127.0.0.30"),
            number("+4420*", &["east"]),
            number("4421*", &["west"]),
        ]
        .concat(),
    );
    for (called, expected) in [
        ("+44207", "east"),
        ("44207", "east"),
        ("+44217", "west"),
        ("44217", "west"),
        ("33", "east"),
    ] {
        assert_eq!(
            owner(&tables, "127.0.0.20:5080", called).as_deref(),
            Ok(expected),
            "{called}"
        );
    }
}

#[test]
fn a_disabled_trunk_keeps_its_source_from_wider_ones_but_not_from_its_twin() {
    let off = "enabled = false";
    let text = [
        carrier("wide", "sources = [\"127.0.0.0/8\"]"),
        carrier(
            "off",
            &format!("sources = [\"127.0.0.20\", \"127.0.0.21\"]\n{off}"),
        ),
        carrier("twin", "sources = [\"127.0.0.21\"]"),
    ]
    .concat();
    let tables = tables(&text);
    assert_eq!(owner(&tables, "127.0.0.20:5060", "1"), Err(WhyNot::Disabled));
    assert_eq!(owner(&tables, "127.0.0.21:5060", "1").as_deref(), Ok("twin"));
}

#[test]
fn the_number_rule_with_the_most_digits_decides_and_at_equal_length_the_exact_one() {
    let rules: Vec<String> = ["*", "44*", "+4420*", "+442071838750", "112", "442071838750*"]
        .iter()
        .map(|p| number(p, &["pbx"]))
        .collect();
    let tables = tables(&(pbx("") + &rules.concat()));
    let table = [
        ("+442071838750", "+442071838750"),
        ("442071838750", "+442071838750"),
        ("4420718387501", "442071838750*"),
        ("+4420999", "+4420*"),
        ("4420", "+4420*"),
        ("442", "44*"),
        ("112", "112"),
        ("1123", "*"),
        ("+", "*"),
        ("", "*"),
        ("alice", "*"),
    ];
    for (called, expected) in table {
        assert_eq!(
            tables.number(called).map(|rule| rule.pattern.text.as_str()),
            Some(expected),
            "{called}"
        );
    }
}

#[test]
fn without_a_rule_that_fits_there_is_none() {
    let tables = tables(&(pbx("") + &number("+4420*", &["pbx"])));
    for called in ["442", "0044207", "+", "", "4", "é420"] {
        assert!(tables.number(called).is_none(), "{called}");
    }
}

#[test]
fn every_fault_of_a_config_is_reported_at_once() {
    let mut broken = config(&[pbx(""), carrier("a", "deck = \"a.csv\""), number("44*", &["pbx"])].concat());
    let mut twin = (*broken.trunks[0]).clone();
    twin.class = Some("gold".into());
    broken.trunks.push(Arc::new(twin));
    broken.numbers[0].to.push("ghost".into());
    let mut again = broken.numbers[0].clone();
    again.pattern.text = "+44*".into();
    again.to = vec!["pbx".into()];
    broken.numbers.push(again);
    let deck = parse_csv("prefix,rate\n44,1\n").unwrap();
    let errors = Tables::build(&broken, vec![("b".into(), deck)]).unwrap_err();
    let unknown = |by: &str, trunk: &str| BuildError::UnknownTrunk {
        by: by.into(),
        trunk: trunk.into(),
    };
    assert_eq!(
        errors,
        [
            BuildError::DuplicateTrunk("pbx".into()),
            unknown("deck", "b"),
            BuildError::Deck("a".into()),
            BuildError::UnknownClass {
                trunk: "pbx".into(),
                class: "gold".into()
            },
            unknown("number \"44*\"", "ghost"),
            BuildError::DuplicateNumber("+44*".into()),
        ]
    );
}

#[test]
fn a_config_without_trunks_is_refused() {
    let mut empty = config(&pbx(""));
    empty.trunks.clear();
    assert_eq!(
        Tables::build(&empty, Vec::new()).unwrap_err(),
        [BuildError::NoTrunk]
    );
}

#[test]
fn trunks_are_found_by_name_and_index() {
    let tables = tables(&(pbx("") + &carrier("a", "")));
    assert_eq!(tables.trunk_count(), 2);
    assert_eq!(tables.trunk_named("a"), Some(TrunkIx(1)));
    assert_eq!(tables.trunk_named("b"), None);
    assert_eq!(tables.trunk(TrunkIx(0)).name, "pbx");
    let all: Vec<_> = tables
        .trunks()
        .map(|(ix, trunk)| (ix.0, trunk.name.as_str()))
        .collect();
    assert_eq!(all, [(0, "pbx"), (1, "a")]);
}

/// A source as the naive model has it: network, width, port.
type NaiveSource = (Ipv4Addr, u8, Option<u16>);

fn source() -> impl Strategy<Value = NaiveSource> {
    let width = prop_oneof![Just(0u8), Just(8), Just(24), Just(30), Just(31), Just(32)];
    (0u32..8, width, proptest::option::of(5060u16..5062)).prop_map(|(host, width, port)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(width)).unwrap_or(0);
        (Ipv4Addr::from_bits((0x7f00_0000 | host) & mask), width, port)
    })
}

/// Looks at every source of every trunk.
fn naive(trunks: &[Vec<NaiveSource>], ip: Ipv4Addr, port: u16) -> Option<usize> {
    let fits = |(net, width, its): &NaiveSource| {
        let shift = 32 - u32::from(*width);
        let same = ip.to_bits().checked_shr(shift) == net.to_bits().checked_shr(shift);
        same && its.is_none_or(|its| its == port)
    };
    let mut best: Option<((u8, bool), usize)> = None;
    for (index, sources) in trunks.iter().enumerate() {
        for source in sources.iter().filter(|source| fits(source)) {
            let narrow = (source.1, source.2.is_some());
            if best.is_none_or(|(top, _)| narrow > top) {
                best = Some((narrow, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

proptest! {
    #[test]
    fn source_matching_agrees_with_looking_at_every_source(
        trunks in proptest::collection::vec(proptest::collection::vec(source(), 0..4), 1..6),
        probes in proptest::collection::vec((0u32..10, 5059u16..5063), 16),
    ) {
        let mut whole = config(&carrier("model", ""));
        let model = whole.trunks.pop().unwrap();
        for (index, sources) in trunks.iter().enumerate() {
            let mut trunk = (*model).clone();
            trunk.name = format!("t{index}");
            trunk.sources = sources
                .iter()
                .map(|&(net, prefix, port)| config::Source { net: config::Cidr { addr: IpAddr::V4(net), prefix }, port })
                .collect();
            whole.trunks.push(Arc::new(trunk));
        }
        let tables = Tables::build(&whole, Vec::new()).unwrap();
        for (host, port) in probes {
            let ip = Ipv4Addr::from_bits(0x7f00_0000 | host);
            let got = match tables.source(NetworkIx(0), SocketAddr::new(IpAddr::V4(ip), port), "44") {
                SourceMatch::Trunk(ix) => Some(ix.0 as usize),
                SourceMatch::None { .. } => None,
            };
            prop_assert_eq!(got, naive(&trunks, ip, port), "{}:{}", ip, port);
        }
    }

    #[test]
    fn number_rules_agree_with_trying_every_pattern(
        patterns in proptest::collection::hash_set(("[12]{0,4}", any::<bool>()), 0..12),
        called in "\\+?[12]{0,6}",
    ) {
        let patterns: Vec<_> = patterns.into_iter().filter(|(digits, prefix)| *prefix || !digits.is_empty()).collect();
        let rules: Vec<String> =
            patterns.iter().map(|(digits, prefix)| number(&format!("{digits}{}", if *prefix { "*" } else { "" }), &["pbx"])).collect();
        let tables = tables(&(pbx("") + &rules.concat()));
        let bare = called.trim_start_matches('+');
        let naive = patterns
            .iter()
            .filter(|(digits, prefix)| if *prefix { bare.starts_with(digits.as_str()) } else { bare == digits })
            .max_by_key(|(digits, prefix)| (digits.len(), !prefix));
        let got = tables.number(&called).map(|rule| (rule.pattern.digits.clone(), rule.pattern.prefix));
        prop_assert_eq!(got.as_ref(), naive);
    }
}
