//! What applications say of calls: the last word, beside the records, whoever writes meanwhile.

use super::*;
use records::{Feedbacks, Filter};
use switch::record::FeedbackRecord;

fn said(score: u8) -> FeedbackRecord {
    FeedbackRecord {
        given_ms: 1_800_000_000_000,
        score: Some(score),
        issues: vec!["choppy".to_owned(), "echo".to_owned()],
        comment: Some("in the \"lift\"".to_owned()),
    }
}

#[test]
fn the_last_word_on_a_call_is_kept_and_shown_with_its_record() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    let mut feedbacks = Feedbacks::open(&directory.database()).unwrap();
    let id = samples::record(1).id;
    // While the call is up; then once more.
    assert_eq!(feedbacks.put(&id, &said(5)).unwrap(), None);
    assert_eq!(feedbacks.put(&id, &said(2)).unwrap(), Some(said(5)));
    assert_eq!(feedbacks.get(&id).unwrap(), Some(said(2)));
    assert_eq!(feedbacks.get("nobody").unwrap(), None);
    for n in [1, 2] {
        let record = Box::new(samples::record(n));
        assert_eq!(open.run(Job::Final { ticket: n, record }), stored(n));
    }
    open.store.close();
    let records = Reader::open(&directory.database())
        .unwrap()
        .query(&Filter::default())
        .unwrap();
    let shown: Vec<Option<FeedbackRecord>> = records
        .into_iter()
        .map(|record| record.feedback.map(|said| *said))
        .collect();
    assert_eq!(shown, [None, Some(said(2))]);
}
