//! Registrations over hours, ours and those of others.

use std::time::Duration;

use testkit::bed::{A, B1, Bed, X, addr};
use testkit::{Party, Sip, is_answered};

const REGISTER: (&str, &str) = (
    "name = \"b1\"",
    "register = { uri = \"sip:127.0.0.20:5080\", username = \"tandem\", password = \"secret\", expires = \"300s\" }",
);
/// The bed with a user alice, who is wherever she registers.
fn with_alice(more: &str) -> Bed {
    Bed::with(&format!(
        "{}\n[[trunk]]\nname = \"phones\"\nrole = \"customer\"\nusers = [{{ username = \"alice\", password = \"secret\" }}]\n{more}",
        testkit::bed::CONFIG
    ))
}

fn answer(bed: &mut Bed, register: &Sip, status: u16, headers: &[(&str, &str)]) {
    let b = bed.callee(B1, register);
    let mut reply = b.reply(register, status, None);
    for (name, value) in headers {
        reply = reply.with(name, *value);
    }
    bed.send(B1, &reply);
}

fn grant(bed: &mut Bed, register: &Sip, seconds: u32) {
    let contact = format!("{};expires={seconds}", register.need("Contact"));
    answer(bed, register, 200, &[("Contact", &contact)]);
}

/// The next REGISTER, within so many milliseconds.
fn next_register(bed: &mut Bed, ms: u64) -> Sip {
    for _ in 0..ms.div_ceil(500) {
        if let Some((_, register)) = bed.drain(B1).into_iter().next() {
            return register;
        }
        bed.wait(500);
    }
    bed.expect(B1, "REGISTER")
}

fn state(bed: &Bed) -> &'static str {
    let now = bed.world.moment();
    bed.world
        .switch()
        .registration(now, "b1")
        .expect("a registration")
        .state
}

/// RG-01 (a) over six hours: each refresh between 50 and 95 % of what was granted, one Call-ID, CSeq by one.
#[test]
fn rg_01_a_registration_is_kept_for_hours() {
    let mut bed = Bed::changed(&[REGISTER]);
    let first = next_register(&mut bed, 5000);
    grant(&mut bed, &first, 1800);
    let mut last = (bed.world.elapsed(), first);
    for _ in 0..12 {
        let (at, before) = last;
        let next = next_register(&mut bed, 1_800_000);
        let share = (bed.world.elapsed() - at).as_secs_f64() / 1800.0;
        assert!((0.5..=0.95).contains(&share), "{share}");
        assert_eq!(next.call_id(), before.call_id());
        assert_eq!(next.cseq().0, before.cseq().0 + 1);
        grant(&mut bed, &next, 1800);
        assert_eq!(state(&bed), "registered");
        last = (bed.world.elapsed(), next);
    }
    bed.settle();
}

/// RG-01 (b): silent for the first 70 s, or for an hour: 40 s after it is back it has us.
#[test]
fn rg_01_b_registered_within_40_s_of_its_return() {
    for silent in [70_000, 3_600_000, 3_617_000, 3_631_000] {
        let mut bed = Bed::changed(&[REGISTER]);
        bed.wait(silent);
        let before: Vec<_> = bed.drain(B1);
        assert_eq!(state(&bed), "failed");
        // A round is one transaction: eleven copies at most; rounds don't follow hard upon each other.
        assert!(
            before.len() < 12 * (2 + usize::try_from(silent).unwrap() / 45_000),
            "{}",
            before.len()
        );
        let back = bed.world.elapsed();
        let register = next_register(&mut bed, 40_000);
        grant(&mut bed, &register, 300);
        bed.wait(100);
        assert_eq!(state(&bed), "registered");
        assert!(bed.world.elapsed() - back <= Duration::from_secs(40));
    }
}

/// The answer to a lookup is lost on its way: the round has failed, and the next asks again.
#[test]
fn an_address_that_never_comes_holds_up_one_round_only() {
    let by_name = REGISTER.1.replace("127.0.0.20:5080", "registrar.test");
    let mut bed =
        Bed::with(&testkit::bed::CONFIG.replacen(REGISTER.0, &format!("{}\n{by_name}", REGISTER.0), 1));
    let never = testkit::Lookup::Never;
    bed.world.dns.names.insert("registrar.test".into(), never);
    bed.wait(7_000);
    assert_eq!(state(&bed), "trying");
    bed.wait(5_000);
    assert_eq!(state(&bed), "failed");
    let place = testkit::Lookup::Service(Duration::ZERO, vec![addr(B1)]);
    bed.world.dns.names.insert("registrar.test".into(), place);
    let register = next_register(&mut bed, 40_000);
    grant(&mut bed, &register, 300);
    bed.wait(100);
    assert_eq!(state(&bed), "registered");
    bed.settle();
}

/// RG-01 (c): 503 with Retry-After: nothing for as long as it says; without it waits grow, and have an end.
#[test]
fn rg_01_c_the_registrar_says_when() {
    let mut bed = Bed::changed(&[REGISTER]);
    for seconds in [20, 3, 600] {
        let register = next_register(&mut bed, 603_000);
        answer(&mut bed, &register, 503, &[("Retry-After", &seconds.to_string())]);
        bed.quiet(B1, seconds * 1000);
    }
    let mut longest = Duration::ZERO;
    let register = next_register(&mut bed, 5000);
    answer(&mut bed, &register, 500, &[]);
    let mut last = bed.world.elapsed();
    for _ in 0..20 {
        let register = next_register(&mut bed, 301_000);
        longest = longest.max(bed.world.elapsed() - last);
        last = bed.world.elapsed();
        answer(&mut bed, &register, 500, &[]);
    }
    assert!(longest > Duration::from_secs(140), "{longest:?}");
}

/// RG-04 (c): six REGISTERs at most in the first minute; then one try in ten minutes, and it is taken when it is right.
#[test]
fn rg_04_c_a_wrong_password_is_tried_seldom() {
    let mut bed = Bed::changed(&[REGISTER]);
    let mut asked = Vec::new();
    let end = Duration::from_secs(3600);
    while bed.world.elapsed() < end {
        bed.wait(50);
        for (at, register) in bed.drain(B1) {
            asked.push(at.as_secs());
            let value = format!("Digest realm=\"r\", nonce=\"n{}\", qop=\"auth\"", asked.len());
            answer(&mut bed, &register, 401, &[("WWW-Authenticate", &value)]);
        }
    }
    let within = |seconds: u64| asked.iter().filter(|at| **at < seconds).count();
    assert!(within(10) <= 4 && within(60) <= 6, "{asked:?}");
    assert!((6..=14).contains(&asked.len()), "{asked:?}");
    assert_eq!(state(&bed), "auth-failed");
    // Somebody has mended it at the other end.
    let register = next_register(&mut bed, 760_000);
    answer(
        &mut bed,
        &register,
        401,
        &[(
            "WWW-Authenticate",
            "Digest realm=\"r\", nonce=\"last\", qop=\"auth\"",
        )],
    );
    let register = bed.expect(B1, "REGISTER");
    assert!(is_answered(
        register.need("Authorization"),
        "REGISTER",
        "tandem",
        "secret"
    ));
    grant(&mut bed, &register, 300);
    bed.wait(100);
    assert_eq!(state(&bed), "registered");
}

/// What was granted holds while refreshes fail, and no longer.
#[test]
fn a_registration_holds_until_what_was_granted_has_run_out() {
    let mut bed = Bed::changed(&[REGISTER]);
    let register = next_register(&mut bed, 5000);
    grant(&mut bed, &register, 300);
    bed.wait(299_000);
    assert_eq!(state(&bed), "registered");
    bed.wait(80_000);
    assert_eq!(state(&bed), "failed");
    bed.drain(B1);
    // Un-registered at the end all the same: a lost answer may have been a yes.
    let register = next_register(&mut bed, 40_000);
    grant(&mut bed, &register, 300);
    bed.wait(100);
    assert_eq!(state(&bed), "registered");
}

/// Alice's REGISTER; challenged, she answers.
pub(super) fn register(bed: &mut Bed, party: &mut Party, lines: &[(&str, &str)]) -> Sip {
    party.cseq += 1;
    let plain = |party: &mut Party, authorization: Option<String>| {
        let mut sip = Sip::new("REGISTER sip:127.0.0.1:5060 SIP/2.0")
            .with("Via", party.via())
            .with("Max-Forwards", "70")
            .with("From", party.local.clone())
            .with("To", party.remote.clone())
            .with("Call-ID", party.call_id.clone())
            .with("CSeq", format!("{} REGISTER", party.cseq));
        for (name, value) in lines {
            sip = sip.with(name, *value);
        }
        authorization
            .into_iter()
            .fold(sip, |sip, value| sip.with("Authorization", value))
    };
    let first = plain(party, None);
    bed.send(X, &first);
    let challenge = bed.expect(X, "401 REGISTER");
    party.cseq += 1;
    let value = testkit::answer(
        challenge.need("WWW-Authenticate"),
        "REGISTER",
        "sip:127.0.0.1:5060",
        "alice",
        "secret",
    );
    let second = plain(party, Some(value));
    bed.send(X, &second);
    bed.expect(X, "200 REGISTER")
}

/// A binding ends when its time has come; refreshed, it stays.
#[test]
fn a_contact_runs_out_to_the_second() {
    let mut bed = with_alice("");
    let rng = bed.world.rng.fork();
    let switch = bed.world.switch_addr();
    let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
    let contact = ("Contact", "<sip:alice@127.0.0.66:5066>");
    let ok = register(&mut bed, &mut alice, &[contact, ("Expires", "600")]);
    assert!(
        ok.need("Contact").ends_with(";expires=600"),
        "{}",
        ok.need("Contact")
    );
    let there = |bed: &Bed| bed.world.switch().bindings(bed.world.moment()).len();
    bed.wait(500_000);
    register(&mut bed, &mut alice, &[contact, ("Expires", "600")]);
    bed.wait(599_000);
    assert_eq!(there(&bed), 1);
    bed.wait(1_500);
    assert_eq!(there(&bed), 0);
    let mut a = bed.caller("alice");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "480 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle().len(), 1);
}

/// Some telephones keep the tag of the answer before in their To: REGISTER makes no dialog, so it means nothing (RFC 3261 §10.2).
#[test]
fn a_refresh_with_the_tag_of_the_last_answer_is_a_refresh() {
    let mut bed = with_alice("");
    let rng = bed.world.rng.fork();
    let mut alice = Party::caller(addr(X), bed.world.switch_addr(), "alice", "alice", rng);
    let lines = [("Contact", "<sip:alice@127.0.0.66:5066>"), ("Expires", "600")];
    let ok = register(&mut bed, &mut alice, &lines);
    alice.remote = ok.need("To").to_owned();
    assert!(alice.remote.contains(";tag="));
    let again = register(&mut bed, &mut alice, &lines);
    assert_eq!(again.need("To"), alice.remote);
    let there = bed.world.switch().bindings(bed.world.moment()).len();
    assert_eq!(there, 1);
    bed.settle();
}

/// What is taken back needs no room.
#[test]
fn a_contact_takes_the_place_of_another_at_the_limit() {
    let mut bed = with_alice("[registrar]\nmax_contacts = 1\n");
    let rng = bed.world.rng.fork();
    let mut alice = Party::caller(addr(X), bed.world.switch_addr(), "alice", "alice", rng);
    let old = ("Contact", "<sip:alice@127.0.0.66:5066>;expires=600");
    register(&mut bed, &mut alice, &[old]);
    let gone = ("Contact", "<sip:alice@127.0.0.66:5066>;expires=0");
    let new = ("Contact", "<sip:alice@127.0.0.66:5067>;expires=600");
    let ok = register(&mut bed, &mut alice, &[gone, new]);
    assert!(ok.need("Contact").contains(":5067>"), "{}", ok.need("Contact"));
    assert_eq!(bed.world.switch().bindings(bed.world.moment()).len(), 1);
    bed.settle();
}

/// A process that dies leaves the registrations behind, and its successor takes them up, each with what time it has left.
#[test]
fn registrations_outlive_the_process() {
    let mut bed = with_alice("");
    let rng = bed.world.rng.fork();
    let switch = bed.world.switch_addr();
    let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
    register(
        &mut bed,
        &mut alice,
        &[("Contact", "<sip:alice@127.0.0.66:5066>"), ("Expires", "600")],
    );
    bed.wait(10_000);
    bed.world.crash();
    bed.wait(100_000);
    bed.world.restart();
    let bindings = bed.world.switch().bindings(bed.world.moment());
    assert_eq!(bindings.len(), 1);
    assert!((489..=491).contains(&bindings[0].expires_s), "{:?}", bindings[0]);
    bed.wait(491_000);
    assert_eq!(bed.world.switch().bindings(bed.world.moment()).len(), 0);
}
