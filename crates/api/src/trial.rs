//! What a test of a trunk has found, as the API tells it.

use serde::{Deserialize, Serialize};

/// What a test is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialWish {
    /// The number to call; absent: the trunk's `test_number`, and no call without one.
    pub number: Option<String>,
    /// The number that calls; absent: the called one.
    pub caller: Option<String>,
    /// Seconds that the call talks.
    pub talk: Option<u8>,
}

/// What became of the wish to test a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialStart {
    /// It is being tested.
    Begun,
    /// It is being tested already.
    Running,
    /// So many other trunks are being tested that this one has to wait.
    Busy,
    /// No such trunk.
    Unknown,
}

/// How far a test has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialState {
    /// It goes on.
    Running,
    /// It is over.
    Done,
}

/// A test of a trunk.
#[derive(Debug, Clone, Serialize)]
pub struct TrialReport {
    /// The trunk.
    pub trunk: String,
    /// How far it has come.
    pub state: TrialState,
    /// When it began, milliseconds since 1970.
    pub started_ms: u64,
    /// The number that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The call's id, as its record has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What was found so far, in the order in which it was looked at.
    pub checks: Vec<Check>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It works.
    Works,
    /// It doesn't.
    Fails,
    /// Neither: worth knowing.
    Note,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about: `options`, `codecs`, `early-media` and so on.
    pub about: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub says: String,
    /// The key of the trunk to set, as it is to be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Check {
    /// It works.
    #[must_use]
    pub fn works(about: &'static str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Works, says)
    }

    /// It does not.
    #[must_use]
    pub fn fails(about: &'static str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Fails, says)
    }

    /// Worth knowing.
    #[must_use]
    pub fn note(about: &'static str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Note, says)
    }

    fn new(about: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            about,
            verdict,
            says: says.into(),
            key: None,
        }
    }

    /// The same, with the key that helps.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}
