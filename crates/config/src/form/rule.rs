//! Forms of header rules: what is looked for, and what is written.

use super::text::TextForm;
use crate::report::{Fault, nearest, quote};
use crate::values::{Expression, Part, Template, Variable};

/// A regular expression.
pub(crate) struct ExpressionForm;

impl TextForm for ExpressionForm {
    type Out = Expression;
    fn expected() -> String {
        "a regular expression of up to 255 characters".to_owned()
    }
    fn parse(text: &str) -> Result<Expression, Fault> {
        if text.is_empty() || text.chars().count() > 255 {
            return Err(Fault::new(format!("{} does not fit", quote(text))));
        }
        Expression::new(text).map_err(|error| {
            // The crate draws the expression over several lines; the last one says what is wrong.
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            Fault::new(format!("{} is no regular expression: {why}", quote(text)))
        })
    }
    fn write(value: &Expression) -> String {
        value.text.clone()
    }
}

/// Text with variables.
pub(crate) struct TemplateForm;

impl TextForm for TemplateForm {
    type Out = Template;
    fn expected() -> String {
        "text of one line, 1 to 255 characters, with {caller}, {called}, {call_id} or {trunk} where they shall stand".to_owned()
    }
    fn parse(text: &str) -> Result<Template, Fault> {
        if !(1..=255).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            return Err(Fault::new(format!("{} does not fit", quote(text))));
        }
        Ok(Template {
            text: text.to_owned(),
            parts: parts(text)?,
        })
    }
    fn write(value: &Template) -> String {
        value.text.clone()
    }
}

const VARIABLES: [(&str, Variable); 4] = [
    ("caller", Variable::Caller),
    ("called", Variable::Called),
    ("call_id", Variable::CallId),
    ("trunk", Variable::Trunk),
];

fn parts(text: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '$']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        if let Some(behind) = from.strip_prefix("{{") {
            plain.push('{');
            rest = behind;
        } else if from.starts_with('$') {
            // `${name}` is the expression's; so is everything behind a `$`.
            let length = match from.strip_prefix("${") {
                Some(name) => name.find('}').map_or(from.len(), |end| end + 3),
                None => 1,
            };
            plain.push_str(from.get(..length).unwrap_or(from));
            rest = from.get(length..).unwrap_or("");
        } else {
            let inside = from.get(1..).unwrap_or("");
            let Some((name, behind)) = inside.split_once('}') else {
                return Err(Fault::new(format!("{} has a {{ without its }}", quote(text))));
            };
            let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) else {
                let meant = nearest(name, VARIABLES.iter().map(|(known, _)| *known));
                let fault = Fault::new(format!("there is no {{{name}}}"));
                return Err(fault.meant(meant.map(|name| format!("{{{name}}}"))));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Variable(*variable));
            rest = behind;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_at_its_variables() {
        let text = |text: &str| Part::Text(text.to_owned());
        for (template, expected) in [
            ("plain", vec![text("plain")]),
            ("{caller}", vec![Part::Variable(Variable::Caller)]),
            (
                "a {caller}/{trunk} z",
                vec![
                    text("a "),
                    Part::Variable(Variable::Caller),
                    text("/"),
                    Part::Variable(Variable::Trunk),
                    text(" z"),
                ],
            ),
            ("{{caller}", vec![text("{caller}")]),
            ("$1-${caller}-$$", vec![text("$1-${caller}-$$")]),
        ] {
            assert_eq!(parts(template).unwrap(), expected, "{template}");
        }
        assert!(parts("{caller").is_err() && parts("{color}").is_err());
        assert_eq!(
            parts("{caled}").unwrap_err().suggestion.as_deref(),
            Some("{called}")
        );
    }
}
