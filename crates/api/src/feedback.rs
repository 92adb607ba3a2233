//! `POST /v1/calls/{id}/feedback`: how a call was, by whoever had it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use switch::record::FeedbackRecord;

use crate::backend::Backend;
use crate::problem::Problem;

/// Issues of one call.
const MOST_ISSUES: usize = 16;
/// Characters of an issue.
const LONGEST_ISSUE: usize = 40;
/// Characters of a comment.
const LONGEST_COMMENT: usize = 1000;

/// What is said of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackWish {
    /// From 1, bad, to 5.
    pub score: Option<u8>,
    /// What was wrong, each in a word or two.
    #[serde(default)]
    pub issues: Vec<String>,
    /// More about it.
    pub comment: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It is kept, the first word on this call.
    First(FeedbackRecord),
    /// It is kept in place of what was said before.
    Again(FeedbackRecord),
    /// The call is up and nobody has answered it yet.
    Unanswered,
    /// The call has been over for too long: for so many hours at most it is taken.
    Late(u64),
    /// There is no such call.
    Unknown,
}

impl FeedbackWish {
    /// The same in the form that is kept: issues in small letters with `-` between words, each once.
    fn tidy(mut self) -> Result<Self, String> {
        if self.score.is_none() && self.issues.is_empty() && self.comment.is_none() {
            return Err("say at least one of score, issues and comment".to_owned());
        }
        if let Some(score) = self.score.filter(|score| !(1..=5).contains(score)) {
            return Err(format!("score: {score} is none; write 1 (bad) to 5 (good)"));
        }
        if self.issues.len() > MOST_ISSUES {
            return Err(format!(
                "issues: {} are too many; write {MOST_ISSUES} at most",
                self.issues.len()
            ));
        }
        let mut issues: Vec<String> = Vec::new();
        for issue in &self.issues {
            let issue = word(issue)?;
            if !issues.contains(&issue) {
                issues.push(issue);
            }
        }
        self.issues = issues;
        if let Some(comment) = &self.comment {
            let fits = (1..=LONGEST_COMMENT).contains(&comment.chars().count());
            let control = |c: char| c.is_control() && c != '\n';
            if !fits || comment.chars().any(control) {
                return Err(format!(
                    "comment: write 1 to {LONGEST_COMMENT} characters, none of them a control character but line ends"
                ));
            }
        }
        Ok(self)
    }
}

/// An issue as it is kept.
fn word(issue: &str) -> Result<String, String> {
    let lower = issue.trim().to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || c == '-';
    let word: String = lower
        .chars()
        .map(|c| if c == ' ' || c == '_' { '-' } else { c })
        .collect();
    if (1..=LONGEST_ISSUE).contains(&word.chars().count()) && word.chars().all(plain) {
        return Ok(word);
    }
    Err(format!(
        "issues: {issue:?} is none; write a word or two of letters, digits and -, {LONGEST_ISSUE} characters at most, such as \"one-way-audio\""
    ))
}

pub(crate) async fn feedback(
    State(backend): State<Arc<dyn Backend>>,
    Path(id): Path<String>,
    wish: Result<Json<FeedbackWish>, JsonRejection>,
) -> Result<(StatusCode, Json<FeedbackRecord>), Problem> {
    let bad = |why: String| Problem::new(400, "bad feedback", why);
    let Json(wish) = wish.map_err(|error| {
        bad(format!(
            "{}; write {{\"score\": 4, \"issues\": [\"choppy\"], \"comment\": \"…\"}}",
            error.body_text()
        ))
    })?;
    let wish = wish.tidy().map_err(bad)?;
    match backend.give_feedback(id.clone(), wish).await? {
        Given::First(kept) => Ok((StatusCode::CREATED, Json(kept))),
        Given::Again(kept) => Ok((StatusCode::OK, Json(kept))),
        Given::Unanswered => Err(Problem::new(
            409,
            "not answered",
            format!("call {id:?} is not answered yet; say it once it is"),
        )),
        Given::Late(hours) => Err(Problem::new(
            410,
            "too late",
            format!("call {id:?} ended long ago; feedback is taken for {hours} hours"),
        )),
        Given::Unknown => Err(Problem::not_found("call", &id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidy(json: serde_json::Value) -> Result<FeedbackWish, String> {
        serde_json::from_value::<FeedbackWish>(json)
            .map_err(|error| error.to_string())?
            .tidy()
    }

    #[test]
    fn issues_are_kept_in_one_form_and_each_once() {
        let kept =
            tidy(serde_json::json!({ "issues": ["One Way_audio", "one-way-audio", " Echo "] })).unwrap();
        assert_eq!(kept.issues, ["one-way-audio", "echo"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        let long = "x".repeat(41);
        for (json, expected) in [
            (serde_json::json!({}), "at least one of score, issues and comment"),
            (serde_json::json!({ "score": 0 }), "write 1 (bad) to 5 (good)"),
            (serde_json::json!({ "score": 6 }), "write 1 (bad) to 5 (good)"),
            (serde_json::json!({ "issues": [""] }), "such as \"one-way-audio\""),
            (serde_json::json!({ "issues": [long] }), "40 characters at most"),
            (serde_json::json!({ "issues": ["a\nb"] }), "letters, digits and -"),
            (serde_json::json!({ "issues": vec!["a"; 17] }), "write 16 at most"),
            (serde_json::json!({ "comment": "" }), "write 1 to 1000 characters"),
            (serde_json::json!({ "comment": "a\u{7}" }), "control character"),
            (serde_json::json!({ "stars": 4 }), "unknown field"),
        ] {
            let said = tidy(json.clone()).unwrap_err();
            assert!(said.contains(expected), "{json}: {said}");
        }
    }
}
