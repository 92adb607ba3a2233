//! Who calls, what each side may know of it, and what crosses beside the call itself.

use crate::form::compound::{List, OneOrList, Opt};
use crate::form::scalar::{Choice, Flag, Whole, words};
use crate::form::text::{E164, NumberPattern};
use crate::section::section;
use crate::values::Pattern;

section! {
    /// Who calls, and what is said about that. Hosts in these headers are always ours, or the trunk's `from_domain`.
    Identity, label None, later [],
    {
        /// Whether it and we trust each other (RFC 3325): what it asserts is believed, and it gets the identity of callers who
        /// want to be anonymous, with the wish.
        live trust: bool = Flag, default("false");
        /// Where the number of its callers is read: in the first of these headers that has one.
        live caller: Vec<CallerHeader> = OneOrList<Choice<CallerHeader>>,
            derived(Vec::new(), "`[\"p-asserted-identity\", \"remote-party-id\", \"from\"]` with `trust`, else `\"from\"`");
        /// Where it is told the number that we vouch for, beside From.
        live assert: Vec<Assertion> = OneOrList<Choice<Assertion>>, default("'from'");
        /// What becomes of a caller's wish not to be known to it (RFC 3323).
        live privacy: PrivacyMode = Choice<PrivacyMode>, default("'honour'");
        /// How it is told by whom a call was diverted before it came here (RFC 5806, RFC 7044).
        live diversion: DiversionMode = Choice<DiversionMode>, default("'strip'");
        /// Whether it is told who has answered, in the header that `assert` names: what the other side says, if that is
        /// believed.
        live connected: bool = Flag, default("false");
    }
}

words! {
    /// A header that says who calls.
    CallerHeader {
        /// P-Asserted-Identity.
        Asserted = "p-asserted-identity",
        /// P-Preferred-Identity.
        Preferred = "p-preferred-identity",
        /// Remote-Party-ID.
        RemoteParty = "remote-party-id",
        /// From.
        From = "from",
    } later []
}

words! {
    /// A header by which a number is vouched for.
    Assertion {
        /// No other than From.
        From = "from",
        /// P-Asserted-Identity (RFC 3325).
        Asserted = "p-asserted-identity",
        /// P-Preferred-Identity (RFC 3325), for a carrier that asserts itself.
        Preferred = "p-preferred-identity",
        /// Remote-Party-ID, with its `privacy` and `screen`.
        RemoteParty = "remote-party-id",
    } later []
}

words! {
    /// What becomes of Privacy.
    PrivacyMode {
        /// Without `trust` From is anonymous, and nothing else names the caller; with it everything is passed with the wish.
        Honour = "honour",
        /// Everything is passed with the wish: the trunk honours it.
        Pass = "pass",
    } later []
}

words! {
    /// How diversions are told.
    DiversionMode {
        /// Not at all.
        Strip = "strip",
        /// In the header that they came in.
        Pass = "pass",
        /// As Diversion, also what came as History-Info (RFC 7544).
        Diversion = "diversion",
        /// As History-Info, also what came as Diversion (RFC 7544).
        HistoryInfo = "history-info",
    } later []
}

section! {
    /// Which numbers its callers may present: those that a `[[number]]` rule leads to it, and those named here. From,
    /// P-Asserted-Identity and its kin are screened, each for itself.
    Screening, label None, later [],
    {
        /// More numbers that it may present.
        live allowed: Vec<Pattern> = List<NumberPattern>, default("[]");
        /// The number that is presented in place of one that it may not, and vouched for where a caller is anonymous.
        live default: Option<String> = Opt<E164>, optional;
        /// What becomes of a call with a number that it may not present, and with none that it may.
        live others: ScreeningMode = Choice<ScreeningMode>,
            derived(ScreeningMode::Replace, "`\"replace\"` with `default`, else `\"refuse\"`");
        /// What becomes of a call without a number.
        live anonymous: AnonymousMode = Choice<AnonymousMode>, default("'allow'");
        /// Whether a call that it diverts, which names one of its numbers in Diversion or History-Info, may present any number.
        live diverted: bool = Flag, default("false");
    }
}

words! {
    /// What becomes of a call that presents a number which it may not.
    ScreeningMode {
        /// It presents `default`.
        Replace = "replace",
        /// It is refused with 403.
        Refuse = "refuse",
    } later []
}

words! {
    /// What becomes of a call without a number.
    AnonymousMode {
        /// It goes on as it is.
        Allow = "allow",
        /// It presents `default`.
        Replace = "replace",
        /// It is refused with 433 (RFC 5079).
        Refuse = "refuse",
    } later []
}

section! {
    /// INFO, MESSAGE and NOTIFY. In a call the stricter of the two trunks' keys decides: `"refuse"` before `"answer"` before `"relay"`. An INFO
    /// that is a digit goes by `dtmf` where that converts it.
    Requests, label None, later [],
    {
        /// INFO in a call (RFC 6086).
        live info: RequestMode = Choice<RequestMode>, default("'relay'");
        /// MESSAGE in a call (RFC 3428).
        live message: RequestMode = Choice<RequestMode>, default("'relay'");
        /// NOTIFY in a call (RFC 6665) that is about no transfer.
        live notify: RequestMode = Choice<RequestMode>, default("'relay'");
        /// MESSAGE outside of a call, and NOTIFY of waiting messages (RFC 3842).
        live outside: OutsideMode = Choice<OutsideMode>, default("'route'");
        /// Octets in the body of one outside of a call; what is longer is refused with 413.
        live max_body: u32 = Whole<u32, 0, 60_000>, default("1300");
    }
}

words! {
    /// What becomes of a request in a call.
    RequestMode {
        /// It goes to the other side.
        Relay = "relay",
        /// It is answered with 200 and goes nowhere.
        Answer = "answer",
        /// It is refused: 405, and 489 for NOTIFY.
        Refuse = "refuse",
    } later []
}

words! {
    /// What becomes of a request outside of a call.
    OutsideMode {
        /// It is routed like a call.
        Route = "route",
        /// It is refused with 403.
        Refuse = "refuse",
    } later []
}

section! {
    /// Causes of refusals and endings.
    Reasons, label None, later [],
    {
        /// The Reason header (RFC 3326) in BYE, CANCEL and refusals to it.
        live send: ReasonMode = Choice<ReasonMode>, default("'pass'");
        /// Whether a refusal by it that has a Q.850 cause means what the cause says, whatever its status (RFC 3398 §7.2.4.1). For
        /// gateways that refuse everything with one status.
        live status_by_cause: bool = Flag, default("false");
    }
}

words! {
    /// What a Reason header says.
    ReasonMode {
        /// The cause that the other side gave, or ours.
        Pass = "pass",
        /// The same, and where nobody gave one the cause that the status stands for (RFC 3398 §8.2.6.1).
        Make = "make",
        /// There is none.
        Strip = "strip",
    } later []
}

impl Identity {
    /// Where the number of a caller is read, in order.
    pub fn read_from(&self) -> &[CallerHeader] {
        match (self.caller.as_slice(), self.trust) {
            ([], true) => &[
                CallerHeader::Asserted,
                CallerHeader::RemoteParty,
                CallerHeader::From,
            ],
            ([], false) => &[CallerHeader::From],
            (written, _) => written,
        }
    }
}

impl Pattern {
    /// Whether a number, with or without +, is one of these.
    pub fn fits(&self, number: &str) -> bool {
        let digits = number.strip_prefix('+').unwrap_or(number);
        if self.prefix {
            digits.starts_with(&self.digits)
        } else {
            digits == self.digits
        }
    }
}
