//! How calls sound, as far as call control has to do with it: what the media plane is told, and what becomes of what it tells.

use std::time::Duration;

use rtp_proto::control::{Event, MediaId, Rtcp, Side};
use rtp_proto::emodel::Codec;
use switch::{CallView, Input};
use testkit::bed::{A, B1, Bed};

fn legs(bed: &Bed) -> [(Rtcp, Option<Codec>); 2] {
    let [a, b] = bed.world.media.legs();
    [(a.rtcp, a.codec), (b.rtcp, b.codec)]
}

/// MR-06.
#[test]
fn mr_06_each_leg_has_its_trunk_s_policy_and_the_codec_of_the_answer() {
    let mut bed = Bed::changed(&[("name = \"b1\"", "rtcp = \"generate\"")]);
    let (mut a, b) = bed.connect();
    assert_eq!(
        legs(&bed),
        [
            (Rtcp::Auto, Some(Codec::G711)),
            (Rtcp::Generate, Some(Codec::G711))
        ]
    );
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

fn view(bed: &Bed) -> CallView {
    let mut calls = bed.world.switch().calls(bed.world.moment());
    calls.pop().unwrap()
}

fn tell(bed: &mut Bed, side: Side, quiet: Option<Duration>) {
    let id = view(bed).id;
    let (_, stream) = bed.world.switch().call(bed.world.moment(), &id).unwrap();
    let id: MediaId = stream.unwrap();
    bed.world.tell(Input::Media(Event::OneWay { id, side, quiet }));
}

fn unheard(bed: &Bed) -> (bool, bool) {
    let view = view(bed);
    (view.from.unheard, view.to.unwrap().unheard)
}

#[test]
fn a_side_that_is_not_heard_is_shown_until_it_is_and_the_call_goes_on() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    assert_eq!(unheard(&bed), (false, false));
    tell(&mut bed, Side::B, Some(Duration::from_secs(4)));
    assert_eq!(unheard(&bed), (false, true));
    tell(&mut bed, Side::B, None);
    tell(&mut bed, Side::A, Some(Duration::from_secs(4)));
    assert_eq!(unheard(&bed), (true, false));
    assert_eq!(bed.world.switch().gauges().counters.one_way, 2);
    bed.quiet(A, 1000);
    bed.quiet(B1, 1000);
    bed.hang_up(&mut a, &b);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "normal");
    assert_eq!(
        (record.mos, record.mos_min),
        (None, None),
        "this media plane rates nothing"
    );
}
