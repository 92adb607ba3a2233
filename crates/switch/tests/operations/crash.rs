//! The process dies; the next one cleans up after it.

use std::sync::Arc;

use switch::record::{CallRecord, HungUpBy, RecordState};
use testkit::bed::{self, A, B1, B2, Bed};
use testkit::{Party, World};

fn restart(bed: &mut Bed, after_ms: u64) {
    bed.world.crash();
    bed.wait(after_ms);
    bed.drain(A);
    bed.drain(B1);
    bed.world.restart();
}

fn check(record: &CallRecord) {
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.q850),
        ("restart", Some(41))
    );
    assert_eq!(
        (record.state, record.hung_up_by),
        (RecordState::Final, HungUpBy::Switch)
    );
}

#[test]
fn a_call_that_was_up_is_hung_up_on_both_legs_and_recorded_once() {
    let mut bed = Bed::new();
    let (a, b) = bed.connect();
    let id = bed.world.switch().calls(bed.world.moment())[0].id.clone();
    bed.wait(10_000);
    restart(&mut bed, 3000);
    let at_a = bed.serve(A, &a, "BYE", 200);
    let at_b = bed.serve(B1, &b, "BYE", 200);
    assert_eq!((at_a.to_tag(), at_a.from_tag()), (Some(a.tag()), tag_of(&a)));
    assert_eq!((at_b.to_tag(), at_b.from_tag()), (Some(b.tag()), tag_of(&b)));
    assert!(at_a.cseq().0 > 1 && at_b.cseq().0 > 2);
    assert!(at_a.need("Reason").contains("cause=41"));
    let record = bed.settle_one();
    check(&record);
    assert_eq!(record.id, id);
    assert_eq!(record.caller_media.codec.as_deref(), Some("PCMU/8000"));
    assert!(record.ended_ms.unwrap() >= record.answered_ms.unwrap());
    // The journal has the decision as data only; who writes the record puts it into words.
    assert!(
        record.route.is_some() && record.decision.len() > 1,
        "{:?}",
        record.decision
    );
}

/// A Contact that a re-INVITE has moved is where the next process says goodbye.
#[test]
fn a_side_that_has_moved_is_hung_up_where_it_is_now() {
    const THERE: &str = "127.0.0.20:5099";
    let mut bed = Bed::new();
    let (a, mut b) = bed.connect();
    let mut end = Bed::carrier_end(B1);
    end.version += 1;
    let moves = b
        .invite(Some(&end.offer("sendrecv")))
        .set("Contact", format!("<sip:{THERE}>"));
    bed.send(B1, &moves);
    let asked = bed.expect(A, "INVITE");
    bed.send(A, &Bed::answer_of(A, &a, &asked));
    bed.expect(A, "ACK");
    let ok = bed.expect(B1, "200 INVITE");
    let ack = b.ack(&ok);
    bed.send(B1, &ack);
    bed.wait(1000);
    restart(&mut bed, 1000);
    bed.serve(A, &a, "BYE", 200);
    bed.serve(THERE, &b, "BYE", 200);
    check(&bed.settle_one());
}

/// The tag that the switch has in this dialog.
fn tag_of(party: &Party) -> Option<&str> {
    party.remote.split_once(";tag=").map(|(_, tag)| tag)
}

#[test]
fn requests_that_were_sent_after_the_journal_do_not_make_the_bye_look_old() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    let mut last = 0;
    for _ in 0..5 {
        let info = a.request("INFO");
        bed.send(A, &info);
        last = bed.serve(B1, &b, "INFO", 200).cseq().0;
        bed.expect(A, "200 INFO");
    }
    restart(&mut bed, 100);
    bed.serve(A, &a, "BYE", 200);
    let at_b = bed.serve(B1, &b, "BYE", 200);
    assert!(at_b.cseq().0 > last);
    check(&bed.settle_one());
}

#[test]
fn a_long_call_is_accounted_up_to_its_last_interim_record() {
    let mut bed = Bed::changed(&[("[records]", "interim_interval = \"60s\"")]);
    let (a, b) = bed.connect();
    bed.wait(150_000);
    restart(&mut bed, 100);
    bed.serve(A, &a, "BYE", 200);
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    check(&record);
    assert_eq!(record.talk_ms / 1000, 120);
    assert_eq!(
        record.ended_ms.unwrap() - record.answered_ms.unwrap(),
        record.talk_ms
    );
}

#[test]
fn peers_that_are_gone_after_the_crash_keep_nothing_busy() {
    let mut bed = Bed::new();
    bed.connect();
    bed.world.net.unreachable.insert(bed::addr(A));
    bed.world.net.unreachable.insert(bed::addr(B1));
    restart(&mut bed, 100);
    check(&bed.settle_one());
}

#[test]
fn a_call_that_rang_when_the_process_died_is_no_call_of_the_next_one() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    restart(&mut bed, 100);
    // The called side answers nobody; the caller gives up.
    let answer = Bed::answer_of(B1, &b, &at_b);
    bed.send(B1, &answer);
    bed.send(A, &a.cancel());
    bed.expect(A, "481 CANCEL");
    bed.wait(1000);
    let (mut a2, b2) = bed.connect();
    bed.hang_up(&mut a2, &b2);
    bed.world.audit.faults.clear();
    assert_eq!(bed.world.store.finals.len(), 1);
    let invite = a.invite.take().unwrap();
    bed.forgive(&invite);
    bed.settle_one();
}

#[test]
fn a_journal_that_cannot_be_read_gets_its_record_all_the_same() {
    let mut bed = Bed::new();
    bed.connect();
    for (_, dialogs) in bed.world.store.journal.values_mut() {
        *dialogs = b"{spoilt".to_vec();
    }
    restart(&mut bed, 100);
    bed.quiet(A, 1000);
    check(&bed.settle_one());
}

#[test]
fn a_challenged_bye_is_answered_after_a_crash_too() {
    let auth = "auth = { username = \"tandem\", password = \"secret\" }";
    let mut bed = Bed::changed(&[("name = \"b1\"", auth)]);
    let (a, b) = bed.connect();
    restart(&mut bed, 100);
    bed.serve(A, &a, "BYE", 200);
    let bye = bed.expect(B1, "BYE");
    let challenge = "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
    bed.send(
        B1,
        &b.reply(&bye, 407, None).with("Proxy-Authenticate", challenge),
    );
    let bye = bed.serve(B1, &b, "BYE", 200);
    assert!(testkit::is_answered(
        bye.need("Proxy-Authorization"),
        "BYE",
        "tandem",
        "secret"
    ));
    check(&bed.settle_one());
}

#[test]
fn two_crashes_in_a_row_still_make_one_record() {
    let mut bed = Bed::new();
    let (a, b) = bed.connect();
    bed.world.store.mode = testkit::StoreMode::Stuck;
    restart(&mut bed, 100);
    // The second process dies before the store has said anything; the store had the record already.
    restart(&mut bed, 100);
    bed.world.store.mode = testkit::StoreMode::Stores(std::time::Duration::ZERO);
    bed.wait(40_000);
    let _ = (a, b);
    bed.drain(A);
    bed.drain(B1);
    check(&bed.settle_one());
}

#[test]
fn the_same_seed_is_the_same_world() {
    let story = |seed: u64| {
        let mut world = World::new(seed, Arc::clone(&testkit::snapshot(bed::CONFIG)));
        let rng = world.rng.fork();
        let ring = |_: &mut _, _: &_| {
            testkit::ua::Called::new(vec![(
                std::time::Duration::from_millis(50),
                testkit::ua::Say::Status(200),
            )])
        };
        world
            .uas
            .push(testkit::ua::Ua::new(bed::addr(A), rng.clone(), ring));
        world
            .uas
            .push(testkit::ua::Ua::new(bed::addr(B1), rng.clone(), ring));
        world.uas.push(testkit::ua::Ua::new(bed::addr(B2), rng, ring));
        world.net.quality.loss = 0.1;
        for _ in 0..20 {
            let mut calling = testkit::ua::Calling::new("+4420");
            calling.manners.hangs_up = Some(world.rng.ms(0, 5000));
            world.with_ua(0, |ua, cx| ua.call(cx, calling));
        }
        world.run(std::time::Duration::from_secs(100));
        world.transcript(|_| true)
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}
