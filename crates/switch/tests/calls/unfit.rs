//! Offers that can't be made to a trunk: the next is asked, and the record says why.

use switch::record::HungUpBy;
use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, sdp};

const G729: &[(u8, &str)] = &[(18, "G729/8000")];
/// Takes nothing that G.729 could become.
const PCMA: &str = "codecs = [\"PCMA\"]";
const NO_CODEC: &str = "not offered: no codec that both trunks take, and none to convert";

/// The bed with these keys in the trunks, and what the caller offers there.
fn dial(pbx: &str, b1: &str, b2: &str, offer: &str) -> (Bed, Party) {
    let mut bed = Bed::changed(&[
        ("name = \"pbx\"", pbx),
        ("name = \"b1\"", b1),
        ("name = \"b2\"", b2),
    ]);
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(offer));
    bed.send(A, &invite);
    (bed, a)
}

fn g729() -> String {
    let mut end = Bed::caller_end();
    end.codecs = G729.to_vec();
    end.offer("sendrecv")
}

fn fax() -> String {
    "v=0\r\no=a 1 1 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\nm=image 20020 udptl t38\r\n"
        .to_owned()
}

fn refused(bed: &mut Bed, a: &mut Party, status: u16) {
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

/// One carrier's policy is no word on the call: the other may take it, even where only one attempt may be made.
#[test]
fn the_next_trunk_is_asked_where_one_can_be_offered_nothing() {
    let encrypted = "not offered: srtp is required, and this has none";
    for (pbx, b1, offer, reason) in [
        ("", PCMA, g729(), NO_CODEC),
        ("", "srtp = \"required\"", fax(), encrypted),
        ("failover = { attempts = 1 }", PCMA, g729(), NO_CODEC),
        (
            "",
            "codecs = [\"PCMA\"]\nfailover = { stop = [488] }",
            g729(),
            NO_CODEC,
        ),
    ] {
        let (mut bed, mut a) = dial(pbx, b1, "", &offer);
        let at_b2 = bed.expect(B2, "INVITE");
        assert_eq!(sdp::live(at_b2.sdp().unwrap()).formats, sdp::live(&offer).formats);
        let b2 = bed.callee(B2, &at_b2);
        bed.send(B2, &b2.reply(&at_b2, 486, None));
        bed.expect(B2, "ACK");
        refused(&mut bed, &mut a, 486);
        bed.quiet(B1, 10);
        let record = bed.settle_one();
        let tried = record.attempts.iter();
        let tried: Vec<_> = tried
            .map(|a| (a.trunk.as_str(), a.outcome.as_str(), a.sip))
            .collect();
        assert_eq!(tried, [("b1", "incompatible", 488), ("b2", "refused", 486)]);
        assert_eq!(record.attempts[0].call_id, "", "no INVITE was sent");
        let line = format!("b1: {reason}");
        assert!(record.decision.contains(&line), "{:?}", record.decision);
        assert_eq!(
            (record.cause.kind.as_str(), record.hung_up_by),
            ("busy", HungUpBy::Called)
        );
    }
}

#[test]
fn where_no_trunk_is_left_the_refusal_is_ours() {
    let (mut bed, mut a) = dial("", PCMA, PCMA, &g729());
    refused(&mut bed, &mut a, 488);
    for carrier in [B1, B2] {
        bed.quiet(carrier, 10);
    }
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.sip),
        ("incompatible", 488)
    );
    assert_eq!((record.hung_up_by, record.attempts.len()), (HungUpBy::Switch, 2));
    let told = record.decision.iter().filter(|line| line.ends_with(NO_CODEC));
    assert_eq!(told.count(), 2);
}

/// What a carrier that was asked has said is what the caller hears.
#[test]
fn a_trunk_that_was_asked_has_more_to_say_than_one_that_was_not() {
    for status in [503, 404, 500] {
        let (mut bed, mut a) = dial("", PCMA, "", &g729());
        let at_b2 = bed.expect(B2, "INVITE");
        let b2 = bed.callee(B2, &at_b2);
        bed.send(B2, &b2.reply(&at_b2, status, None));
        bed.expect(B2, "ACK");
        refused(&mut bed, &mut a, status);
        assert_ne!(bed.settle_one().cause.kind, "incompatible");
    }
}

/// What the caller's own trunk does not let it have is nothing for anybody: no carrier is tried.
#[test]
fn an_offer_that_its_own_trunk_forbids_is_refused_at_once() {
    let (mut bed, mut a) = dial(
        "srtp = \"required\"",
        "",
        "",
        &Bed::caller_end().offer("sendrecv"),
    );
    refused(&mut bed, &mut a, 488);
    for carrier in [B1, B2] {
        bed.quiet(carrier, 10);
    }
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.cause.sip),
        ("unusable-offer", 488)
    );
    assert_eq!((record.hung_up_by, record.attempts.len()), (HungUpBy::Switch, 0));
    let reason = "pbx: refused: no stream that is relayed, under the srtp of its own trunk";
    assert_eq!(record.decision.last().map(String::as_str), Some(reason));
}
