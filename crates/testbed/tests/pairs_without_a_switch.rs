//! Each pair of scenarios that can do without a switch works by itself: what fails with one is then the switch's doing.

use std::io;
use std::net::SocketAddr;
use testbed::{Places, Scenario};

const PAIRS: &[(&str, &str)] = &[
    ("uac_basic", "uas_basic"),
    ("uac_basic", "uas_answer"),
    ("uac_wait_bye", "uas_bye"),
    ("uac_cancel_trying", "uas_trying_forever"),
    ("uac_cancel_ringing", "uas_ring_forever"),
    ("uac_refused_302", "uas_refuse_302"),
    ("uac_refused_486", "uas_ring_refuse_486"),
    ("uac_refused_603", "uas_refuse_603"),
    ("uac_early_media", "uas_early_media"),
    ("uac_early_media_refused", "uas_early_media_refused"),
    ("uac_no_sdp", "uas_no_sdp"),
    ("uac_hold", "uas_held"),
    ("uac_held", "uas_hold"),
    ("uac_move", "uas_moved"),
    ("uac_moved", "uas_move"),
    ("uac_lost_ack", "uas_basic"),
    ("uac_compact", "uas_basic"),
    ("uac_long", "uas_basic"),
    ("uac_rtp", "uas_basic"),
    ("uac_options", "uas_options"),
];

fn play(uac: (&str, SocketAddr), uas: (&str, SocketAddr)) -> io::Result<()> {
    let dir = std::env::temp_dir().join(format!("tandem-pair-{}", uac.1).replace([':', '[', ']'], "-"));
    std::fs::create_dir_all(&dir)?;
    let carrier = Scenario::new(uas.0, uas.1, uac.1).audio_port(30_000).start(&dir);
    let caller = Scenario::new(uac.0, uac.1, uas.1).start(&dir);
    caller.wait().assert_all(1);
    carrier.wait().assert_all(1);
    std::fs::remove_dir_all(&dir)
}

#[test]
fn caller_and_carrier_understand_each_other() {
    std::thread::scope(|scope| {
        for (uac, uas) in PAIRS {
            scope.spawn(move || {
                let places = Places::v4();
                play((uac, places.a), (uas, places.b1)).unwrap();
            });
        }
    });
}

#[test]
fn they_do_so_over_ipv6() {
    let places = Places::v6();
    play(("uac_basic", places.a), ("uas_basic", places.b1)).unwrap();
}
