//! Several contacts of one user that ring at once: their record, what the caller hears, their trunk's places.

use rtp_proto::control::{Codec, Command, Side, SoundSource, Tone};
use switch::Input;
use switch::record::CallRecord;
use testkit::bed::{A, B1, Bed, CONFIG, X, addr, config};
use testkit::{Party, Sip, sdp};

use super::registrations::register;

/// The tones that were played and hushed so far, in order.
fn played(bed: &Bed) -> Vec<(Side, Option<Tone>)> {
    let tone = |(_, command): &(_, Command)| match command {
        Command::Play { side, sound, .. } => match sound.source {
            SoundSource::Tone { tone, .. } => Some((*side, Some(tone))),
            SoundSource::Clip { .. } => None,
        },
        Command::Hush { side, .. } => Some((*side, None)),
        _ => None,
    };
    bed.world.media.log.iter().filter_map(tone).collect()
}

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
        self.call_with(&Bed::caller_end());
    }

    fn call_with(&mut self, end: &sdp::End) {
        let invite = self.a.invite(Some(&end.offer("sendrecv")));
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
    fn ring(&mut self, phones: &[(Party, Sip)]) -> Sip {
        phones.iter().for_each(|phone| self.say(phone, 180));
        let ringing = self.bed.expect(A, "180 INVITE");
        self.bed.quiet(A, 100);
        ringing
    }

    /// One of two telephones answers with these codecs, the other stops, and the caller has its 200.
    fn answer(&mut self, one: &(Party, Sip), other: &(Party, Sip), codecs: &[(u8, &'static str)]) -> Sip {
        let mut end = Bed::carrier_end(X);
        end.codecs = codecs.to_vec();
        let answer = one.0.reply(&one.1, 200, Some(&end.offer("sendrecv")));
        self.bed.send(X, &answer);
        self.bed.serve(X, &other.0, "CANCEL", 200);
        self.bed.expect(X, "ACK");
        self.refuse(other, 487);
        let ok = self.bed.expect(A, "200 INVITE");
        let ack = self.a.ack(&ok);
        self.bed.send(A, &ack);
        self.bed.wait(10);
        ok
    }

    /// The caller hangs up on the telephone that has answered.
    fn hang_up(&mut self, (phone, _): &(Party, Sip)) {
        let bye = self.a.request("BYE");
        self.bed.send(A, &bye);
        self.bed.serve(X, phone, "BYE", 200);
        self.bed.expect(A, "200 BYE");
    }

    /// A telephone refuses.
    fn refuse(&mut self, phone: &(Party, Sip), status: u16) {
        self.say(phone, status);
        self.bed.expect(X, "ACK");
    }

    /// These are cancelled, in whichever order.
    fn cancelled(&mut self, phones: &[(Party, Sip)]) {
        let cancels = self.cancels(phones.len());
        self.stop(phones, &cancels);
    }

    fn cancels(&mut self, count: usize) -> Vec<Sip> {
        (0..count).map(|_| self.bed.expect(X, "CANCEL")).collect()
    }

    /// They ring no more.
    fn stop(&mut self, phones: &[(Party, Sip)], cancels: &[Sip]) {
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
    let all = record.attempts.iter();
    all.map(|one| (one.outcome.as_str(), one.sip, one.call_id.as_str()))
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

/// The caller of [`CONFIG`] hears ringback; the pbx' keys.
fn with_ringback(pbx: &str) -> String {
    let sound = "[[sound]]\nname = \"ring\"\ntone = \"ringback\"\ncountry = \"de\"";
    let keys = format!("ringback = \"ring\"\n{pbx}");
    config(&[("name = \"pbx\"", &keys), ("", sound)])
}

/// Ringback is heard while several ring, and its answer is the one that the 200 repeats.
#[test]
fn ringback_is_heard_while_several_ring() {
    for (codecs, converted) in [
        (vec![(8, "PCMA/8000"), (101, "telephone-event/8000")], true),
        (vec![(0, "PCMU/8000"), (101, "telephone-event/8000")], false),
    ] {
        let mut it = Phones::of(&with_ringback(""), "", &["0.5", "0.5"]);
        it.call();
        let phones = it.invited(2);
        let ringing = it.ring(&phones);
        assert_eq!(
            sdp::live(ringing.sdp().expect("our own answer")).formats,
            ["0", "101"]
        );
        assert_eq!(played(&it.bed), [(Side::A, Some(Tone::Ringback))]);
        let ok = it.answer(&phones[1], &phones[0], &codecs);
        assert_eq!(ok.sdp(), ringing.sdp());
        assert_eq!(
            played(&it.bed),
            [(Side::A, Some(Tone::Ringback)), (Side::A, None)]
        );
        let spoken = it.bed.world.media.legs().each_ref().map(|leg| {
            let audio = leg.needs.transcode.as_ref();
            audio.map(|audio| audio.send.audio.codec)
        });
        let expected = [Codec::Pcmu, Codec::Pcma].map(|codec| converted.then_some(codec));
        assert_eq!(spoken, expected, "{codecs:?}");
        it.hang_up(&phones[1]);
        it.bed.settle_one();
    }
}

/// Where they may choose what the caller could not be given, nothing of ours is said, and nothing binds.
#[test]
fn no_ringback_binds_where_several_might_not_agree() {
    let usual = Bed::caller_end().codecs;
    let g729 = vec![(18, "G729/8000"), (0, "PCMU/8000")];
    for (keys, codecs) in [("", g729), ("transcode = \"off\"", usual)] {
        let mut it = Phones::of(&with_ringback(""), keys, &["0.5", "0.5"]);
        let mut end = Bed::caller_end();
        end.codecs.clone_from(&codecs);
        it.call_with(&end);
        let phones = it.invited(2);
        assert_eq!(it.ring(&phones).sdp(), None);
        assert_eq!(played(&it.bed), []);
        let ok = it.answer(&phones[0], &phones[1], &codecs);
        assert_eq!(sdp::live(ok.sdp().unwrap()).formats.len(), codecs.len());
        it.hang_up(&phones[0]);
        it.bed.settle_one();
    }
}

/// No port is left for the tone: the caller hears its own, and what a telephone answers is the answer.
#[test]
fn a_ringback_that_cannot_be_played_binds_nobody() {
    let few = with_ringback("").replace("10000-11999", "10000-10005");
    let mut it = Phones::of(&few, "", &["0.5", "0.5"]);
    it.call();
    let phones = it.invited(2);
    assert_eq!(it.ring(&phones).sdp(), None);
    assert_eq!(played(&it.bed), []);
    let ok = it.answer(&phones[0], &phones[1], &[(8, "PCMA/8000")]);
    assert_eq!(sdp::live(ok.sdp().unwrap()).formats, ["8"]);
    it.hang_up(&phones[0]);
    it.bed.settle_one();
}

/// Places on the trunk that are taken.
fn places(it: &Phones) -> usize {
    it.bed.world.switch().gauges().permits
}

/// However many ring, they are one call of their trunk's: one place, and one of its calls per second.
#[test]
fn telephones_that_ring_at_once_take_one_place() {
    for keys in ["max_calls = 1", "max_cps = 1"] {
        let mut it = Phones::of(CONFIG, keys, &["0.5"; 5]);
        it.call();
        let phones = it.invited(5);
        assert_eq!(places(&it), 2, "its customer's, and theirs");
        it.ring(&phones);
        it.refuse(&phones[0], 486);
        it.refuse(&phones[1], 480);
        it.refuse(&phones[2], 486);
        let ok = it.answer(&phones[3], &phones[4], &Bed::caller_end().codecs);
        assert!(ok.sdp().is_some());
        assert_eq!(places(&it), 2);
        it.hang_up(&phones[3]);
        it.bed.settle_one();
        assert_eq!(places(&it), 0);
    }
}

/// The next group has the place when the first gives up. While it is taken those of another call do not ring, also where the plan
/// was made before that: its record has one attempt for all of them.
#[test]
fn telephones_that_find_no_place_do_not_ring() {
    let number = "[[number]]\nmatch = \"200\"\nto = [\"b1\", \"phones\"]";
    let mut it = Phones::of(
        &config(&[("", number)]),
        "max_calls = 1\nfailover = { answer = \"30s\" }",
        &["0.5", "0.5", "0.4", "0.4"],
    );
    let mut early = it.bed.caller("200");
    let invite = early.invite(Some(&Bed::caller_end().offer("sendrecv")));
    it.bed.send(A, &invite);
    let at_b = it.bed.expect(B1, "INVITE");
    it.call();
    let first = it.invited(2);
    it.ring(&first);
    let b = it.bed.callee(B1, &at_b);
    it.bed.send(B1, &b.reply(&at_b, 503, None));
    it.bed.expect(B1, "ACK");
    let refusal = it.bed.expect(A, "503 INVITE");
    let ack = early.ack(&refusal);
    it.bed.send(A, &ack);
    let next = it.invited(2);
    it.cancelled(&first);
    it.refuse(&next[0], 486);
    it.refuse(&next[1], 486);
    it.refused("486 INVITE");
    let records = it.bed.settle();
    let tried = records.iter().map(|record| {
        let trunks = record
            .attempts
            .iter()
            .map(|one| (one.trunk.as_str(), one.outcome.as_str()));
        trunks.collect::<Vec<_>>()
    });
    let refused = ("phones", "unreachable");
    let [cancelled, busy] = ["cancelled", "refused"].map(|word| ("phones", word));
    assert_eq!(
        tried.collect::<Vec<_>>(),
        [
            vec![("b1", "refused"), refused, refused],
            vec![cancelled, cancelled, busy, busy]
        ]
    );
    assert_eq!(places(&it), 0);
}

/// Whoever takes the call at another telephone has the place of those that rang.
#[test]
fn a_call_that_rings_at_several_is_taken_elsewhere_in_their_place() {
    let keys = "max_calls = 1\ntransfer = \"accept\"";
    let mut it = Phones::of(CONFIG, keys, &["0.5", "0.5"]);
    it.call();
    let phones = it.invited(2);
    it.ring(&phones);
    let (phone, invite) = &phones[0];
    let replaces = format!(
        "{};to-tag={};from-tag={}",
        invite.call_id(),
        invite.from_tag().unwrap(),
        phone.tag()
    );
    let rng = it.bed.world.rng.fork();
    let mut other = Party::caller(addr(X), it.bed.world.switch_addr(), "alice", "alice", rng);
    let offer = Bed::carrier_end(X).offer("sendrecv");
    let pick_up = other.invite(Some(&offer)).with("Replaces", replaces.clone());
    it.bed.send(X, &pick_up);
    let challenge = it.bed.expect(X, "401 INVITE");
    let ack = other.ack(&challenge);
    it.bed.send(X, &ack);
    let value = challenge.need("WWW-Authenticate");
    let answer = testkit::answer(value, "INVITE", &other.target, "alice", "secret");
    let pick_up = other.invite(Some(&offer)).with("Replaces", replaces);
    it.bed.send(X, &pick_up.with("Authorization", answer));
    let cancels = it.cancels(phones.len());
    let ok = it.bed.expect(X, "200 INVITE");
    let ack = other.ack(&ok);
    it.bed.send(X, &ack);
    it.stop(&phones, &cancels);
    let ok = it.bed.expect(A, "200 INVITE");
    let ack = it.a.ack(&ok);
    it.bed.send(A, &ack);
    it.bed.wait(10);
    assert_eq!(places(&it), 2);
    let bye = it.a.request("BYE");
    it.bed.send(A, &bye);
    it.bed.serve(X, &other, "BYE", 200);
    it.bed.expect(A, "200 BYE");
    let record = it.bed.settle_one();
    assert_eq!(record.attempts.len(), 2);
    assert_eq!(places(&it), 0);
}
