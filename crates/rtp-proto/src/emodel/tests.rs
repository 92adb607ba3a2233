//! Against the Recommendation's values.

use super::*;

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found}, not {expected}"
    );
}

fn with(change: impl FnOnce(&mut Connection)) -> f64 {
    let mut connection = Connection::default();
    change(&mut connection);
    connection.rating().r
}

#[test]
fn all_defaults_are_93_2_and_4_41() {
    let rating = Connection::default().rating();
    near(rating.r, 93.2, 0.05, "R");
    near(mos(rating.r), 4.41, 0.005, "MOS");
    near(rating.ro, 94.77, 0.01, "Ro");
    near(rating.is, 1.41, 0.01, "Is");
    assert_eq!((rating.idte, rating.idd, rating.ie_eff), (0.0, 0.0, 0.0));
}

/// G.107 table B.1: the limits of the categories of user satisfaction.
#[test]
fn ratings_and_scores_are_those_of_table_b_1() {
    for (r, score) in [
        (90.0, 4.34),
        (80.0, 4.03),
        (70.0, 3.60),
        (60.0, 3.10),
        (50.0, 2.58),
    ] {
        near(mos(r), score, 0.0061, &format!("MOS of {r}"));
    }
    for (r, score) in [(-5.0, 1.0), (0.0, 1.0), (3.0, 1.0), (100.0, 4.5), (120.0, 4.5)] {
        near(mos(r), score, 0.0, &format!("MOS of {r}"));
    }
}

#[test]
fn a_score_leads_back_to_its_rating() {
    for tenth in 65..=1000 {
        let r = f64::from(tenth) / 10.0;
        near(rating_of_mos(mos(r)), r, 0.2, &format!("R of the MOS of {r}"));
    }
    near(rating_of_mos(4.9), 100.0, 0.2, "R of 4.9");
    near(rating_of_mos(0.0), 6.5, 0.2, "R of 0");
    assert!(rating_of_mos(f64::NAN).is_nan());
}

/// The default curve of delay (G.114 figure 1): against the two straight lines that R. Cole and J. Rosenbluth fitted to it ("Voice
/// over IP Performance Monitoring", 2001), and Idd by hand: nothing up to 100 ms; at 200 ms, where X = 1,
/// 25 (2^(1/6) - 3 (1 + 3^-6)^(1/6) + 2).
#[test]
fn delay_costs_what_the_curve_says() {
    for ms in (25..=300).step_by(25).map(f64::from) {
        let lines = 0.024 * ms + 0.11 * (ms - 177.3).max(0.0);
        let r = Connection::default().with_delay(ms).rating().r;
        near(r, 93.2 - lines, 1.2, &format!("R at {ms} ms"));
    }
    let idd = |ta: f64| {
        Connection {
            ta,
            ..Connection::default()
        }
        .rating()
        .idd
    };
    assert_eq!((idd(0.0), idd(100.0)), (0.0, 0.0));
    let by_hand = 25.0 * (2_f64.powf(1.0 / 6.0) - 3.0 * (1.0 + 1.0 / 729.0_f64).powf(1.0 / 6.0) + 2.0);
    near(idd(200.0), by_hand, 1e-9, "Idd at 200 ms");
    near(idd(200.0), 3.04, 0.01, "Idd at 200 ms");
    near(idd(400.0), 24.07, 0.01, "Idd at 400 ms");
}

/// G.113 Appendix I as a table of ratings: default connection, one codec, random loss.
#[test]
fn codecs_and_loss_cost_what_g_113_says() {
    for (what, name, ie, bpl) in [
        ("G.711", "PCMU", 0.0, 25.1),
        ("G.711", "pcma", 0.0, 25.1),
        ("G.729A", "G729", 11.0, 19.0),
        ("G.723.1", "G723", 15.0, 16.1),
        ("GSM-EFR", "GSM-EFR", 5.0, 10.0),
        ("GSM FR", "GSM", 20.0, 10.0),
        ("iLBC", "ILBC", 10.0, 25.1),
        ("Opus", "OPUS", 2.0, 16.0),
        ("G.722", "G722", 0.0, 10.0),
    ] {
        let codec = Codec::named(name).unwrap().impairment();
        assert_eq!((codec.ie, codec.bpl), (ie, bpl), "{what}");
        near(with(|c| c.codec = codec), 93.2 - ie, 0.05, what);
        let lossy = 93.2 - (ie + (95.0 - ie) * 2.0 / (2.0 + bpl));
        near(with(|c| (c.codec, c.ppl) = (codec, 2.0)), lossy, 0.05, what);
    }
    let bare = Impairment { ie: 0.0, bpl: 4.3 };
    near(
        bare.effective(1.0, 1.0),
        17.9,
        0.05,
        "G.711 without concealment, 1 %",
    );
    assert_eq!(Codec::named("telephone-event"), None);
    assert_eq!(Codec::of_payload_type(18), Some(Codec::G729));
    assert_eq!(Codec::of_payload_type(96), None);
}

#[test]
fn loss_in_runs_costs_more_than_at_random() {
    let g729 = Codec::G729.impairment();
    near(g729.effective(2.0, 1.0), 19.0, 0.05, "at random");
    near(g729.effective(2.0, 2.0), 19.4, 0.05, "in runs of two");
    assert!(g729.effective(10.0, 4.0) > g729.effective(10.0, 1.0) + 10.0);
    assert_eq!(g729.effective(0.0, 4.0), 11.0);
}

#[test]
fn every_other_impairment_counts() {
    let plain = Connection::default().rating().r;
    for (what, r, least) in [
        ("a loud circuit", with(|c| c.nc = -50.0), 10.0),
        ("a loud room", with(|c| c.ps = 65.0), 5.0),
        ("a quiet line", with(|c| c.slr = 18.0), 5.0),
        ("echo", with(|c| (c.telr, c.t) = (35.0, 100.0)), 30.0),
        (
            "echo at the listener",
            with(|c| (c.wepl, c.tr) = (10.0, 100.0)),
            10.0,
        ),
        ("quantisation", with(|c| c.qdu = 14.0), 10.0),
        ("too much sidetone", with(|c| c.stmr = 0.0), 5.0),
        ("no sidetone", with(|c| c.stmr = 25.0), 0.5),
    ] {
        assert!(r < plain - least, "{what}: {r}");
    }
    near(with(|c| c.a = 10.0), plain + 10.0, 1e-9, "an advantage");
}
