//! What these tests share.

use switch::record::CallRecord;
use testkit::bed::{A, Bed, X};
use testkit::{Party, Sip};

/// The number that the desk at X has.
pub(super) const DESK: &str = "+442071838750";

/// The bed with a desk at X that gets the calls to [`DESK`], whose rule has these keys, and with more lines.
pub(super) fn with_desk(rule: &str, desk: &str, more: &str) -> Bed {
    Bed::with(&format!(
        "{}\n[[trunk]]\nname = \"desk\"\nrole = \"customer\"\nsources = [\"127.0.0.66/32\"]\n\
         targets = [{{ uri = \"sip:{X}\" }}]\n{desk}\n\
         [[number]]\nmatch = \"{DESK}\"\nto = \"desk\"\n{rule}\n{more}",
        testkit::bed::CONFIG
    ))
}

/// A calls a number with an offer.
pub(super) fn call(bed: &mut Bed, number: &str) -> Party {
    let mut a = bed.caller(number);
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    a
}

/// The INVITE that has come to a peer, with who has it: it works on it.
pub(super) fn invited(bed: &mut Bed, at: &str) -> (Party, Sip) {
    let leg = asked(bed, at);
    bed.send(at, &leg.0.reply(&leg.1, 100, None));
    leg
}

/// The same, and nothing comes back yet.
pub(super) fn asked(bed: &mut Bed, at: &str) -> (Party, Sip) {
    let invite = bed.expect(at, "INVITE");
    (bed.callee(at, &invite), invite)
}

/// The caller hears nothing but that its call is being worked on.
pub(super) fn hears_nothing(bed: &mut Bed, ms: u64) {
    bed.wait(ms);
    let heard = bed.drain(A);
    assert!(
        heard.iter().all(|(_, sip)| sip.status() == 100),
        "{}",
        bed.story()
    );
}

/// A peer refuses its INVITE.
pub(super) fn refuse(bed: &mut Bed, at: &str, (party, invite): &(Party, Sip), status: u16) {
    bed.send(at, &party.reply(invite, status, None));
    bed.expect(at, "ACK");
}

/// A peer gets a CANCEL and does as it says; gives the CANCEL.
pub(super) fn cancelled(bed: &mut Bed, at: &str, (party, invite): &(Party, Sip)) -> Sip {
    let cancel = bed.serve(at, party, "CANCEL", 200);
    bed.send(at, &party.reply(invite, 487, None));
    bed.expect(at, "ACK");
    cancel
}

/// A peer answers, A is connected to it, and hangs up.
pub(super) fn talk(bed: &mut Bed, a: &mut Party, at: &str, (party, invite): &(Party, Sip)) {
    bed.send(at, &Bed::answer_of(at, party, invite));
    bed.expect(at, "ACK");
    connected(bed, a);
    hang_up(bed, a, at, party);
}

/// A has its 200.
pub(super) fn connected(bed: &mut Bed, a: &mut Party) {
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(20);
}

/// A hangs up.
pub(super) fn hang_up(bed: &mut Bed, a: &mut Party, at: &str, party: &Party) {
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(at, party, "BYE", 200);
    bed.expect(A, "200 BYE");
}

/// A is refused.
pub(super) fn refused(bed: &mut Bed, a: &mut Party, status: u16) {
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

/// A gives up.
pub(super) fn gives_up(bed: &mut Bed, a: &mut Party) {
    let cancel = a.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    refused(bed, a, 487);
}

/// What became of each attempt: trunk, word, status.
pub(super) fn tried(record: &CallRecord) -> Vec<(&str, &str, u16)> {
    let all = record.attempts.iter();
    all.map(|one| (one.trunk.as_str(), one.outcome.as_str(), one.sip))
        .collect()
}

/// Where each attempt was sent on to, and why.
pub(super) fn sent_on(record: &CallRecord) -> Vec<(&str, &str)> {
    let all = record.attempts.iter();
    all.map(|one| {
        (
            one.called.as_deref().unwrap_or_default(),
            one.why.as_deref().unwrap_or_default(),
        )
    })
    .collect()
}

/// Places on trunks that are taken.
pub(super) fn places(bed: &Bed) -> usize {
    bed.world.switch().gauges().permits
}
