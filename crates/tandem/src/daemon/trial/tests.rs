use super::*;

#[test]
fn a_numbers_end_is_what_all_ways_to_write_it_share() {
    for (number, end) in [
        ("+442079460000", Some("79460000")),
        ("00442079460000", Some("79460000")),
        ("123456", Some("123456")),
        ("12345", None),
        ("alice", None),
    ] {
        assert_eq!(tail(number).as_deref(), end, "{number}");
    }
}

#[test]
fn one_report_of_a_trunk_is_written_at_a_time() {
    let bench = Bench::default();
    let sheet = |trunk: &str| Sheet {
        trunk: trunk.to_owned(),
        reports: Arc::clone(&bench.reports),
        before: None,
    };
    let known = |_: &str| true;
    assert!(sheet("a").open(None, known));
    assert!(!sheet("a").open(None, known));
    assert!(sheet("b").open(None, known));
    sheet("a").write(|report| report.state = TrialState::Done);
    assert!(sheet("a").open(Some("+44"), known));
    assert_eq!(bench.report("a").unwrap().number.as_deref(), Some("+44"));
    // A trunk that is gone takes its report with it, once that is done.
    sheet("b").write(|report| report.state = TrialState::Done);
    assert!(sheet("c").open(None, |name| name == "c"));
    assert!(bench.report("b").is_none() && bench.report("a").is_some());
    // One that is not kept leaves the report before it.
    sheet("c").write(|report| report.state = TrialState::Done);
    let mut again = sheet("c");
    assert!(again.open(Some("+1"), known));
    assert_eq!(bench.report("c").unwrap().number.as_deref(), Some("+1"));
    again.discard();
    assert_eq!(bench.report("c").unwrap().number, None);
}
