//! Redirections by the called side: followed, told, or failures.

use testkit::bed::{A, B1, B2, Bed, X, addr, config};
use testkit::{Party, Sip};

use super::common::{
    DESK, call, cancelled, invited, places, refuse, refused, sent_on, talk, tried, with_desk,
};

/// The desk redirects with these headers.
fn redirect(bed: &mut Bed, (desk, invite): &(Party, Sip), status: u16, headers: &[(&str, &str)]) {
    let mut answer = desk.reply(invite, status, None);
    for (name, value) in headers {
        answer = answer.with(name, *value);
    }
    bed.send(X, &answer);
    bed.expect(X, "ACK");
}

/// A call to the desk, which redirects to this contact.
fn moved(bed: &mut Bed, contact: &str) -> Party {
    let a = call(bed, DESK);
    let desk = invited(bed, X);
    redirect(bed, &desk, 302, &[("Contact", contact)]);
    a
}

/// However it is written: a number is called, as a call of the desk's.
#[test]
fn a_number_that_is_named_is_called() {
    for contact in [
        "<sip:+4930999@127.0.0.1:5060>",
        "<sip:+4930999@127.0.0.1>",
        "<sip:+4930999@127.0.0.66:5066>",
        "<sip:+4930999@pbx.example.com>",
        "<tel:+4930-999>",
        "<sip:+49-30-999@10.0.0.9;user=phone>;expires=60",
    ] {
        let mut bed = with_desk("", "", "");
        let mut a = moved(&mut bed, contact);
        let b1 = invited(&mut bed, B1);
        assert_eq!(b1.1.uri(), "sip:+4930999@127.0.0.20:5080", "{contact}");
        assert_eq!(places(&bed), 3);
        talk(&mut bed, &mut a, B1, &b1);
        let record = bed.settle_one();
        assert_eq!(
            tried(&record),
            [("desk", "redirected", 302), ("b1", "answered", 200)]
        );
        assert_eq!(sent_on(&record)[1], ("+4930999", "redirected"));
        assert_eq!((record.called.as_str(), places(&bed)), (DESK, 0));
        let line = "redirected: on to +4930999 as a call of desk";
        assert!(
            record.decision.iter().any(|other| other == line),
            "{:?}",
            record.decision
        );
    }
}

/// Digits are a number where they are at a place of ours, by whichever name.
#[test]
fn digits_at_a_name_of_ours_are_a_number() {
    for (keys, host, is_number) in [
        ("", "127.0.0.1", true),
        ("from_domain = \"us.example.com\"", "us.example.com", true),
        ("contact_host = \"us.example.com\"", "US.example.com", true),
        ("", "us.example.com", false),
        ("from_domain = \"us.example.com\"", "them.example.com", false),
    ] {
        let mut bed = with_desk("", keys, "");
        let mut a = moved(&mut bed, &format!("<sip:4930999@{host}>"));
        if is_number {
            let b1 = invited(&mut bed, B1);
            assert_eq!(b1.1.uri(), "sip:4930999@127.0.0.20:5080");
            talk(&mut bed, &mut a, B1, &b1);
        } else {
            refused(&mut bed, &mut a, 480);
        }
        bed.settle_one();
    }
}

/// Nothing is ever sent to where a stranger says.
#[test]
fn an_address_that_is_not_ours_to_call_is_not_called() {
    for contact in [
        "<sip:bob@127.0.0.99:5099>",
        "<sip:127.0.0.99>",
        "<sip:4930999@127.0.0.99>",
        "<sip:+4930999@127.0.0.1;method=MESSAGE>",
        "<http://127.0.0.99/>",
        "<mailto:bob@example.com>",
        "<sip:+49x@127.0.0.99>",
    ] {
        let mut bed = with_desk("", "", "");
        let mut a = moved(&mut bed, contact);
        let refusal = bed.expect(A, "480 INVITE");
        assert_eq!(refusal.get("Contact"), None);
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        for at in [B1, B2, "127.0.0.99:5099", "127.0.0.99:5060"] {
            bed.quiet(at, 100);
        }
        let record = bed.settle_one();
        assert_eq!((record.cause.sip, record.attempts.len()), (480, 1), "{contact}");
    }
}

/// By preference; each next when the one before has failed, but not behind a word for the user.
#[test]
fn several_contacts_have_their_turns() {
    let contacts = "<sip:+4930001@127.0.0.1>;q=0.2, <sip:+4930002@127.0.0.1>;q=0.9, <sip:+4930003@127.0.0.1>";
    for (second, last) in [(486, true), (603, false)] {
        let mut bed = with_desk("", "", "");
        let mut a = moved(&mut bed, contacts);
        let b1 = invited(&mut bed, B1);
        assert!(b1.1.uri().contains("+4930003@"));
        refuse(&mut bed, B1, &b1, 486);
        let b1 = invited(&mut bed, B1);
        assert!(b1.1.uri().contains("+4930002@"));
        refuse(&mut bed, B1, &b1, second);
        if last {
            let b1 = invited(&mut bed, B1);
            assert!(b1.1.uri().contains("+4930001@"));
            refuse(&mut bed, B1, &b1, 404);
        }
        refused(&mut bed, &mut a, second);
        bed.quiet(B1, 100);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), if last { 4 } else { 3 });
        assert_eq!(places(&bed), 0);
    }
}

/// Screened as any call of its: where it may call, and how many it may have.
#[test]
fn whoever_redirects_may_call_there() {
    for (desk, why) in [
        ("destinations = { deny = [\"+4930*\"] }", "not"),
        ("max_cps = 1", "desk may have no more calls"),
    ] {
        let mut bed = with_desk("", desk, "");
        let mut a = moved(&mut bed, "<sip:+4930999@127.0.0.1>");
        refused(&mut bed, &mut a, 480);
        bed.quiet(B1, 100);
        let record = bed.settle_one();
        let line = record
            .decision
            .iter()
            .find(|line| line.contains("redirected: not to"));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{:?}",
            record.decision
        );
    }
}

/// The desk's class is what its redirected calls are planned by.
#[test]
fn the_class_is_whose_call_it_is() {
    let class = "[[class]]\nname = \"second\"\ntrunks = [\"b2\"]";
    let mut bed = with_desk("", "class = \"second\"", class);
    let mut a = moved(&mut bed, "<sip:+4930999@127.0.0.1>");
    let b2 = invited(&mut bed, B2);
    talk(&mut bed, &mut a, B2, &b2);
    bed.settle_one();
}

/// Another of its own places is called as it is, for the same number or one of its own, and that is no diversion.
#[test]
fn a_place_of_its_own_is_called() {
    let two = format!(
        "[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.66/32\"]\n\
         targets = [{{ uri = \"sip:{X}\" }}, {{ uri = \"sip:127.0.0.67:5067\", priority = 2 }}]\nidentity = {{ diversion = \"diversion\" }}\n\
         [[number]]\nmatch = \"+44207183875*\"\nto = \"desk\"\n"
    );
    for (contact, uri, diverted) in [
        ("<sip:127.0.0.67:5067>", DESK, false),
        ("<sip:+442071838750@127.0.0.67:5067>", DESK, false),
        ("<sip:bob@127.0.0.67:5067>", "bob", true),
        ("<sip:+442071838759@127.0.0.67:5067>", "+442071838759", true),
    ] {
        let mut bed = Bed::with(&format!("{}\n{two}", testkit::bed::CONFIG));
        let mut a = moved(&mut bed, contact);
        let other = "127.0.0.67:5067";
        let there = invited(&mut bed, other);
        assert_eq!(there.1.uri(), format!("sip:{uri}@127.0.0.67:5067"));
        assert_eq!(there.1.get("Diversion").is_some(), diverted, "{contact}");
        talk(&mut bed, &mut a, other, &there);
        assert_eq!(bed.settle_one().attempts.len(), 2);
    }
}

/// It sends the call to itself for the same number: once.
#[test]
fn a_circle_is_not_followed() {
    for contact in [
        format!("<sip:{DESK}@127.0.0.1>"),
        format!("<sip:{DESK}@127.0.0.1>, <tel:{DESK}>"),
    ] {
        let mut bed = with_desk("", "", "");
        let mut a = moved(&mut bed, &contact);
        refused(&mut bed, &mut a, 480);
        bed.quiet(X, 100);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), 1);
        assert!(
            record
                .decision
                .iter()
                .any(|line| line.contains("it was there before"))
        );
    }
    // To its own place: there it may be asked once more.
    let mut bed = with_desk("", "", "");
    let mut a = moved(&mut bed, &format!("<sip:{DESK}@{X}>"));
    let again = invited(&mut bed, X);
    redirect(
        &mut bed,
        &again,
        302,
        &[("Contact", &format!("<sip:{DESK}@{X}>"))],
    );
    refused(&mut bed, &mut a, 480);
    bed.quiet(X, 100);
    assert_eq!(bed.settle_one().attempts.len(), 2);
}

/// Why, in the words of its own Diversion; else of its own will, while it rang or from the beginning.
#[test]
fn the_diversion_is_told_as_it_was_given() {
    let own = "<sip:+442071838750@127.0.0.66>;reason=do-not-disturb";
    let hidden = "<sip:+442071838750@127.0.0.66>;reason=user-busy;privacy=full";
    for (rings, given, told) in [
        (
            false,
            None,
            "<sip:+442071838750@127.0.0.1:5060>;reason=unconditional;privacy=off",
        ),
        (
            true,
            None,
            "<sip:+442071838750@127.0.0.1:5060>;reason=deflection;privacy=off",
        ),
        (
            false,
            Some(own),
            "<sip:+442071838750@127.0.0.1:5060>;reason=do-not-disturb;privacy=off",
        ),
        (
            true,
            Some(hidden),
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>;reason=user-busy;privacy=full",
        ),
    ] {
        let mut bed = with_desk("", "", "");
        let base = config(&[("name = \"b1\"", "identity = { diversion = \"diversion\" }")]);
        bed.reload(&format!(
            "{base}\n[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.66/32\"]\n\
             targets = [{{ uri = \"sip:{X}\" }}]\n[[number]]\nmatch = \"{DESK}\"\nto = \"desk\"\n"
        ));
        let mut a = call(&mut bed, DESK);
        let desk = invited(&mut bed, X);
        if rings {
            bed.send(X, &desk.0.reply(&desk.1, 180, None));
            bed.expect(A, "180 INVITE");
        }
        let mut headers = vec![("Contact", "<sip:+4930999@127.0.0.1>")];
        headers.extend(given.map(|given| ("Diversion", given)));
        redirect(&mut bed, &desk, 302, &headers);
        let b1 = invited(&mut bed, B1);
        assert_eq!(b1.1.get("Diversion"), Some(told));
        talk(&mut bed, &mut a, B1, &b1);
        bed.settle_one();
    }
}

/// Proxies and other services are not followed; nor is anything where the keys say so.
#[test]
fn what_is_not_to_be_followed_is_a_failure_or_told() {
    for (status, keys, heard, next) in [
        (305, "", 480, true),
        (380, "", 480, true),
        (302, "redirects = \"refuse\"", 480, true),
        (302, "redirects = \"pass\"", 302, false),
        (301, "redirects = \"pass\"", 301, false),
        (302, "failover = { stop = [302] }", 302, false),
        (
            302,
            "redirects = \"refuse\"\nfailover = { stop = [302] }",
            480,
            false,
        ),
        (302, "failover = { advance = [302] }", 480, true),
    ] {
        let more = "[[number]]\nmatch = \"+442079460000\"\nto = [\"desk\", \"b2\"]";
        let mut bed = with_desk("", keys, more);
        let mut a = call(&mut bed, "+442079460000");
        let desk = invited(&mut bed, X);
        redirect(
            &mut bed,
            &desk,
            status,
            &[("Contact", "<sip:+4930999@127.0.0.66>")],
        );
        if next {
            let b2 = invited(&mut bed, B2);
            refuse(&mut bed, B2, &b2, 480);
        }
        let refusal = bed.expect(A, &format!("{heard} INVITE"));
        let contact = (heard < 400).then_some("sip:+4930999@127.0.0.1:5060");
        assert_eq!(refusal.contact(), contact, "{status} {keys}");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.quiet(B1, 100);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), if next { 2 } else { 1 }, "{status} {keys}");
    }
}

/// A carrier that may send calls elsewhere may send them to our numbers, and never to another carrier.
#[test]
fn a_carriers_redirection_is_no_transit() {
    let base = config(&[("name = \"b1\"", "redirects = \"follow\"")]);
    let desk = format!(
        "[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.66/32\"]\ntargets = [{{ uri = \"sip:{X}\" }}]\n\
         [[number]]\nmatch = \"{DESK}\"\nto = \"desk\"\n"
    );
    for (contact, ours) in [(DESK, true), ("+4930999", false)] {
        let mut bed = Bed::with(&format!("{base}\n{desk}"));
        let mut a = call(&mut bed, "+442079460000");
        let b1 = invited(&mut bed, B1);
        let answer = b1.0.reply(&b1.1, 302, None);
        bed.send(B1, &answer.with("Contact", format!("<sip:{contact}@127.0.0.1>")));
        bed.expect(B1, "ACK");
        if ours {
            let at_desk = invited(&mut bed, X);
            talk(&mut bed, &mut a, X, &at_desk);
        } else {
            let b2 = invited(&mut bed, B2);
            assert!(
                b2.1.uri().contains("+442079460000"),
                "the next for the number itself"
            );
            refuse(&mut bed, B2, &b2, 486);
            refused(&mut bed, &mut a, 486);
        }
        bed.settle_one();
    }
}

/// Where the number's owner has sent its calls nobody answers: its number's backups are next.
#[test]
fn the_numbers_backups_stand_behind_its_redirection() {
    let mut bed = with_desk("on_busy = { trunk = \"b2\", number = \"vm\" }", "", "");
    let mut a = moved(&mut bed, "<sip:+4930001@127.0.0.1>, <sip:+4930002@127.0.0.1>");
    for number in ["+4930001", "+4930002"] {
        let b1 = invited(&mut bed, B1);
        assert!(b1.1.uri().contains(number));
        refuse(&mut bed, B1, &b1, 486);
    }
    let vm = invited(&mut bed, B2);
    assert_eq!(vm.1.uri(), "sip:vm@127.0.0.21:5081");
    talk(&mut bed, &mut a, B2, &vm);
    let record = bed.settle_one();
    let expected = [
        ("", ""),
        ("+4930001", "redirected"),
        ("+4930002", "redirected"),
        ("vm", "busy"),
    ];
    assert_eq!(sent_on(&record), expected);
}

/// The place that a way has is given back when the next way is taken.
#[test]
fn places_are_of_the_way_that_is_taken() {
    let mut bed = with_desk("", "", "");
    let mut a = moved(&mut bed, "<sip:+4930001@127.0.0.1>, <sip:+4930002@127.0.0.1>");
    let b1 = invited(&mut bed, B1);
    assert_eq!(places(&bed), 3);
    refuse(&mut bed, B1, &b1, 486);
    let b1 = invited(&mut bed, B1);
    assert_eq!(places(&bed), 3);
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.expect(A, "180 INVITE");
    super::common::gives_up(&mut bed, &mut a);
    cancelled(&mut bed, B1, &b1);
    assert_eq!(places(&bed), 0);
    bed.settle_one();
}

/// A telephone that has registered sends its calls to a number, alone and beside another.
#[test]
fn a_registered_telephones_redirection_is_followed() {
    for phones in [1, 2] {
        let mut bed = Bed::with(&format!(
            "{}\n[[trunk]]\nname = \"phones\"\nrole = \"customer\"\nusers = [{{ username = \"alice\", password = \"secret\" }}]\n",
            testkit::bed::CONFIG
        ));
        let switch = bed.world.switch_addr();
        for n in 0..phones {
            let rng = bed.world.rng.fork();
            let mut alice = Party::caller(addr(X), switch, "alice", "alice", rng);
            let contact = format!("<sip:alice{n}@{X}>");
            register(&mut bed, &mut alice, &contact);
        }
        let mut a = call(&mut bed, "alice");
        let legs: Vec<_> = (0..phones).map(|_| invited(&mut bed, X)).collect();
        for (n, phone) in legs.into_iter().enumerate() {
            if n == 0 {
                redirect(&mut bed, &phone, 302, &[("Contact", "<sip:+4930999@127.0.0.1>")]);
            } else {
                refuse(&mut bed, X, &phone, 486);
            }
        }
        let b1 = invited(&mut bed, B1);
        assert_eq!(b1.1.uri(), "sip:+4930999@127.0.0.20:5080");
        talk(&mut bed, &mut a, B1, &b1);
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), phones + 1);
        assert_eq!(sent_on(&record)[phones], ("+4930999", "redirected"));
    }
}

fn register(bed: &mut Bed, alice: &mut Party, contact: &str) {
    let asked = |alice: &mut Party| {
        let request = alice.request("REGISTER");
        request.with("Contact", contact).with("Expires", "600")
    };
    let first = asked(alice);
    bed.send(X, &first);
    let challenge = bed.expect(X, "401 REGISTER");
    let again = asked(alice);
    let value = challenge.need("WWW-Authenticate");
    let credentials = testkit::answer(value, "REGISTER", again.uri(), "alice", "secret");
    bed.send(X, &again.with("Authorization", credentials));
    bed.expect(X, "200 REGISTER");
}
