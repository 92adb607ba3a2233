//! Identity, numbers and header rules of a trunk: keys that need one another.

use crate::document::Cx;
use crate::model::{
    AnonymousMode, HeaderAction, HeaderRule, NumberFormat, NumberStyle, ScreeningMode, Trunk,
};
use crate::report::Fault;
use std::sync::Arc;

/// Judges a trunk's identity, and fills in what follows from other keys.
pub(super) fn complete(trunk: &mut Arc<Trunk>, path: &str, cx: &mut Cx<'_>) {
    screening(trunk, &format!("{path}.screening"), cx);
    formats(trunk, path, cx);
    for (index, rule) in trunk.headers.iter().enumerate() {
        header(rule, &format!("{path}.headers[{index}]"), cx);
    }
}

/// A number can take another's place only where there is one.
fn screening(trunk: &mut Arc<Trunk>, path: &str, cx: &mut Cx<'_>) {
    let Some(screening) = trunk
        .screening
        .as_ref()
        .filter(|screening| screening.default.is_none())
    else {
        return;
    };
    let (others, anonymous) = (format!("{path}.others"), format!("{path}.anonymous"));
    let replaces = [
        (anonymous, screening.anonymous == AnonymousMode::Replace),
        (
            others.clone(),
            screening.others == ScreeningMode::Replace && cx.is_written(&others),
        ),
    ];
    for (key, _) in replaces.into_iter().filter(|(_, replaces)| *replaces) {
        let fault = Fault::new("has no number to present").expected("default = \"+…\" beside it");
        cx.refuse(cx.place(&key), &key, fault);
    }
    let follows = screening.others == ScreeningMode::Replace && !cx.is_written(&others);
    if follows && let Some(screening) = &mut Arc::make_mut(trunk).screening {
        screening.others = ScreeningMode::Refuse;
    }
}

/// What is national needs a nation.
fn formats(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let formats = &trunk.header_formats;
    let all: [(&str, Option<&NumberFormat>); 6] = [
        ("number_format", Some(&trunk.number_format)),
        ("header_formats.request_uri", formats.request_uri.as_ref()),
        ("header_formats.to", formats.to.as_ref()),
        ("header_formats.from", formats.from.as_ref()),
        ("header_formats.identity", formats.identity.as_ref()),
        ("header_formats.diversion", formats.diversion.as_ref()),
    ];
    for (key, format) in all {
        let national = format.is_some_and(|format| format.style == NumberStyle::National);
        if national && trunk.numbering.is_none() {
            let key = format!("{path}.{key}");
            let fault = Fault::new("\"national\" says nothing without a country")
                .expected("numbering = { country_code = \"…\" } in this trunk");
            cx.refuse(cx.place(&key), &key, fault);
        }
    }
}

/// The keys that an action asks for, or has no use for.
fn header(rule: &HeaderRule, path: &str, cx: &mut Cx<'_>) {
    let (value, pattern) = match rule.action {
        HeaderAction::Add | HeaderAction::Set => (Some(true), Some(false)),
        HeaderAction::Remove => (Some(false), None),
        HeaderAction::Rewrite => (Some(true), Some(true)),
    };
    let keys = [
        ("value", value, rule.value.is_some()),
        ("match", pattern, rule.pattern.is_some()),
    ];
    for (key, wanted, written) in keys {
        let (wrong, expected) = match (wanted, written) {
            (Some(true), false) => (
                format!("\"{}\" needs `{key}`", rule.action),
                format!("{key} = \"…\" beside it"),
            ),
            (Some(false), true) => (
                format!("\"{}\" has no use for `{key}`", rule.action),
                "the key left out".to_owned(),
            ),
            (None, _) | (Some(true), true) | (Some(false), false) => continue,
        };
        cx.refuse(cx.place(path), path, Fault::new(wrong).expected(expected));
    }
}
