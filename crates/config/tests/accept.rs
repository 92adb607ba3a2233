//! Documents that are right, and the values they give.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::{GOOD, Memory};
use config::{
    Advance, AfterRinging, Backup, Config, Dtmf, Engine, Host, NumberStyle, Redirects, Role, Srtp, SrtpSuite,
    Stop, Transport, Until, check, parse,
};
use std::path::Path;
use std::time::Duration;

fn good(extra: &str) -> Config {
    parse(&format!("{extra}\n{GOOD}"), "t.toml").unwrap_or_else(|report| panic!("{report}"))
}

/// `GOOD` with more keys in its carrier, which stands last.
fn carrier(keys: &str) -> std::sync::Arc<config::Trunk> {
    let config = parse(&format!("{GOOD}\n{keys}"), "t.toml").unwrap_or_else(|report| panic!("{report}"));
    config.trunk("carrier-a").unwrap().clone()
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = good("");
    assert_eq!(config.node.name, "tandem");
    assert_eq!(config.node.data_dir, Path::new("/var/lib/tandem"));
    assert_eq!(config.listen[0].transport, Transport::Udp);
    let sip = &config.sip;
    assert_eq!(
        [sip.t1, sip.t2, sip.t4].map(|t| t.as_millis()),
        [500, 4_000, 5_000]
    );
    assert_eq!(sip.max_call_duration, Duration::from_secs(4 * 3600));
    assert_eq!(config.media.ports, 10_000..=29_999);
    assert_eq!(config.media.engine, Engine::Auto);
    assert_eq!(config.media.rtp_timeout, Some(Duration::from_secs(60)));
    assert_eq!((config.media.workers, config.media.dscp), (None, 46));
    assert_eq!(config.api.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.records.store_deadline, Duration::from_millis(200));
    let trunk = config.trunk("carrier-a").unwrap();
    assert!(trunk.enabled && trunk.symmetric_rtp.is_none() && !trunk.rebind_any_address);
    assert_eq!((trunk.priority, trunk.max_calls, trunk.max_cps), (1, None, None));
    assert_eq!(
        (trunk.srtp, trunk.srtp_suites[0]),
        (Srtp::Off, SrtpSuite::AesCm128Sha80)
    );
    assert_eq!(
        (trunk.options_interval, trunk.options_down.as_slice()),
        (None, &[408, 503][..])
    );
    let failover = &trunk.failover;
    assert_eq!(
        [failover.trying, failover.progress, failover.answer].map(|t| t.as_secs()),
        [4, 15, 180]
    );
    assert_eq!(failover.attempts, None);
}

#[test]
fn srtp_is_a_trunks_policy_and_its_suites_an_order() {
    let trunk =
        carrier("srtp = \"required\"\nsrtp_suites = [\"AEAD_AES_256_GCM\", \"AES_CM_128_HMAC_SHA1_32\"]");
    assert_eq!(trunk.srtp, Srtp::Required);
    assert_eq!(
        trunk.srtp_suites,
        [SrtpSuite::AesGcm256, SrtpSuite::AesCm128Sha32]
    );
    let one = carrier("srtp = \"optional\"\nsrtp_suites = \"AEAD_AES_128_GCM\"");
    assert_eq!(
        (one.srtp, one.srtp_suites.as_slice()),
        (Srtp::Optional, &[SrtpSuite::AesGcm128][..])
    );
}

/// Called-party answers stop; 408, 503 and the server's own failures but 501 and 505 advance; the rest is judged by
/// what came with it.
#[test]
fn a_trunk_writes_digits_in_one_of_four_ways() {
    assert_eq!(carrier("").dtmf, Dtmf::Auto);
    for (word, dtmf) in [
        ("auto", Dtmf::Auto),
        ("rfc4733", Dtmf::Rfc4733),
        ("info", Dtmf::Info),
        ("inband", Dtmf::Inband),
    ] {
        assert_eq!(carrier(&format!("dtmf = \"{word}\"")).dtmf, dtmf);
    }
    let wrong = parse(&format!("{GOOD}\ndtmf = \"tones\""), "t.toml").unwrap_err();
    assert!(wrong.to_string().contains("inband"), "{wrong}");
}

#[test]
fn failover_lists_are_by_default_what_the_policy_says() {
    let trunk = good("").trunk("carrier-a").unwrap().clone();
    let failover = &trunk.failover;
    for status in [408, 500, 502, 503, 504, 513, 580] {
        assert!(failover.advance.contains(&Advance::Status(status)), "{status}");
    }
    assert!(failover.advance.contains(&Advance::Timeout));
    for status in [484, 486, 487, 600, 603, 604, 606, 607] {
        assert!(failover.stop.contains(&Stop::Status(status)), "{status}");
    }
    for status in [400, 403, 404, 480, 488, 501, 505] {
        assert!(!failover.stop.contains(&Stop::Status(status)), "{status}");
        assert!(!failover.advance.contains(&Advance::Status(status)), "{status}");
    }
}

#[test]
fn a_failover_list_that_is_not_written_gives_way_to_the_other() {
    let failover = carrier("failover = { advance = [486, 503] }").failover.clone();
    assert_eq!(failover.advance, [Advance::Status(486), Advance::Status(503)]);
    assert!(!failover.stop.contains(&Stop::Status(486)) && failover.stop.contains(&Stop::Status(600)));
    let failover = carrier("failover = { stop = [503] }").failover.clone();
    assert_eq!(failover.stop, [Stop::Status(503)]);
    assert!(
        !failover.advance.contains(&Advance::Status(503)) && failover.advance.contains(&Advance::Timeout)
    );
}

#[test]
fn every_unit_of_time_is_read_and_written_back() {
    for (written, ms, shown) in [
        ("10ms", 10, "10ms"),
        ("1500ms", 1_500, "1500ms"),
        ("2000ms", 2_000, "2s"),
        ("9s", 9_000, "9s"),
    ] {
        let config = good(&format!("[sip]\nt1 = \"{written}\"\nt2 = \"1m\""));
        assert_eq!(config.sip.t1, Duration::from_millis(ms), "{written}");
        assert_eq!(config.to_masked_json()["sip"]["t1"], shown);
        assert_eq!(config.to_masked_json()["sip"]["t2"], "1m");
    }
    assert_eq!(
        good("[sip]\nmax_call_duration = \"120m\"").to_masked_json()["sip"]["max_call_duration"],
        "2h"
    );
}

#[test]
fn a_timeout_may_be_off() {
    let config =
        good("[media]\nrtp_timeout = \"off\"\nhold_timeout = \"30m\"\n[records]\ninterim_interval = \"off\"");
    assert_eq!(config.media.rtp_timeout, None);
    assert_eq!(config.media.hold_timeout, Some(Duration::from_secs(1800)));
    assert_eq!(config.records.interim_interval, None);
}

#[test]
fn sources_are_addresses_ranges_and_addresses_with_ports() {
    let text = GOOD.replace(
        "sources = [\"127.0.0.20\"]",
        "sources = [\"127.0.0.20/31\", \"127.0.0.22:5080\", \"2001:db8::/32\", \"[2001:db8::7]:5080\", \"::1\"]",
    );
    let config = parse(&text, "t.toml").unwrap();
    let sources = &config.trunk("carrier-a").unwrap().sources;
    let shown: Vec<String> = sources.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "127.0.0.20/31",
            "127.0.0.22:5080",
            "2001:db8::/32",
            "[2001:db8::7]:5080",
            "::1"
        ]
    );
    let ports: Vec<Option<u16>> = sources.iter().map(|source| source.port).collect();
    assert_eq!(ports, [None, Some(5080), None, Some(5080), None]);
}

#[test]
fn targets_give_their_host_and_port() {
    for (uri, host, port) in [
        ("sip:203.0.113.7", Host::Ip("203.0.113.7".parse().unwrap()), None),
        (
            "sip:203.0.113.7:5062",
            Host::Ip("203.0.113.7".parse().unwrap()),
            Some(5062),
        ),
        (
            "SIP:203.0.113.7:5062;transport=udp",
            Host::Ip("203.0.113.7".parse().unwrap()),
            Some(5062),
        ),
        (
            "sip:[2001:db8::7]",
            Host::Ip("2001:db8::7".parse().unwrap()),
            None,
        ),
        (
            "sip:[2001:db8::7]:5062",
            Host::Ip("2001:db8::7".parse().unwrap()),
            Some(5062),
        ),
        (
            "sip:SIP.Example.net",
            Host::Name("sip.example.net".to_owned()),
            None,
        ),
        (
            "sip:sip.example.net.:5062",
            Host::Name("sip.example.net".to_owned()),
            Some(5062),
        ),
    ] {
        let text = GOOD.replace("sip:127.0.0.20:5080", uri);
        let config = parse(&text, "t.toml").unwrap_or_else(|report| panic!("{report}"));
        let target = &config.trunk("carrier-a").unwrap().targets[0];
        assert_eq!(
            (target.uri.as_str(), &target.host, target.port),
            (uri, &host, port)
        );
        assert_eq!((target.priority, target.weight), (1, 1));
    }
}

#[test]
fn a_trunk_takes_every_key_of_its_own() {
    let trunk = carrier(
        r#"
enabled = false
priority = 7
max_calls = 1000
max_cps = 2.5
codecs = ["pcma", "PCMU", "telephone-event", "X-Own"]
options_interval = "30s"
options_down = [503]
deck = "decks/a.csv"
auth = { username = "u", password = "p", realm = "r" }
symmetric_rtp = true
media_acl = ["203.0.113.0/24"]
rebind_any_address = true
rtp_timeout = "5s"
from_domain = "sip.example.com"
pass_headers = ["X-Account", "User-to-User"]
number_format = { style = "digits", strip = 2, prepend = "0" }
[trunk.failover]
advance = [404, "timeout"]
stop = [486]
trying = "1s"
progress = "8s"
answer = "20s"
attempts = 2
"#,
    );
    assert_eq!(trunk.role, Role::Carrier);
    assert!(!trunk.enabled && trunk.symmetric_rtp == Some(true) && trunk.rebind_any_address);
    assert_eq!(
        (trunk.priority, trunk.max_calls, trunk.max_cps),
        (7, Some(1000), Some(2.5))
    );
    assert_eq!(trunk.codecs, ["PCMA", "PCMU", "telephone-event", "X-Own"]);
    assert_eq!(trunk.options_interval, Some(Duration::from_secs(30)));
    assert_eq!(trunk.options_down, [503]);
    assert_eq!(trunk.deck.as_deref(), Some(Path::new("decks/a.csv")));
    let auth = trunk.auth.as_ref().unwrap();
    assert_eq!(
        (
            auth.username.as_str(),
            auth.password.expose(),
            auth.realm.as_deref()
        ),
        ("u", "p", Some("r"))
    );
    assert_eq!(trunk.media_acl[0].to_string(), "203.0.113.0/24");
    assert_eq!(trunk.rtp_timeout, Some(Duration::from_secs(5)));
    assert_eq!(trunk.from_domain.as_deref(), Some("sip.example.com"));
    assert_eq!(trunk.pass_headers, ["X-Account", "User-to-User"]);
    assert_eq!(trunk.number_format.apply("+4420", None), "020");
    assert_eq!(trunk.failover.advance, [Advance::Status(404), Advance::Timeout]);
    assert_eq!(
        (trunk.failover.stop.as_slice(), trunk.failover.attempts),
        (&[Stop::Status(486)][..], Some(2))
    );
}

#[test]
fn a_number_format_may_be_one_word() {
    for (word, style) in [
        ("as-is", NumberStyle::AsIs),
        ("e164", NumberStyle::E164),
        ("digits", NumberStyle::Digits),
    ] {
        let format = carrier(&format!("number_format = \"{word}\""))
            .number_format
            .clone();
        assert_eq!(
            (format.style, format.strip, format.prepend.as_str()),
            (style, 0, "")
        );
    }
}

#[test]
fn a_number_rule_names_one_trunk_or_several() {
    let config = good("");
    assert!(config.numbers.is_empty());
    let text = format!(
        "{GOOD}\n[[number]]\nmatch = \"112\"\nto = [\"carrier-a\", \"pbx\"]\n[[number]]\nmatch = \"*\"\nto = \"pbx\""
    );
    let config = parse(&text, "t.toml").unwrap();
    assert_eq!(config.numbers[0].to, ["carrier-a", "pbx"]);
    assert_eq!(config.numbers[1].to, ["pbx"]);
    assert!(config.numbers[1].pattern.prefix && config.numbers[1].pattern.digits.is_empty());
}

#[test]
fn classes_weigh_and_choose() {
    let text = format!(
        "{GOOD}\n[[class]]\nname = \"c\"\nobjective = {{ price = 1 }}\nexcluded = [\"carrier-a\"]\nmax_price = 0.02"
    );
    let config = parse(
        &text.replace(
            "sources = [\"127.0.0.10:5070\"]",
            "sources = [\"127.0.0.10\"]\nclass = \"c\"",
        ),
        "t",
    )
    .unwrap();
    let class = &config.classes[0];
    assert_eq!((class.objective.price, class.objective.quality), (1.0, 0.5));
    assert_eq!(
        (class.excluded.as_slice(), class.max_price),
        (&["carrier-a".to_owned()][..], Some(0.02))
    );
    assert_eq!(config.trunk("pbx").unwrap().class.as_deref(), Some("c"));
}

#[test]
fn media_follows_the_first_listener_where_it_has_no_address_of_its_own() {
    let config = good("");
    assert_eq!(
        (config.media.bind.to_string(), config.media.advertise),
        ("127.0.0.1".to_owned(), None)
    );
    let nat = GOOD.replace(
        "\"127.0.0.1:5060\"",
        "\"0.0.0.0:5060\"\nadvertise = \"203.0.113.10:5060\"",
    );
    let config = parse(&nat, "t.toml").unwrap();
    assert_eq!(config.media.bind.to_string(), "0.0.0.0");
    assert_eq!(config.media.advertise.unwrap().to_string(), "203.0.113.10");
}

#[test]
fn a_customer_without_targets_is_called_where_it_calls_from() {
    let text = GOOD
        .replace("targets = [{ uri = \"sip:127.0.0.10:5070\" }]", "")
        .replace(
            "sources = [\"127.0.0.10:5070\"]",
            "sources = [\"127.0.0.10:5070\", \"127.0.0.11\", \"10.0.0.0/8\", \"127.0.0.1\"]",
        );
    let config = parse(&text, "t.toml").unwrap();
    let targets: Vec<&str> = config
        .trunk("pbx")
        .unwrap()
        .targets
        .iter()
        .map(|target| target.uri.as_str())
        .collect();
    // Not at a range, and not at our own listener.
    assert_eq!(targets, ["sip:127.0.0.10:5070", "sip:127.0.0.11:5060"]);
}

#[test]
fn what_can_hardly_be_meant_is_warned_of() {
    let nowhere = GOOD
        .replace("targets = [{ uri = \"sip:127.0.0.10:5070\" }]", "")
        .replace("\"127.0.0.10:5070\"", "\"127.0.0.1\"");
    for (text, warning) in [
        (
            format!("[media]\nports = \"40000-40999\"\n{GOOD}"),
            "warning: t.toml:2:9: media.ports: reaches into the ports that the kernel gives out itself (32768 and up); \
             expected ports below 32768",
        ),
        (
            format!("[sip]\nmax_calls = 60\n[media]\nports = \"20000-20199\"\n{GOOD}"),
            "warning: t.toml:2:13: sip.max_calls: 200 media ports are enough for 50 calls only; expected a wider range in media.ports",
        ),
        (
            GOOD.replace("\"127.0.0.20\"", "\"0.0.0.0/0\""),
            "warning: t.toml:15:12: trunk.carrier-a.sources[0]: anybody on the network may call as this trunk",
        ),
        (
            format!("{GOOD}[[trunk]]\nname = \"b\"\nrole = \"customer\"\nsources = [\"127.0.0.10:5070\"]"),
            "warning: t.toml:20:12: trunk.b.sources[0]: customer \"pbx\" has the source 127.0.0.10:5070 too; expected \
             sources that tell customers apart, by address or port",
        ),
        (
            format!("{nowhere}\n[[number]]\nmatch = \"1\"\nto = \"pbx\""),
            "warning: t.toml:20:6: number.1.to: trunk \"pbx\" has no `targets`, so these calls have nowhere to go; \
             expected targets = [{ uri = \"sip:…\" }] in that trunk",
        ),
    ] {
        let (config, report) = check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", &text)]));
        assert!(config.is_some(), "{report}");
        assert_eq!(report.to_string().trim_end(), warning);
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text = format!("\u{feff}{GOOD}");
    assert_eq!(parse(&text, "t").unwrap(), good(""));
    let mut files = Memory::with(&[("t.toml", &text)]);
    assert_eq!(config::load(Path::new("t.toml"), &mut files).unwrap(), good(""));
    // And places are counted behind it.
    let report = parse("\u{feff}x = 1", "t").unwrap_err();
    assert!(
        report.to_string().contains("t:1:1: unknown key \"x\""),
        "{report}"
    );
}

#[test]
fn windows_line_ends_are_taken() {
    assert_eq!(parse(&GOOD.replace('\n', "\r\n"), "t").unwrap(), good(""));
}

#[test]
fn what_is_shown_is_a_document_that_gives_the_same_again() {
    let config = config::parse(config::defaults(), "t").unwrap();
    assert_eq!(parse(&config.to_masked_toml(), "t").unwrap(), config);
}

/// A first file of the usual keys.
#[test]
fn the_first_file_that_anybody_writes_is_taken() {
    let text = r#"
include = ["trunks.d/*.toml"]

[node]
name = "tandem-1"
region = "eu-west"
data_dir = "/var/lib/tandem"

[[listen]]
transport = "udp"
bind = "127.0.0.1:5060"

[sip]
t1 = "500ms"
max_call_duration = "4h"

[media]
bind = "127.0.0.1"
ports = "10000-29999"
engine = "auto"

[api]
bind = "127.0.0.1:8080"

[[trunk]]
name = "pbx"
role = "customer"
sources = ["127.0.0.1/32"]
class = "conversational"

[[trunk]]
name = "carrier-a"
role = "carrier"
targets = [{ uri = "sip:127.0.0.1:5090", priority = 1, weight = 10 }]
sources = ["127.0.0.1:5090"]
priority = 1
max_calls = 1000
max_cps = 50
codecs = ["PCMU", "PCMA", "telephone-event"]
options_interval = "30s"
deck = "decks/carrier-a.csv"

[[class]]
name = "conversational"
objective = { price = 0.5, quality = 0.5 }

[[number]]
match = "+4420718387*"
to = "pbx"
"#;
    let (config, report) = check(Path::new("t.toml"), &mut Memory::with(&[("t.toml", text)]));
    let config = config.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(config.trunks.len(), 2);
    assert_eq!(
        report.warnings.len(),
        1,
        "only that calls to the PBX would come back to us: {report}"
    );
}

#[test]
fn causes_may_be_written_as_q850_has_them() {
    let keys = "failover = { advance = [503, \"q850:34\"], stop = [\"q850:17\", 600], after_ringing = true, no_answer = 408, time = \"20s\" }";
    let failover = carrier(keys).failover.clone();
    assert_eq!(failover.advance, [Advance::Status(503), Advance::Q850(34)]);
    assert_eq!(failover.stop, [Stop::Q850(17), Stop::Status(600)]);
    assert_eq!(failover.after_ringing, AfterRinging::Everything);
    assert_eq!(
        (failover.no_answer, failover.time),
        (408, Some(Duration::from_secs(20)))
    );
    for (word, meant) in [
        ("false", AfterRinging::Nothing),
        ("\"failures\"", AfterRinging::Failures),
    ] {
        let keys = format!("failover = {{ after_ringing = {word} }}");
        assert_eq!(carrier(&keys).failover.after_ringing, meant);
    }
    let usual = &carrier("").failover;
    assert_eq!(usual.after_ringing, AfterRinging::Failures);
    assert_eq!((usual.no_answer, usual.time), (480, None));
}

#[test]
fn backups_are_trunks_numbers_or_both() {
    let backup = |trunk: Option<&str>, number: Option<&str>| Backup {
        trunk: trunk.map(str::to_owned),
        number: number.map(str::to_owned),
    };
    let config = good(
        "[[number]]\nmatch = \"+4420*\"\nto = \"pbx\"\nring = \"25s\"\non_busy = \"carrier-a\"\n\
         on_no_answer = [{ trunk = \"carrier-a\", number = \"200\" }, \"+4930\"]\non_failure = { number = \"reception\" }\n",
    );
    let rule = &config.numbers[0];
    assert_eq!(rule.ring, Some(Duration::from_secs(25)));
    assert_eq!(rule.on_busy, [backup(Some("carrier-a"), None)]);
    assert_eq!(
        rule.on_no_answer,
        [
            backup(Some("carrier-a"), Some("200")),
            backup(None, Some("+4930"))
        ]
    );
    assert_eq!(rule.on_failure, [backup(None, Some("reception"))]);
    assert_eq!(rule.on_unregistered, []);
}

#[test]
fn redirections_and_parallel_attempts_are_asked_for() {
    assert_eq!(carrier("").redirects, None);
    assert_eq!(
        carrier("redirects = \"follow\"").redirects,
        Some(Redirects::Follow)
    );
    let class = |keys: &str| good(&format!("[[class]]\nname = \"c\"\n{keys}")).classes[0].parallel;
    assert_eq!(class(""), None);
    let usual = class("parallel = {}").unwrap();
    assert_eq!(
        (usual.attempts, usual.after, usual.until),
        (2, Duration::from_millis(1500), Until::Progress)
    );
    let own = class("parallel = { attempts = 3, after = \"0s\", until = \"answer\" }").unwrap();
    assert_eq!(
        (own.attempts, own.after, own.until),
        (3, Duration::ZERO, Until::Answer)
    );
}
