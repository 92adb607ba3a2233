//! A target with several places: which is asked, after what, and what the record says.

use std::time::Duration;

use testkit::Lookup;
use testkit::bed::{self, A, B1, B2, Bed};

/// One carrier, whose name leads to B1 and then to B2; `keys` are more lines of its table.
fn bed(keys: &str) -> Bed {
    let second = bed::CONFIG
        .find("[[trunk]]\nname = \"b2\"")
        .expect("the second carrier");
    let named = bed::CONFIG
        .split_at(second)
        .0
        .replace("sip:127.0.0.20:5080", "sip:c.test")
        .replace("name = \"b1\"", &format!("name = \"b1\"\n{keys}"));
    let mut bed = Bed::with(&named);
    let places = vec![bed::addr(B1), bed::addr(B2)];
    bed.world
        .dns
        .names
        .insert("c.test".into(), Lookup::Service(Duration::from_millis(5), places));
    bed
}

/// A calls; what B1 does with it is up to the test. B2 takes the call and hangs up.
fn second_place_takes(bed: &mut Bed, mut a: testkit::Party, within: u64) {
    let at_b2 = bed.expect_within(B2, "INVITE", within);
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

fn call(bed: &mut Bed) -> testkit::Party {
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    a
}

#[test]
fn a_place_that_refuses_is_followed_by_the_next_and_passed_over() {
    let mut bed = bed("failover = { attempts = 1 }");
    for round in 0..2 {
        let a = call(&mut bed);
        if round == 0 {
            let at_b1 = bed.expect(B1, "INVITE");
            let b1 = bed.callee(B1, &at_b1);
            bed.send(B1, &b1.reply(&at_b1, 503, None));
            bed.expect(B1, "ACK");
        }
        second_place_takes(&mut bed, a, 500);
        bed.quiet(B1, 100);
    }
    let records = bed.settle();
    let tried: Vec<Vec<(String, u16)>> = records
        .iter()
        .map(|record| {
            let place = |attempt: &switch::record::AttemptRecord| {
                let address = attempt.address.expect("where the name led");
                (address.to_string(), attempt.sip)
            };
            record.attempts.iter().map(place).collect()
        })
        .collect();
    let (b1, b2) = (bed::addr(B1).to_string(), bed::addr(B2).to_string());
    assert_eq!(tried, [vec![(b1, 503), (b2.clone(), 486)], vec![(b2, 486)]]);
}

#[test]
fn a_place_that_is_silent_has_its_time_and_one_that_answers_late_is_hung_up() {
    let mut bed = bed("");
    let a = call(&mut bed);
    let at_b1 = bed.expect(B1, "INVITE");
    second_place_takes(&mut bed, a, 4100);
    bed.drain(B1);
    let b1 = bed.callee(B1, &at_b1);
    bed.send(B1, &Bed::answer_of(B1, &b1, &at_b1));
    bed.expect(B1, "ACK");
    bed.serve(B1, &b1, "BYE", 200);
    bed.settle();
}

#[test]
fn where_503_stops_no_other_place_is_asked() {
    let mut bed = bed("failover = { stop = [503] }");
    let mut a = call(&mut bed);
    let at_b1 = bed.expect(B1, "INVITE");
    let b1 = bed.callee(B1, &at_b1);
    bed.send(B1, &b1.reply(&at_b1, 503, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "503 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B2, 1000);
    bed.settle_one();
}

#[test]
fn retry_after_is_the_places_own() {
    let mut bed = bed("");
    let a = call(&mut bed);
    let at_b1 = bed.expect(B1, "INVITE");
    let b1 = bed.callee(B1, &at_b1);
    let refusal = b1.reply(&at_b1, 503, None).with("Retry-After", "60");
    bed.send(B1, &refusal);
    bed.expect(B1, "ACK");
    second_place_takes(&mut bed, a, 500);
    bed.wait(50_000);
    let a = call(&mut bed);
    second_place_takes(&mut bed, a, 500);
    bed.quiet(B1, 100);
    bed.wait(15_000);
    let mut a = call(&mut bed);
    let at_b1 = bed.expect(B1, "INVITE");
    let b1 = bed.callee(B1, &at_b1);
    bed.send(B1, &b1.reply(&at_b1, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle();
}
