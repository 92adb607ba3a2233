//! Calls to emergency services: where they go, and what does not keep them from it.

use testkit::bed::{A, B1, B2, Bed, config};
use testkit::{Party, Sip};

/// B2 takes emergency calls; B1 is the carrier for the rest.
const ROUTE: &str = "[emergency]\ncountry = \"GB\"\n[[emergency.route]]\nto = \"b2\"\n";

fn bed(changes: &[(&str, &str)], more: &str) -> Bed {
    Bed::with(&format!("{}\n{ROUTE}{more}\n", config(changes)))
}

fn dial(bed: &mut Bed, number: &str) -> Party {
    let mut a = bed.caller(number);
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    a
}

/// The call is taken at this place, and hung up by the caller.
fn taken(bed: &mut Bed, at: &str, a: &mut Party) -> Sip {
    let at_b = bed.expect(at, "INVITE");
    let b = bed.callee(at, &at_b);
    bed.send(at, &Bed::answer_of(at, &b, &at_b));
    bed.expect(at, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(at, &b, "BYE", 200);
    bed.expect(A, "200 BYE");
    at_b
}

fn refuse(bed: &mut Bed, at: &str, status: u16) {
    let at_b = bed.expect(at, "INVITE");
    let b = bed.callee(at, &at_b);
    bed.send(at, &b.reply(&at_b, status, None));
    bed.expect(at, "ACK");
}

fn refused(bed: &mut Bed, a: &mut Party, status: u16) {
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

#[test]
fn an_emergency_call_goes_its_own_way_and_is_told_of() {
    let mut bed = bed(&[("name = \"b2\"", "number_format = \"e164\"")], "");
    for (dialled, called) in [("112", "112"), ("999", "999"), ("+44999", "999")] {
        let mut a = dial(&mut bed, dialled);
        let at_b = taken(&mut bed, B2, &mut a);
        assert_eq!(
            at_b.uri(),
            format!("sip:{called}@127.0.0.21:5081"),
            "in no trunk's format"
        );
        assert_eq!(at_b.need("To"), format!("<sip:{called}@127.0.0.21:5081>"));
    }
    let counted = bed.world.switch().gauges().counters;
    assert_eq!((counted.emergency_calls, counted.emergency_failed), (3, 0));
    for record in bed.settle() {
        assert!(record.emergency && record.answered_ms.is_some());
        assert!(
            record.decision[0].contains("emergency routes"),
            "{:?}",
            record.decision
        );
    }
}

#[test]
fn the_urn_of_emergency_services_is_a_number_of_them() {
    let mut bed = bed(&[], "");
    let mut a = bed.caller("x");
    a.target = "urn:service:sos.fire".to_owned();
    a.remote = "<urn:service:sos.fire>".to_owned();
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b = taken(&mut bed, B2, &mut a);
    assert_eq!(at_b.uri(), "sip:999@127.0.0.21:5081");
    let record = bed.settle_one();
    assert_eq!(record.dialled.as_deref(), Some("urn:service:sos.fire"));
    assert!(record.emergency);
}

#[test]
fn where_the_caller_is_crosses_whatever_the_trunks_let_through() {
    let mut bed = bed(&[], "");
    let mut a = bed.caller("112");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with("Geolocation", "<cid:1@a>, <https://lis.example.com/1>")
        .with("Geolocation-Routing", "yes")
        .with("Priority", "emergency")
        .with("X-Other", "1");
    bed.send(A, &invite);
    let at_b = taken(&mut bed, B2, &mut a);
    for name in ["Geolocation", "Geolocation-Routing", "Priority"] {
        assert_eq!(at_b.all(name).collect::<Vec<_>>(), [invite.need(name)], "{name}");
    }
    assert_eq!(at_b.get("X-Other"), None);
    bed.settle_one();
    // With any other call nothing of it crosses.
    let mut bed = self::bed(&[], "");
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    let invite = invite.with("Geolocation", "<cid:1@a>");
    bed.send(A, &invite);
    assert_eq!(taken(&mut bed, B1, &mut a).get("Geolocation"), None);
    bed.settle_one();
}

#[test]
fn a_header_that_is_passed_anyhow_is_passed_once() {
    let passes = ("name = \"b2\"", "pass_headers = [\"Geolocation\"]");
    let mut bed = bed(&[passes], "");
    let mut a = bed.caller("112");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    let invite = invite.with("Geolocation", "<cid:1@a>");
    bed.send(A, &invite);
    assert_eq!(taken(&mut bed, B2, &mut a).all("Geolocation").count(), 1);
    bed.settle_one();
}

/// What keeps a customer's other calls away does not keep these.
#[test]
fn no_limit_of_a_customers_holds() {
    for (changes, kept) in [
        (&[("name = \"pbx\"", "max_calls = 1")][..], 503),
        (&[("name = \"pbx\"", "max_cps = 0.1")], 503),
        (&[("name = \"pbx\"", "destinations = { deny = [\"*\"] }")], 403),
        (&[("name = \"pbx\"", "drain = true")], 503),
        (&[("name = \"pbx\"", "screening = { allowed = [\"+1\"] }")], 403),
        (
            &[
                ("name = \"pbx\"", "class = \"none\""),
                ("[[class]]", "name = \"none\"\nexcluded = [\"b1\", \"b2\"]"),
            ],
            404,
        ),
        (&[("[sip]", "max_calls = 1")], 503),
    ] {
        let mut bed = bed(changes, "");
        let mut first = dial(&mut bed, "+4420");
        let up = match bed.next_of(&[A, B1]) {
            (B1, at_b) => {
                let b = bed.callee(B1, &at_b);
                bed.send(B1, &b.reply(&at_b, 180, None));
                bed.expect(A, "180 INVITE");
                Some((b, at_b))
            }
            (_, refusal) => {
                let ack = first.ack(&refusal);
                bed.send(A, &ack);
                None
            }
        };
        if up.is_some() {
            let mut second = dial(&mut bed, "+4420");
            refused(&mut bed, &mut second, kept);
        }
        let mut a = dial(&mut bed, "112");
        let at_b = taken(&mut bed, B2, &mut a);
        assert_eq!(at_b.uri(), "sip:112@127.0.0.21:5081", "{changes:?}");
        if let Some((b, at_b)) = up {
            bed.send(B1, &b.reply(&at_b, 486, None));
            bed.expect(B1, "ACK");
            refused(&mut bed, &mut first, 486);
        }
        let records = bed.settle();
        assert_eq!(
            records.iter().filter(|record| record.emergency).count(),
            1,
            "{changes:?}"
        );
    }
}

/// Requests beyond `max_rps` are refused; these are not.
#[test]
fn the_pace_of_a_customers_requests_does_not_hold() {
    let mut bed = bed(&[("name = \"pbx\"", "max_rps = 1")], "");
    for _ in 0..8 {
        let mut a = bed.caller("+4420");
        let options = a.request("OPTIONS");
        bed.send(A, &options);
    }
    bed.wait(10);
    let refused = bed.drain(A).iter().filter(|(_, sip)| sip.status() == 503).count();
    assert!(refused > 0);
    let mut a = dial(&mut bed, "112");
    taken(&mut bed, B2, &mut a);
    bed.settle();
}

#[test]
fn a_draining_switch_takes_it_still() {
    let mut bed = bed(&[], "");
    bed.world.tell(switch::Input::Drain);
    let mut other = dial(&mut bed, "+4420");
    refused(&mut bed, &mut other, 503);
    let mut a = dial(&mut bed, "112");
    taken(&mut bed, B2, &mut a);
    bed.settle();
}

/// A trunk that is full comes last, and takes the call when there is no other.
#[test]
fn a_trunk_that_is_full_is_passed_over_until_nobody_else_is_left() {
    let full = ("name = \"b2\"", "max_calls = 1");
    let mut bed = bed(&[full], "");
    let mut first = dial(&mut bed, "112");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 180, None));
    bed.expect(A, "180 INVITE");
    let mut a = dial(&mut bed, "112");
    refuse(&mut bed, B1, 503);
    let at_b = taken(&mut bed, B2, &mut a);
    assert_eq!(at_b.uri(), "sip:112@127.0.0.21:5081");
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    // Busy or not, somebody else may answer.
    refuse(&mut bed, B1, 486);
    refused(&mut bed, &mut first, 486);
    let records = bed.settle();
    let tried = |index: usize| {
        records[index]
            .attempts
            .iter()
            .map(|a| a.trunk.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(tried(0), ["b1", "b2"]);
    assert_eq!(tried(1), ["b2", "b1"]);
}

#[test]
fn one_that_nobody_takes_is_told_of() {
    let mut bed = bed(&[], "");
    let mut a = dial(&mut bed, "112");
    refuse(&mut bed, B2, 603);
    refuse(&mut bed, B1, 404);
    let refusal = bed.next(A).1;
    assert!(refusal.status() >= 400, "{}", refusal.write());
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let counted = bed.world.switch().gauges().counters;
    assert_eq!((counted.emergency_calls, counted.emergency_failed), (1, 1));
    // One that its caller gives up is no failure of ours.
    let mut a = dial(&mut bed, "112");
    let at_b = bed.expect(B2, "INVITE");
    let b = bed.callee(B2, &at_b);
    bed.send(B2, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let cancel = a.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    let at_b_cancel = bed.expect(B2, "CANCEL");
    bed.send(B2, &b.reply(&at_b_cancel, 200, None));
    bed.send(B2, &b.reply(&at_b, 487, None));
    bed.expect(B2, "ACK");
    refused(&mut bed, &mut a, 487);
    assert_eq!(bed.world.switch().gauges().counters.emergency_failed, 1);
    bed.settle();
}

#[test]
fn without_a_route_any_carrier_is_asked_and_no_deck() {
    let mut bed = Bed::with(&format!("{}\n", config(&[])));
    let mut a = dial(&mut bed, "112");
    taken(&mut bed, B1, &mut a);
    bed.settle_one();
}

#[test]
fn nobody_is_asked_who_serves_the_number() {
    let mut bed = bed(&[], "[portability]\nurl = \"http://127.0.0.1/{number}\"\n");
    let mut a = dial(&mut bed, "112");
    taken(&mut bed, B2, &mut a);
    assert!(bed.world.lookups.asked.is_empty());
    bed.settle_one();
}

/// From the network such a number is one like any other.
#[test]
fn a_carriers_call_is_none() {
    let mut bed = bed(&[], "[[number]]\nmatch = \"112\"\nto = \"pbx\"\n");
    let rng = bed.world.rng.fork();
    let mut caller = Party::caller(
        testkit::bed::addr(B1),
        bed.world.switch_addr(),
        "+4420",
        "112",
        rng,
    );
    let invite = caller.invite(Some(&Bed::carrier_end(B1).offer("sendrecv")));
    bed.send(B1, &invite);
    let at_a = bed.expect("127.0.0.10:5060", "INVITE");
    let a = bed.callee("127.0.0.10:5060", &at_a);
    bed.send("127.0.0.10:5060", &a.reply(&at_a, 486, None));
    bed.expect("127.0.0.10:5060", "ACK");
    let refusal = bed.expect(B1, "486 INVITE");
    let ack = caller.ack(&refusal);
    bed.send(B1, &ack);
    assert!(!bed.settle_one().emergency);
}
