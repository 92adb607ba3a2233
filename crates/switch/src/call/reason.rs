//! Why a call was refused or ended, in the words of a Reason header (RFC 3326, RFC 6432), and what a refusal means.

use config::ReasonMode;
use sip_msg::Message;

use super::Call;
use super::end::Ending;
use crate::headers;
use crate::record::HungUpBy;

/// What a Reason header can say. No text of the other side crosses: there may be names in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Why {
    q850: Option<u8>,
    /// The SIP status that whoever ended the call gave for it.
    said: Option<u16>,
    /// Our own word, where the ending is ours.
    own: Option<&'static str>,
    /// What `"make"` makes a cause of.
    status: u16,
}

/// Normal call clearing (Q.850): the cause of whoever gives up, and gives no cause.
const CLEARING: u8 = 16;

impl Why {
    /// For BYE and CANCEL.
    pub(crate) fn of_ending(ending: &Ending) -> Self {
        let own = match ending.by {
            HungUpBy::Switch | HungUpBy::Operator => Some(ending.kind),
            HungUpBy::Caller | HungUpBy::Called => None,
        };
        Self {
            q850: ending.q850,
            said: ending.said,
            own,
            status: ending.status,
        }
    }

    /// For a refusal: its status line has the status already.
    pub(crate) fn of_refusal(ending: &Ending) -> Self {
        Self {
            q850: ending.q850,
            said: None,
            own: None,
            status: ending.status,
        }
    }

    /// The value of the header, if there is something to say.
    pub(crate) fn header(&self, mode: ReasonMode) -> Option<String> {
        let cause = match mode {
            ReasonMode::Strip => return None,
            ReasonMode::Pass => self.q850,
            ReasonMode::Make => Some(
                self.q850
                    .or_else(|| route::cause::from_status(self.status))
                    .unwrap_or(CLEARING),
            ),
        };
        let mut values = Vec::new();
        match self.said {
            // A telephone that stops ringing for this has not missed a call (RFC 3326 §3.1).
            Some(200) => values.push("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned()),
            Some(status) => values.push(format!("SIP;cause={status}")),
            None => {}
        }
        match (cause, self.own) {
            (Some(cause), Some(own)) => values.push(format!("Q.850;cause={cause};text=\"{own}\"")),
            (Some(cause), None) => values.push(format!("Q.850;cause={cause}")),
            (None, _) => {}
        }
        (!values.is_empty()).then(|| values.join(", "))
    }
}

impl Call {
    /// The status that a refusal of the called side's means: what its cause says, where the trunk's own statuses say nothing.
    pub(crate) fn meant(&self, message: &Message) -> u16 {
        let status = message.status().unwrap_or(500);
        let by_cause = self
            .b
            .as_ref()
            .is_some_and(|leg| self.snapshot.trunk(leg.trunk).reason.status_by_cause);
        if !by_cause || status < 400 {
            return status;
        }
        headers::q850(message)
            .and_then(route::cause::to_status)
            .unwrap_or(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_passed_made_or_left_out() {
        let why = |q850, said, own, status| Why {
            q850,
            said,
            own,
            status,
        };
        for (why, pass, make) in [
            (
                why(Some(17), None, None, 486),
                Some("Q.850;cause=17"),
                "Q.850;cause=17",
            ),
            (why(None, None, None, 486), None, "Q.850;cause=17"),
            (why(None, None, None, 487), None, "Q.850;cause=16"),
            (why(None, None, None, 404), None, "Q.850;cause=1"),
            (
                why(None, Some(200), None, 487),
                Some("SIP;cause=200;text=\"Call completed elsewhere\""),
                "SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=16",
            ),
            (
                why(Some(31), Some(480), None, 200),
                Some("SIP;cause=480, Q.850;cause=31"),
                "SIP;cause=480, Q.850;cause=31",
            ),
            (
                why(Some(102), None, Some("rtp-timeout"), 200),
                Some("Q.850;cause=102;text=\"rtp-timeout\""),
                "Q.850;cause=102;text=\"rtp-timeout\"",
            ),
        ] {
            assert_eq!(why.header(ReasonMode::Pass).as_deref(), pass, "{why:?}");
            assert_eq!(why.header(ReasonMode::Make).as_deref(), Some(make), "{why:?}");
            assert_eq!(why.header(ReasonMode::Strip), None, "{why:?}");
        }
    }
}
