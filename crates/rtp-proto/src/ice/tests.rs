use super::*;
use proptest::prelude::*;

const HOST: &str = "192.0.2.10:4000";
const RELAYED: &str = "198.51.100.9:6000";
const STRANGER: &str = "203.0.113.66:666";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ours() -> Credentials {
    Credentials {
        ufrag: "ourfrag".into(),
        password: "our-password-of-22-chars".into(),
    }
}

struct Bed {
    now: Instant,
    agent: Agent,
    count: u8,
}

impl Bed {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            agent: Agent::new(ours(), Some("theirs")),
            count: 0,
        }
    }

    fn check(&mut self, from: &str, priority: u32, nominate: bool) -> Heard {
        self.send(from, "ourfrag:theirs", &ours().password, priority, nominate)
    }

    fn send(&mut self, from: &str, name: &str, password: &str, priority: u32, nominate: bool) -> Heard {
        let mut buffer = [0; 200];
        self.count += 1;
        let id = Transaction([self.count; 12]);
        let length = check(&mut buffer, id, name, password, priority, nominate).unwrap();
        self.agent.receive(self.now, addr(from), &buffer[..length])
    }

    fn answer(&mut self) -> Option<(SocketAddr, Class, Option<u16>, Integrity)> {
        let mut buffer = [0; 200];
        let (length, to) = self.agent.poll_transmit(&mut buffer)?;
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(message.transaction(), Transaction([self.count; 12]));
        if message.class() == Class::Success {
            assert_eq!(message.xor_mapped_address(), Some(to));
        }
        Some((
            to,
            message.class(),
            message.error_code(),
            message.integrity(ours().password.as_bytes()),
        ))
    }
}

#[test]
fn a_check_is_answered_and_a_nomination_followed() {
    let mut bed = Bed::new();
    assert_eq!(bed.check(HOST, 100, false), Heard::Check);
    let success = Some((addr(HOST), Class::Success, None, Integrity::Right));
    assert_eq!(bed.answer(), success);
    assert_eq!(bed.answer(), None);
    assert!(bed.agent.knows(addr(HOST)));
    assert_eq!(bed.agent.destination(), None, "valid, and not nominated");

    assert_eq!(bed.check(HOST, 100, true), Heard::Selected(addr(HOST)));
    assert_eq!(bed.answer(), success);
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
    assert_eq!(bed.check(HOST, 100, true), Heard::Check, "nothing new");
}

#[test]
fn who_lacks_the_credentials_changes_nothing() {
    let password = ours().password;
    for (what, name, password, code) in [
        ("another name", "otherfrag:theirs", &*password, 401),
        ("a longer name", "ourfragment:theirs", &*password, 401),
        ("another peer's name", "ourfrag:others", &*password, 401),
        ("no peer", "ourfrag", &*password, 401),
        ("another password", "ourfrag:theirs", "guess", 401),
    ] {
        let mut bed = Bed::new();
        assert_eq!(
            bed.send(STRANGER, name, password, u32::MAX, true),
            Heard::Refused,
            "{what}"
        );
        assert_eq!(
            bed.answer(),
            Some((addr(STRANGER), Class::Error, Some(code), Integrity::Absent)),
            "{what}"
        );
        assert_eq!(bed.agent.destination(), None, "{what}");
        assert!(!bed.agent.knows(addr(STRANGER)), "{what}");
    }
}

#[test]
fn a_request_without_name_or_integrity_is_bad() {
    let bare = |name: Option<&str>| {
        let mut buffer = [0; 100];
        let mut writer = Writer::new(&mut buffer, Class::Request, BINDING, Transaction([1; 12]));
        if let Some(name) = name {
            writer.attribute(attribute::USERNAME, name.as_bytes());
        }
        let length = writer.finish().unwrap();
        buffer[..length].to_vec()
    };
    for request in [bare(None), bare(Some("ourfrag:theirs"))] {
        let mut bed = Bed::new();
        bed.count = 1;
        assert_eq!(
            bed.agent.receive(bed.now, addr(STRANGER), &request),
            Heard::Refused
        );
        let (_, class, code, _) = bed.answer().unwrap();
        assert_eq!((class, code), (Class::Error, Some(400)));
    }
}

#[test]
fn a_peer_that_takes_itself_for_controlled_hears_of_the_conflict() {
    let mut bed = Bed::new();
    let mut buffer = [0; 200];
    bed.count = 1;
    let length = Writer::new(&mut buffer, Class::Request, BINDING, Transaction([1; 12]))
        .attribute(attribute::USERNAME, b"ourfrag:theirs")
        .attribute(attribute::ICE_CONTROLLED, &[0xff; 8])
        .attribute(attribute::USE_CANDIDATE, &[])
        .integrity(ours().password.as_bytes())
        .finish()
        .unwrap();
    assert_eq!(
        bed.agent.receive(bed.now, addr(HOST), &buffer[..length]),
        Heard::Check
    );
    assert_eq!(
        bed.answer(),
        Some((addr(HOST), Class::Error, Some(487), Integrity::Right))
    );
    assert_eq!(bed.agent.destination(), None);
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut bed = Bed::new();
    let mut buffer = [0; 200];
    let length = Writer::new(&mut buffer, Class::Request, BINDING, Transaction([1; 12]))
        .attribute(attribute::USERNAME, b"ourfrag:theirs")
        .attribute(0x7abc, b"")
        .attribute(0xabcd, b"")
        .integrity(ours().password.as_bytes())
        .finish()
        .unwrap();
    bed.agent.receive(bed.now, addr(HOST), &buffer[..length]);
    let (length, _) = bed.agent.poll_transmit(&mut buffer).unwrap();
    let message = Message::parse(&buffer[..length]).unwrap();
    assert_eq!(message.error_code(), Some(420));
    assert_eq!(
        message.get(attribute::UNKNOWN_ATTRIBUTES),
        Some(&[0x7a, 0xbc][..])
    );
}

#[test]
fn a_recorded_check_from_elsewhere_takes_no_stream() {
    let mut bed = Bed::new();
    let mut buffer = [0; 200];
    let id = Transaction([9; 12]);
    let length = check(&mut buffer, id, "ourfrag:theirs", &ours().password, 100, true).unwrap();
    let request = &buffer[..length];
    assert_eq!(
        bed.agent.receive(bed.now, addr(HOST), request),
        Heard::Selected(addr(HOST))
    );
    assert_eq!(
        bed.agent.receive(bed.now, addr(HOST), request),
        Heard::Check,
        "sent again"
    );
    assert_eq!(
        bed.agent.receive(bed.now, addr(STRANGER), request),
        Heard::Refused
    );
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
}

#[test]
fn of_several_nominations_the_best_holds_until_it_is_left() {
    let mut bed = Bed::new();
    bed.check(RELAYED, 10, true);
    assert_eq!(bed.check(HOST, 100, true), Heard::Selected(addr(HOST)), "better");
    assert_eq!(bed.check(RELAYED, 10, true), Heard::Check, "worse");
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
    // The peer leaves the better one: from then on it nominates the other only.
    bed.now += RENOMINATED;
    assert_eq!(bed.check(RELAYED, 10, true), Heard::Selected(addr(RELAYED)));
}

#[test]
fn consent_ends_with_silence_and_comes_back_with_a_check() {
    let mut bed = Bed::new();
    bed.check(HOST, 100, true);
    let begun = bed.now;
    assert_eq!(bed.agent.poll_timeout(), Some(begun + CONSENT));
    bed.now += Duration::from_secs(20);
    bed.check(HOST, 100, false);
    bed.now += Duration::from_secs(20);
    bed.agent.alive(bed.now, addr(HOST));
    bed.agent.alive(bed.now + Duration::from_secs(9), addr(STRANGER));
    bed.now += Duration::from_secs(29);
    assert_eq!(bed.agent.handle_timeout(bed.now), None);
    bed.now += Duration::from_secs(1);
    assert_eq!(bed.agent.handle_timeout(bed.now), Some(CONSENT));
    assert_eq!(bed.agent.handle_timeout(bed.now), None, "told once");
    assert_eq!((bed.agent.destination(), bed.agent.poll_timeout()), (None, None));
    assert_eq!(bed.check(HOST, 100, true), Heard::Selected(addr(HOST)));
}

#[test]
fn a_restart_keeps_the_old_pair_until_the_new_one_is_nominated() {
    let mut bed = Bed::new();
    bed.check(HOST, 100, true);
    let fresh = Credentials {
        ufrag: "second".into(),
        password: "another-password-of-22".into(),
    };
    bed.agent.update(&fresh, Some("theirs2"));
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
    assert_eq!(bed.check(HOST, 100, false), Heard::Check, "the old credentials");
    let restarted =
        |bed: &mut Bed, from: &str, nominate| bed.send(from, "second:theirs2", &fresh.password, 1, nominate);
    assert_eq!(restarted(&mut bed, RELAYED, false), Heard::Check);
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
    assert_eq!(
        restarted(&mut bed, RELAYED, true),
        Heard::Selected(addr(RELAYED)),
        "though its priority is lower"
    );
    assert_eq!(
        bed.check(HOST, 100, true),
        Heard::Refused,
        "the old ones are over"
    );
    assert_eq!(bed.agent.destination(), Some(addr(RELAYED)));
}

#[test]
fn checks_that_come_before_the_answer_are_answered() {
    let mut bed = Bed::new();
    bed.agent = Agent::new(ours(), None);
    assert_eq!(bed.check(HOST, 1, true), Heard::Selected(addr(HOST)));
    bed.agent.update(&ours(), Some("theirs"));
    assert_eq!(bed.agent.destination(), Some(addr(HOST)));
    assert_eq!(
        bed.send(HOST, "ourfrag:others", &ours().password, 1, true),
        Heard::Refused
    );
}

#[test]
fn a_flood_is_answered_a_few_times_a_second() {
    let mut bed = Bed::new();
    let mut answered = 0;
    for _ in 0..10_000 {
        bed.now += Duration::from_millis(1);
        bed.count = 0;
        bed.send(STRANGER, "ourfrag:theirs", "guess", 1, true);
        answered += usize::from(bed.answer().is_some());
    }
    assert!((100..=110).contains(&answered), "{answered} in ten seconds");
    assert!(
        matches!(bed.check(HOST, 1, true), Heard::Selected(_)),
        "the peer is still served"
    );
}

#[test]
fn addresses_are_remembered_up_to_a_limit() {
    let mut bed = Bed::new();
    bed.check(HOST, 100, true);
    for port in 1..100 {
        bed.now += Duration::from_millis(50);
        bed.check(&format!("198.51.100.9:{port}"), 1, false);
    }
    assert_eq!(bed.agent.valid.len(), VALID);
    assert!(bed.agent.knows(addr(HOST)), "the one in use stays");
    assert!(bed.agent.answers.len() <= ANSWERS);
    assert!(bed.agent.seen.len() <= TRANSACTIONS);
}

#[test]
fn keep_alives_are_taken_and_stray_answers_refused() {
    let mut bed = Bed::new();
    assert_eq!(bed.check(HOST, 100, false), Heard::Check);
    assert!(bed.answer().is_some());
    for (class, from, what) in [
        (Class::Indication, HOST, Heard::Ignored),
        (Class::Indication, RELAYED, Heard::Refused),
        (Class::Success, HOST, Heard::Refused),
        (Class::Error, HOST, Heard::Refused),
    ] {
        let mut buffer = [0; 64];
        let length = Writer::new(&mut buffer, class, BINDING, Transaction([1; 12]))
            .finish()
            .unwrap();
        assert_eq!(bed.agent.receive(bed.now, addr(from), &buffer[..length]), what);
    }
    assert_eq!(
        bed.agent.receive(bed.now, addr(HOST), &[0, 1, 0, 0]),
        Heard::Malformed
    );
    assert!(bed.answer().is_none());
}

#[test]
fn credentials_come_of_randomness_alone() {
    let one = Credentials::from_random([0xa5; 24]);
    assert_eq!((one.ufrag.len(), one.password.len()), (8, 24));
    let other = Credentials::from_random([0x5a; 24]);
    assert!(one.ufrag != other.ufrag && one.password != other.password);
    assert!(!format!("{one:?}").contains(&*one.password));
}

proptest! {
    #[test]
    fn no_mutation_of_a_check_is_believed(at in 0usize..88, bit in 0u8..8, cut in any::<bool>()) {
        let mut bed = Bed::new();
        let mut buffer = [0; 200];
        let length = check(&mut buffer, Transaction([3; 12]), "ourfrag:theirs", &ours().password, 7, true).unwrap();
        buffer[at] ^= 1 << bit;
        let length = if cut { at } else { length };
        let heard = bed.agent.receive(bed.now, addr(STRANGER), &buffer[..length]);
        prop_assert!(!matches!(heard, Heard::Selected(_) | Heard::Check));
        prop_assert_eq!(bed.agent.destination(), None);
    }
}
