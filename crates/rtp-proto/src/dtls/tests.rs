use super::*;
use crate::srtp::{Keys, Suite};

const PEER: &str = "192.0.2.10:4000";
const STRANGER: &str = "203.0.113.66:666";
const CERTIFICATE: &[u8] = b"the peer's certificate";
/// Enough of a ClientHello for the association; the engine of these tests reads one byte.
const HELLO: [u8; 14] = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An engine that does what the first byte behind the header says.
#[derive(Debug)]
struct Scripted {
    out: VecDeque<Step>,
    wait: Option<Instant>,
}

#[derive(Debug)]
enum Step {
    Datagram,
    Certificate(&'static [u8]),
    Keys,
    Connected,
    Closed,
}

const ACCEPT: u8 = 2;
const ACCEPT_OTHER: u8 = 3;
const WITHOUT_SRTP: u8 = 4;
const BREAK: u8 = 5;
const CLOSE: u8 = 6;
const AT_ONCE: u8 = 7;

impl Engine for Scripted {
    fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Broken> {
        match datagram[13] {
            ACCEPT => self.accept(CERTIFICATE, true),
            ACCEPT_OTHER => self.accept(b"another's", true),
            WITHOUT_SRTP => self.accept(CERTIFICATE, false),
            BREAK => return Err(Broken("as told".into())),
            CLOSE => self.out.push_back(Step::Closed),
            AT_ONCE => self.wait = Some(now),
            _ => self.out.push_back(Step::Datagram),
        }
        Ok(())
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Broken> {
        self.out.push_back(Step::Datagram);
        Ok(())
    }

    fn poll<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Output<'a>, Broken> {
        Ok(match self.out.pop_front() {
            Some(Step::Datagram) => Output::Datagram(&buffer[..20]),
            Some(Step::Certificate(der)) => {
                buffer[..der.len()].copy_from_slice(der);
                Output::Certificate(&buffer[..der.len()])
            }
            Some(Step::Keys) => {
                let material: Vec<u8> = (0..60).collect();
                Output::Keys(Keying::deal(Suite::AesCm128Sha80, Role::Passive, &material).unwrap())
            }
            Some(Step::Connected) => Output::Connected,
            Some(Step::Closed) => Output::Closed,
            None => Output::Wait(self.wait),
        })
    }
}

impl Scripted {
    fn accept(&mut self, der: &'static [u8], srtp: bool) {
        self.out.push_back(Step::Certificate(der));
        if srtp {
            self.out.push_back(Step::Keys);
        }
        self.out.push_back(Step::Connected);
    }
}

#[derive(Debug)]
struct Factory(Fingerprint);

impl Engines for Factory {
    fn start(&self, _now: Instant, _role: Role) -> Box<dyn Engine> {
        Box::new(Scripted {
            out: VecDeque::new(),
            wait: None,
        })
    }

    fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }
}

fn named(hash: Hash, der: &[u8]) -> Setup {
    Setup {
        role: Role::Passive,
        expected: [Fingerprint::of(hash, der)].into_iter().collect(),
        settled: true,
    }
}

struct Bed {
    now: Instant,
    association: Association,
}

impl Bed {
    fn new(setup: Setup, assured: bool) -> Self {
        let now = Instant::now();
        let engines = Arc::new(Factory(Fingerprint::of(Hash::Sha256, b"ours")));
        Self {
            now,
            association: Association::new(now, engines, setup, assured),
        }
    }

    fn hears(&mut self, from: &str, what: u8) -> bool {
        let mut datagram = HELLO;
        datagram[13] = what;
        self.association.receive(self.now, addr(from), &datagram)
    }

    fn event(&mut self) -> Option<Event> {
        self.association.poll_event()
    }

    fn is_keyed(&mut self, from: &str) -> bool {
        matches!(self.event(), Some(Event::Keys { from: at, .. }) if at == addr(from))
    }

    fn sent(&mut self) -> Vec<SocketAddr> {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| self.association.poll_transmit(&mut buffer))
            .map(|(_, to)| to)
            .collect()
    }
}

#[test]
fn keys_come_once_the_certificate_is_the_one_in_the_sdp() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    assert!(bed.hears(PEER, 1));
    assert!(bed.sent().iter().all(|to| *to == addr(PEER)));
    assert_eq!(bed.event(), None);
    assert!(bed.hears(PEER, ACCEPT));
    assert!(bed.is_keyed(PEER));
    assert_eq!(bed.event(), None);
    assert!(bed.association.is_done());
    assert_eq!(bed.association.poll_timeout(), None, "the deadline is off");
}

#[test]
fn another_certificate_gives_no_keys() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT_OTHER);
    assert_eq!(bed.event(), Some(Event::Failed(Failure::Fingerprint)));
    assert!(!bed.hears(PEER, 1), "and that is final");
}

#[test]
fn without_ice_another_certificate_may_be_somebody_elses() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), false);
    bed.hears(STRANGER, 1);
    bed.hears(STRANGER, ACCEPT_OTHER);
    assert_eq!(bed.event(), None);
    assert!(bed.hears(PEER, 1));
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
}

#[test]
fn a_third_does_not_disturb_a_handshake_of_two() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), false);
    bed.hears(PEER, 1);
    assert!(!bed.hears(STRANGER, 1));
    assert!(!bed.hears(STRANGER, BREAK));
    bed.now += QUIET;
    assert!(!bed.hears(STRANGER, BREAK), "only a beginning begins");
    assert!(bed.hears(STRANGER, 1), "a dead one may be succeeded");
    bed.now += QUIET;
    assert!(bed.hears(PEER, 1));
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
    assert!(bed.sent().iter().all(|to| *to == addr(PEER)));
}

#[test]
fn mr_10_a_handshake_that_is_done_is_nobody_elses() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), false);
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
    bed.now += 10 * QUIET;
    for what in [1, ACCEPT, BREAK] {
        assert!(!bed.hears(STRANGER, what));
    }
    assert!(bed.hears(PEER, 1), "its peer may have missed the end of it");
    assert!(bed.sent().iter().all(|to| *to == addr(PEER)));
}

#[test]
fn a_spoilt_handshake_begins_anew_a_few_times() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    for _ in 0..ATTEMPTS - 1 {
        bed.hears(PEER, 1);
        bed.hears(PEER, BREAK);
        assert_eq!(bed.event(), None);
    }
    let mut healed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    healed.hears(PEER, 1);
    healed.hears(PEER, BREAK);
    healed.hears(PEER, 1);
    healed.hears(PEER, ACCEPT);
    assert!(healed.is_keyed(PEER));

    bed.hears(PEER, 1);
    bed.hears(PEER, BREAK);
    assert_eq!(bed.event(), Some(Event::Failed(Failure::Handshake)));
}

#[test]
fn strangers_do_not_end_a_handshake_without_ice() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), false);
    let mut tried = 0;
    for _ in 0..1000 {
        bed.now += Duration::from_millis(2);
        tried += u32::from(bed.hears(STRANGER, 1));
        bed.hears(STRANGER, BREAK);
        assert_eq!(bed.event(), None);
    }
    assert!((20..=30).contains(&tried), "{tried} in two seconds");
    bed.now += Duration::from_millis(500);
    assert!(bed.hears(PEER, 1));
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));

    let mut other = Bed::new(named(Hash::Sha256, CERTIFICATE), false);
    other.hears(PEER, 1);
    other.hears(PEER, ACCEPT_OTHER);
    other.now += DEADLINE;
    other.association.handle_timeout(other.now);
    assert_eq!(
        other.event(),
        Some(Event::Failed(Failure::Fingerprint)),
        "why, in the end"
    );
}

#[test]
fn strangers_do_not_end_a_handshake_that_we_began() {
    let active = Setup {
        role: Role::Active,
        ..named(Hash::Sha256, CERTIFICATE)
    };
    let mut bed = Bed::new(active, false);
    bed.association.reach(bed.now, addr(PEER));
    for what in [1, BREAK, ACCEPT_OTHER].repeat(10) {
        bed.now += QUIET;
        assert!(!bed.hears(STRANGER, what));
        assert_eq!(bed.event(), None);
    }
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
}

#[test]
fn an_engine_that_wants_to_be_asked_at_once_is_asked_later() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    bed.hears(PEER, 1);
    bed.hears(PEER, AT_ONCE);
    assert!(bed.association.poll_timeout().is_some_and(|at| at > bed.now));
}

#[test]
fn a_handshake_without_srtp_gives_no_keys() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    for _ in 0..ATTEMPTS {
        bed.hears(PEER, 1);
        bed.hears(PEER, WITHOUT_SRTP);
    }
    assert_eq!(bed.event(), Some(Event::Failed(Failure::Handshake)));
}

#[test]
fn time_runs_from_when_both_sides_know_each_other() {
    let unknown = Setup {
        role: Role::Passive,
        expected: SmallVec::new(),
        settled: false,
    };
    let mut bed = Bed::new(unknown, true);
    assert_eq!(bed.association.poll_timeout(), None);
    // The peer is quicker than its answer.
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT);
    assert_eq!(bed.event(), None, "nothing says who it is");
    bed.now += Duration::from_secs(10);
    bed.association.update(bed.now, &named(Hash::Sha256, CERTIFICATE));
    assert!(bed.is_keyed(PEER));

    let mut slow = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    assert_eq!(slow.association.poll_timeout(), Some(slow.now + DEADLINE));
    slow.association
        .handle_timeout(slow.now + DEADLINE - Duration::from_millis(1));
    assert_eq!(slow.event(), None);
    slow.association.handle_timeout(slow.now + DEADLINE);
    assert_eq!(slow.event(), Some(Event::Failed(Failure::Timeout)));
    slow.association.handle_timeout(slow.now + DEADLINE * 2);
    assert_eq!(slow.event(), None, "told once");
}

#[test]
fn the_active_side_begins_when_it_knows_where() {
    let mut setup = named(Hash::Sha256, CERTIFICATE);
    setup.role = Role::Active;
    let mut bed = Bed::new(setup, false);
    assert_eq!(bed.sent(), []);
    bed.association.reach(bed.now, addr(PEER));
    assert_eq!(bed.sent(), [addr(PEER)]);
    bed.association.reach(bed.now, addr(PEER));
    assert_eq!(bed.sent(), [], "once");
    bed.hears(PEER, BREAK);
    assert_eq!(bed.sent(), [addr(PEER)], "and anew");
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
}

#[test]
fn the_same_again_changes_nothing_and_another_certificate_all() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
    bed.association.update(bed.now, &named(Hash::Sha256, CERTIFICATE));
    assert!(bed.association.is_done());

    bed.association
        .update(bed.now, &named(Hash::Sha256, b"another's"));
    assert!(!bed.association.is_done());
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT_OTHER);
    assert!(bed.is_keyed(PEER));

    let mut swapped = named(Hash::Sha256, b"another's");
    swapped.role = Role::Active;
    bed.sent();
    bed.association.update(bed.now, &swapped);
    assert_eq!(
        bed.sent(),
        [addr(PEER)],
        "a new handshake, and now it is ours to begin"
    );
}

#[test]
fn a_goodbye_is_told_and_ends_no_keys() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    bed.hears(PEER, 1);
    bed.hears(PEER, ACCEPT);
    assert!(bed.is_keyed(PEER));
    bed.hears(PEER, CLOSE);
    assert_eq!(bed.event(), Some(Event::Closed));
    bed.hears(PEER, BREAK);
    assert_eq!(bed.event(), None);
    assert!(bed.association.is_done());
}

#[test]
fn the_queue_is_bounded() {
    let mut bed = Bed::new(named(Hash::Sha256, CERTIFICATE), true);
    for _ in 0..1000 {
        bed.hears(PEER, 1);
    }
    assert!(bed.sent().len() <= QUEUE);
    assert!(!bed.association.receive(bed.now, addr(PEER), &[22; LONGEST + 1]));
}

#[test]
fn exported_keys_are_dealt_to_the_two_directions() {
    let material: Vec<u8> = (0..88).collect();
    for (suite, key, salt) in [
        (Suite::AesCm128Sha80, 16u8, 14u8),
        (Suite::AesCm128Sha32, 16, 14),
        (Suite::AesGcm128, 16, 12),
        (Suite::AesGcm256, 32, 12),
    ] {
        let client: Vec<u8> = (0..key).chain(2 * key..2 * key + salt).collect();
        let server: Vec<u8> = (key..2 * key).chain(2 * key + salt..2 * (key + salt)).collect();
        let (client, server) = [client, server].map(|m| Keys::single(suite, &m).unwrap()).into();
        let active = Keying::deal(suite, Role::Active, &material).unwrap();
        assert_eq!((&active.local, &active.remote), (&client, &server));
        let passive = Keying::deal(suite, Role::Passive, &material).unwrap();
        assert_eq!((&passive.local, &passive.remote), (&server, &client));
        let short = usize::from(2 * (key + salt)) - 1;
        assert_eq!(Keying::deal(suite, Role::Active, &material[..short]), None);
    }
}

#[test]
fn a_fingerprint_names_its_certificate() {
    // sha-1 and sha-256 of "abc" (FIPS 180-4, examples).
    let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
    assert_eq!(
        Fingerprint::of(Hash::Sha1, b"abc").to_string(),
        format!("sha-1 {sha1}")
    );
    for hash in Hash::ALL {
        let of = Fingerprint::of(hash, b"abc");
        assert!(certifies(std::slice::from_ref(&of), b"abc"), "{of}");
        assert!(!certifies(std::slice::from_ref(&of), b"abd"), "{of}");
        let upper = hash.as_str().to_uppercase();
        assert_eq!(Fingerprint::new(&upper, of.value()), Some(of.clone()));
        assert_eq!(
            Fingerprint::new(hash.as_str(), &of.value()[1..]),
            None,
            "too short"
        );
    }
    assert_eq!(Fingerprint::new("md5", &[0; 16]), None);
    assert!(!certifies(&[], b"abc"), "nothing names nothing");
}

#[test]
fn of_several_fingerprints_those_of_the_strongest_hash_count() {
    let weak = Fingerprint::of(Hash::Sha1, b"forged");
    let strong = Fingerprint::of(Hash::Sha256, b"real");
    let second = Fingerprint::of(Hash::Sha256, b"spare");
    let all = [weak.clone(), strong, second];
    assert!(certifies(&all, b"real"));
    assert!(certifies(&all, b"spare"));
    assert!(!certifies(&all, b"forged"));
    assert!(certifies(&[weak], b"forged"));
}
