//! Rules that change headers.

use crate::form::compound::{OneOrList, Opt};
use crate::form::rule::{ExpressionForm, TemplateForm};
use crate::form::scalar::{Choice, words};
use crate::form::text::HeaderName;
use crate::section::section;
use crate::values::{Expression, Template};

section! {
    /// A change to one header. What comes from the trunk is changed before anything is read in it; what goes to it, when all else
    /// is written. ACK, CANCEL and PRACK are not changed.
    HeaderRule, label None, later [],
    {
        /// What is done.
        live action: HeaderAction = Choice<HeaderAction>, required;
        /// The header; not one that a call is held together by.
        live name: String = HeaderName, required;
        /// The value, or what a rewritten one becomes: with `{caller}`, `{called}`, `{call_id}` (of the record) and `{trunk}` for
        /// what they say, and in `"rewrite"` `$1`, `${name}` for parts of what was found; `$$` is a `$`, `{{` a `{`.
        live value: Option<Template> = Opt<TemplateForm>, optional;
        /// Only lines whose value has this in it (a regular expression, without look-around); `"rewrite"` replaces it.
        live pattern named "match": Option<Expression> = Opt<ExpressionForm>, optional;
        /// In which direction.
        live direction: Way = Choice<Way>, default("'to'");
        /// In which messages.
        live on: Vec<MessageKind> = OneOrList<Choice<MessageKind>>, default("'requests'");
    }
}

words! {
    /// What a rule does.
    HeaderAction {
        /// Adds a line.
        Add = "add",
        /// Adds a line, in place of those that are there.
        Set = "set",
        /// Takes lines away.
        Remove = "remove",
        /// Changes the value of lines.
        Rewrite = "rewrite",
    } later []
}

words! {
    /// The direction of a message, as seen from us.
    Way {
        /// To the trunk.
        To = "to",
        /// From the trunk.
        From = "from",
    } later []
}

words! {
    /// A kind of message.
    MessageKind {
        /// Requests.
        Requests = "requests",
        /// Answers.
        Answers = "answers",
    } later []
}
