use super::*;
use sip_proto::{Reach, Transport};
use std::sync::mpsc;
use testbed::dns::{Dns, kind};

struct Bed {
    dns: Dns,
    resolver: Resolver,
    results: mpsc::Receiver<Resolution>,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Bed {
    fn new(adjust: impl FnOnce(&mut ResolverConfig)) -> Self {
        let dns = Dns::start(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut config = ResolverConfig {
            servers: vec![dns.at()],
            deadline: Duration::from_millis(1500),
            ..ResolverConfig::default()
        };
        adjust(&mut config);
        let (sink, results) = mpsc::channel();
        let sink = Mutex::new(sink);
        let sink = Arc::new(move |resolution| drop(sink.lock().unwrap().send(resolution)));
        let resolver = Resolver::start(config, sink).unwrap();
        Self {
            dns,
            resolver,
            results,
        }
    }

    fn lookup(&self, token: u64, host: &str, port: Option<u16>) -> Lookup {
        let mut reach = Reach::default();
        reach.add(Transport::Udp, false);
        let query = Query {
            host: host.to_owned(),
            port,
            transport: None,
            reach,
        };
        self.resolver.lookup(token, query)
    }

    fn next(&self) -> Resolution {
        self.results.recv_timeout(PATIENCE).unwrap()
    }

    /// What a lookup leads to, however it comes.
    fn finds(&self, host: &str, port: Option<u16>) -> Result<Vec<SocketAddr>, ResolveError> {
        let result = match self.lookup(1, host, port) {
            Lookup::Known(result) => result,
            Lookup::Pending => self.next().result,
            Lookup::Refused => panic!("refused"),
        };
        result.map(|hops| hops.into_iter().map(|hop| hop.remote).collect())
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_domain_is_asked_for_once_and_then_known() {
    let bed = Bed::new(|_| {});
    bed.dns
        .srv_at("_sip._udp.c.test", [20, 1], at("192.0.2.2:5081"), 60);
    bed.dns
        .srv_at("_sip._udp.c.test", [10, 1], at("192.0.2.1:5080"), 60);
    let expected = vec![at("192.0.2.1:5080"), at("192.0.2.2:5081")];
    assert_eq!(bed.lookup(7, "c.test", None), Lookup::Pending);
    let resolution = bed.next();
    assert_eq!(resolution.token, 7);
    let found = resolution.result.unwrap();
    assert_eq!(found.iter().map(|hop| hop.remote).collect::<Vec<_>>(), expected);
    let asked = bed.dns.asked();
    assert!(matches!(bed.lookup(8, "c.test", None), Lookup::Known(Ok(hops)) if hops == found));
    assert_eq!(bed.dns.asked(), asked);
    assert_eq!(bed.dns.count("_sip._udp.c.test", kind::SRV), 1);
    assert_eq!(bed.dns.count("c.test", kind::A), 0);
}

#[test]
fn those_who_ask_at_once_ask_one_question() {
    let bed = Bed::new(|_| {});
    bed.dns.address("h.test", [192, 0, 2, 1].into(), 60);
    bed.dns.delay("h.test", Duration::from_millis(100));
    for token in 0..20 {
        assert_eq!(bed.lookup(token, "h.test", Some(5060)), Lookup::Pending);
    }
    let mut tokens: Vec<u64> = (0..20).map(|_| bed.next()).map(|found| found.token).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, (0..20).collect::<Vec<_>>());
    assert_eq!(bed.dns.count("h.test", kind::A), 1);
}

#[test]
fn an_answer_holds_as_long_as_it_says_and_serves_while_the_servers_are_silent() {
    let bed = Bed::new(|_| {});
    bed.dns.address("h.test", [192, 0, 2, 1].into(), 1);
    let first = vec![at("192.0.2.1:5060")];
    assert_eq!(bed.finds("h.test", Some(5060)), Ok(first.clone()));
    std::thread::sleep(Duration::from_millis(1100));
    bed.dns.silence(true);
    assert_eq!(bed.finds("h.test", Some(5060)), Ok(first), "stale");
    bed.dns.silence(false);
    bed.dns.forget("h.test");
    bed.dns.address("h.test", [192, 0, 2, 2].into(), 60);
    let deadline = Instant::now() + PATIENCE;
    while bed.finds("h.test", Some(5060)) != Ok(vec![at("192.0.2.2:5060")]) {
        assert!(Instant::now() < deadline, "never refreshed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_not_there_is_said_at_once_and_what_is_not_answered_in_time() {
    let bed = Bed::new(|_| {});
    assert_eq!(bed.finds("nx.test", None), Err(ResolveError::NotFound));
    assert!(matches!(
        bed.lookup(1, "nx.test", None),
        Lookup::Known(Err(ResolveError::NotFound))
    ));
    bed.dns.break_down(true);
    assert_eq!(bed.finds("broken.test", None), Err(ResolveError::NoAnswer));
    bed.dns.silence(true);
    let began = Instant::now();
    assert_eq!(bed.finds("silent.test", Some(5060)), Err(ResolveError::NoAnswer));
    assert!(began.elapsed() >= Duration::from_millis(1400));
    assert_eq!(bed.lookup(1, "", None), Lookup::Refused);
    assert_eq!(bed.lookup(1, &"x".repeat(256), None), Lookup::Refused);
}

/// A middlebox that swallows NAPTR questions does not keep a domain's services from us.
#[test]
fn rules_that_nobody_tells_are_done_without() {
    let bed = Bed::new(|_| {});
    bed.dns
        .srv_at("_sip._udp.c.test", [10, 1], at("192.0.2.1:5080"), 60);
    bed.dns.delay("c.test", Duration::from_secs(60));
    assert_eq!(bed.finds("c.test", None), Ok(vec![at("192.0.2.1:5080")]));
}

#[test]
fn over_its_bound_it_refuses() {
    let bed = Bed::new(|config| config.waiting = 2);
    bed.dns.silence(true);
    let results = ["a.test", "b.test", "c.test"].map(|host| bed.lookup(1, host, None));
    assert_eq!(results, [Lookup::Pending, Lookup::Pending, Lookup::Refused]);
    assert_eq!(bed.resolver.counters().refused, 1);
}

#[test]
fn the_hosts_file_counts() {
    let bed = Bed::new(|_| {});
    assert_eq!(bed.finds("localhost", Some(5060)), Ok(vec![at("127.0.0.1:5060")]));
}
