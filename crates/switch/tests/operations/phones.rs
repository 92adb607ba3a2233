//! Several contacts of one user that ring at once: their record, what the caller hears, their trunk's places.

use switch::Input;
use switch::record::CallRecord;
use testkit::bed::{A, Bed, CONFIG, X, addr};
use testkit::{Party, Sip};

use super::registrations::register;

/// A caller, and alice's telephones, who are all behind one address: as many as there are preferences.
struct Phones {
    bed: Bed,
    a: Party,
}

impl Phones {
    /// `config` with a trunk for alice, with these keys.
    fn of(config: &str, keys: &str, preferences: &[&str]) -> Self {
        let mut bed = Bed::with(&format!(
            "{config}\n[[trunk]]\nname = \"phones\"\nrole = \"customer\"\nusers = [{{ username = \"alice\", password = \"secret\" }}]\n{keys}"
        ));
        let switch = bed.world.switch_addr();
        for (number, q) in preferences.iter().enumerate() {
            let rng = bed.world.rng.fork();
            let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
            let contact = format!("<sip:alice{number}@{X}>;q={q}");
            register(&mut bed, &mut alice, &[("Contact", &contact), ("Expires", "600")]);
        }
        let a = bed.caller("alice");
        Self { bed, a }
    }

    fn new(preferences: &[&str]) -> Self {
        Self::of(CONFIG, "", preferences)
    }

    fn call(&mut self) {
        let invite = self.a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        self.bed.send(A, &invite);
    }

    /// The INVITEs of so many telephones that are called now, each with who has it.
    fn invited(&mut self, count: usize) -> Vec<(Party, Sip)> {
        let one = |_| {
            let invite = self.bed.expect(X, "INVITE");
            self.trying(invite)
        };
        (0..count).map(one).collect()
    }

    fn trying(&mut self, invite: Sip) -> (Party, Sip) {
        let phone = (self.bed.callee(X, &invite), invite);
        self.say(&phone, 100);
        phone
    }

    fn say(&mut self, (phone, invite): &(Party, Sip), status: u16) {
        self.bed.send(X, &phone.reply(invite, status, None));
    }

    /// They ring, and the caller hears of it once.
    fn ring(&mut self, phones: &[(Party, Sip)]) {
        phones.iter().for_each(|phone| self.say(phone, 180));
        self.bed.expect(A, "180 INVITE");
        self.bed.quiet(A, 100);
    }

    /// A telephone refuses.
    fn refuse(&mut self, phone: &(Party, Sip), status: u16) {
        self.say(phone, status);
        self.bed.expect(X, "ACK");
    }

    /// These are cancelled, in whichever order.
    fn cancelled(&mut self, phones: &[(Party, Sip)]) {
        let cancels: Vec<Sip> = phones.iter().map(|_| self.bed.expect(X, "CANCEL")).collect();
        for (phone, invite) in phones {
            let own = |cancel: &&Sip| cancel.call_id() == invite.call_id();
            let cancel = cancels.iter().find(own).expect("its CANCEL");
            self.bed.send(X, &phone.reply(cancel, 200, None));
            self.bed.send(X, &phone.reply(invite, 487, None));
            self.bed.expect(X, "ACK");
        }
    }

    /// The caller is refused.
    fn refused(&mut self, title: &str) {
        let refusal = self.bed.expect(A, title);
        let ack = self.a.ack(&refusal);
        self.bed.send(A, &ack);
    }

    fn give_up(&mut self) {
        let cancel = self.a.cancel();
        self.bed.send(A, &cancel);
        self.bed.expect(A, "200 CANCEL");
        self.refused("487 INVITE");
    }
}

/// What became of the attempts, in order, each with the Call-ID of the telephone that it was.
fn attempts(record: &CallRecord) -> Vec<(&str, u16, &str)> {
    let attempt = |attempt: &'_ switch::record::AttemptRecord| attempt.sip;
    let all = record.attempts.iter();
    all.map(|one| (one.outcome.as_str(), attempt(one), one.call_id.as_str()))
        .collect()
}

fn id((_, invite): &(Party, Sip)) -> &str {
    invite.call_id()
}

/// Whatever stops them, all that still rang are in the record.
#[test]
fn telephones_that_ring_are_in_the_record_of_a_call_that_comes_to_nothing() {
    for ending in ["cancel", "no answer", "603", "shutdown"] {
        let mut it = Phones::of(CONFIG, "failover = { answer = \"30s\" }", &["0.5", "0.5"]);
        it.call();
        let phones = it.invited(2);
        it.ring(&phones);
        let mut kept = [("cancelled", 487), ("cancelled", 487)];
        match ending {
            "cancel" => {
                it.give_up();
                it.cancelled(&phones);
            }
            "no answer" => {
                it.cancelled(&phones);
                it.refused("480 INVITE");
            }
            "603" => {
                it.refuse(&phones[1], 603);
                it.refused("603 INVITE");
                it.cancelled(&phones[..1]);
                kept = [("cancelled", 487), ("refused", 603)];
            }
            _ => {
                it.bed.world.tell(Input::EndAll);
                it.refused("503 INVITE");
                it.cancelled(&phones);
                kept = [("cancelled", 503), ("cancelled", 503)];
            }
        }
        let record = it.bed.settle_one();
        let mut seen = attempts(&record);
        seen.sort_unstable_by_key(|(.., call)| *call == id(&phones[1]));
        let kept = [0, 1].map(|n| (kept[n].0, kept[n].1, id(&phones[n])));
        assert_eq!(seen, kept, "{ending}");
        assert_eq!(record.to_trunk.as_deref(), Some("phones"), "{ending}");
        let rang = record.attempts.iter().filter(|one| one.pdd_ms.is_some());
        assert_eq!(rang.count(), 2, "{ending}");
    }
}

/// The order is that in which they were called; what one has said is not another's.
#[test]
fn groups_of_telephones_are_in_the_record_in_their_order() {
    let mut it = Phones::new(&["0.9", "0.5", "0.5", "0.4", "0.4"]);
    it.call();
    let first = it.invited(1).remove(0);
    it.refuse(&first, 486);
    let group = it.invited(2);
    it.ring(&group);
    let last = it.invited(2);
    it.cancelled(&group);
    it.refuse(&last[1], 486);
    it.refuse(&last[0], 404);
    it.refused("486 INVITE");
    let record = it.bed.settle_one();
    let seen = attempts(&record);
    let expected = [&first, &group[0], &group[1], &last[1], &last[0]].map(id);
    assert_eq!(seen.iter().map(|(.., id)| *id).collect::<Vec<_>>(), expected);
    let said: Vec<u16> = seen.iter().map(|(_, sip, _)| *sip).collect();
    assert_eq!(said, [486, 487, 487, 486, 404]);
    let rang: Vec<bool> = record.attempts.iter().map(|one| one.pdd_ms.is_some()).collect();
    assert_eq!(rang, [false, true, true, false, false]);
}
