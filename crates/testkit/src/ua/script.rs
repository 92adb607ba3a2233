//! What a peer is going to do.

use std::time::Duration;

/// What an offer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offering {
    /// Audio.
    Audio,
    /// Audio, and video that the switch refuses.
    AudioAndVideo,
    /// None: the offer is to come in the answer.
    Delayed,
}

/// How a caller ACKs the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// As it should.
    All,
    /// Not before this many copies of the answer were passed over.
    After(u32),
    /// Never.
    Never,
}

/// Something in mid-call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mid {
    /// A re-INVITE with this direction.
    Direction(&'static str),
    /// A re-INVITE that repeats the last offer.
    Refresh,
    /// A re-INVITE from another media port.
    Move,
    /// A re-INVITE without an offer.
    Delayed,
    /// INFO.
    Info,
    /// OPTIONS within the dialog.
    Options,
}

/// How a side answers a re-INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reinvites {
    /// With an answer.
    Accepts,
    /// With this status.
    Refuses(u16),
    /// With 100 at once, and with an answer after this time.
    Slowly(Duration),
    /// Not at all.
    Ignores,
}

/// How a side answers a BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byes {
    /// 200.
    Accepts,
    /// 407 to the first.
    Challenges,
    /// 481.
    Denies,
    /// Not at all.
    Ignores,
}

/// What a side does once the call is up.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Things in mid-call, at these times after the answer.
    pub mid: Vec<(Duration, Mid)>,
    /// When it hangs up, after the answer; `None`: it waits for the other.
    pub hangs_up: Option<Duration>,
    /// When it stops answering anything, after its first message.
    pub dies: Option<Duration>,
    /// Its answer to a re-INVITE.
    pub reinvites: Reinvites,
    /// Its answer to a BYE.
    pub byes: Byes,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            mid: Vec::new(),
            hangs_up: None,
            dies: None,
            reinvites: Reinvites::Accepts,
            byes: Byes::Accepts,
        }
    }
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Calling {
    /// Who is called.
    pub number: String,
    /// What is offered.
    pub offering: Offering,
    /// When the caller gives up, if there is no answer by then.
    pub gives_up: Option<Duration>,
    /// It gives up by a BYE on the early dialog, not by CANCEL.
    pub by_bye: bool,
    /// How it ACKs.
    pub acks: Acks,
    /// The rest.
    pub manners: Manners,
}

impl Calling {
    /// A caller who waits for the answer and for the other side to hang up.
    #[must_use]
    pub fn new(number: impl Into<String>) -> Self {
        Self {
            number: number.into(),
            offering: Offering::Audio,
            gives_up: None,
            by_bye: false,
            acks: Acks::All,
            manners: Manners::default(),
        }
    }
}

/// What a called side says to an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// This status and nothing with it; 200 and 183 come with SDP.
    Status(u16),
    /// 180 with SDP.
    RingingWithSdp,
    /// 200 without SDP, after earlier SDP.
    BareOk,
    /// 200 with SDP that makes no sense.
    BrokenOk,
    /// 503 with Retry-After.
    Overloaded,
    /// 480 with a network cause.
    NoCircuit,
    /// 302.
    Redirect,
}

/// How a called side takes a CANCEL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancels {
    /// 200, and 487 to the INVITE.
    Accepts,
    /// It answers the INVITE with 200 first.
    AnswersFirst,
    /// 481, and goes on.
    Denies,
    /// 200, but nothing to the INVITE.
    ForgetsInvite,
}

/// What becomes of a call at its called side.
#[derive(Clone, Debug)]
pub struct Called {
    /// What is said, at these times after the INVITE.
    pub says: Vec<(Duration, Say)>,
    /// CANCEL.
    pub cancels: Cancels,
    /// It wants credentials for INVITEs.
    pub challenges: bool,
    /// Something behind it forks: another branch answers as well, a moment later.
    pub forks: Option<Duration>,
    /// ACKs that it does not hear, so that it sends its 200 again.
    pub deaf_to_acks: u32,
    /// The rest.
    pub manners: Manners,
}

impl Called {
    /// These answers, and otherwise as it should be.
    #[must_use]
    pub fn new(says: Vec<(Duration, Say)>) -> Self {
        Self {
            says,
            cancels: Cancels::Accepts,
            challenges: false,
            forks: None,
            deaf_to_acks: 0,
            manners: Manners::default(),
        }
    }
}
