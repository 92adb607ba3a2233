//! Where a customer may call: numbers that cost much, or are let to those who have calls stolen, are not among them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use config::{Destination, Destinations, Pattern};

use crate::number::bare;

/// The ranges that come with Tandem: prefixes in E.164 without `+`, and what they are.
static HIGH_RISK: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| ranges().collect());

/// No prefix of [`HIGH_RISK`] is longer.
const LONGEST: usize = 7;

/// Digits from which on a number without `+` is taken for one in E.164: national numbers of North America have ten, and begin as
/// foreign ones do.
const INTERNATIONAL: usize = 11;

/// What is dialled in front of a country code.
const ACCESS: [&str; 2] = ["00", "011"];

fn ranges() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("high_risk.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
}

/// Why a number may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It is in a range of high risk.
    #[error("+{prefix} is a destination of high risk ({what})")]
    HighRisk {
        /// The range's prefix.
        prefix: &'static str,
        /// What it is.
        what: &'static str,
    },
    /// This pattern of `deny` has it.
    #[error("`destinations.deny` has {0}")]
    Pattern(String),
}

/// Whether `number` may be called (with or without `+`, or behind 00 or 011). The longest pattern that fits decides; `allow` where both
/// are as long. Only what is written in the international way, or is as long as that, is looked for in ranges of high risk.
///
/// # Errors
/// It may not.
pub fn check(rules: &Destinations, number: &str) -> Result<(), Denied> {
    let digits = digits(number);
    if digits.is_empty() {
        return Ok(());
    }
    let global = number.split(|c: char| c.is_ascii_digit()).next();
    let international = global.is_some_and(|before| before.contains('+')) || digits.len() >= INTERNATIONAL;
    judge(rules, &digits, international)?;
    let behind = ACCESS.iter().find_map(|access| digits.strip_prefix(access));
    behind.map_or(Ok(()), |digits| judge(rules, digits, true))
}

/// The digits of a number. A blank between them or a `#` behind them makes no other number of it: whoever gets the call may leave
/// them out. A name has none.
pub(crate) fn digits(number: &str) -> Cow<'_, str> {
    let bare = bare(number);
    if bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(bare);
    }
    let is_number = bare
        .chars()
        .find(|c| c.is_alphanumeric())
        .is_some_and(|first| first.is_ascii_digit());
    bare.chars().filter(|c| is_number && c.is_ascii_digit()).collect()
}

fn judge(rules: &Destinations, digits: &str, international: bool) -> Result<(), Denied> {
    let allowed = rules
        .allow
        .iter()
        .filter_map(|pattern| fits(pattern, digits))
        .max();
    let denied = rules.deny.iter().filter_map(|entry| match entry {
        Destination::Pattern(pattern) => {
            fits(pattern, digits).map(|length| (length, Denied::Pattern(pattern.text.clone())))
        }
        Destination::HighRisk if international => high_risk(digits),
        Destination::HighRisk => None,
    });
    match denied.max_by_key(|(length, _)| *length) {
        Some((length, why)) if allowed.is_none_or(|allowed| allowed < length) => Err(why),
        Some(_) | None => Ok(()),
    }
}

/// How much of the number a pattern has; one for exactly this number has more than any prefix.
fn fits(pattern: &Pattern, digits: &str) -> Option<usize> {
    let fits = if pattern.prefix {
        digits.starts_with(pattern.digits.as_str())
    } else {
        digits == pattern.digits
    };
    fits.then(|| pattern.digits.len() + usize::from(!pattern.prefix))
}

/// What is dialled in front of a country code, taken off; `None`: the number is not written in the international way, or is none.
pub(crate) fn international<'d>(number: &str, digits: &'d str) -> Option<&'d str> {
    let global = number.split(|c: char| c.is_ascii_digit()).next();
    if digits.is_empty() || global.is_some_and(|before| before.contains('+')) {
        return Some(digits).filter(|digits| !digits.is_empty());
    }
    let behind = ACCESS.iter().find_map(|access| digits.strip_prefix(access));
    behind.or((digits.len() >= INTERNATIONAL).then_some(digits))
}

/// Whether digits in E.164 are in a range of high risk.
pub(crate) fn is_high_risk(digits: &str) -> bool {
    high_risk(digits).is_some()
}

/// Whether a pattern has these digits.
pub(crate) fn has(pattern: &Pattern, digits: &str) -> bool {
    fits(pattern, digits).is_some()
}

fn high_risk(digits: &str) -> Option<(usize, Denied)> {
    (1..=LONGEST.min(digits.len())).rev().find_map(|length| {
        let (prefix, what) = HIGH_RISK.get_key_value(digits.get(..length)?)?;
        Some((length, Denied::HighRisk { prefix, what }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> Destinations {
        let pattern = |text: &&str| text.parse::<Pattern>().unwrap_or_else(|_| panic!("{text}"));
        let denied = |text: &&str| match *text {
            "high-risk" => Destination::HighRisk,
            _ => Destination::Pattern(pattern(text)),
        };
        Destinations {
            allow: allow.iter().map(pattern).collect(),
            deny: deny.iter().map(denied).collect(),
        }
    }

    #[test]
    fn every_range_is_digits_and_says_what_it_is() {
        for line in include_str!("high_risk.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let (prefix, what) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            assert!(!what.is_empty() && prefix.len() <= LONGEST, "{line}");
            assert!(prefix.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        }
        assert_eq!(ranges().count(), HIGH_RISK.len(), "a prefix twice");
    }

    #[test]
    fn the_longest_pattern_decides() {
        let high = ["high-risk"];
        for (allow, deny, number, may) in [
            (&[][..], &high[..], "+442079460000", true),
            (&[], &high, "+881631234567", false),
            (&[], &high, "00881631234567", false),
            (&[], &high, "011881631234567", false),
            (&[], &high, "881631234567", false),
            (&[], &high, "+19005551234", false),
            (&[], &high, "19005551234", false),
            (&[], &high, "+449098790000", false),
            (&[], &high, "+447911123456", true),
            // A national number of Texas; and what is no number.
            (&[], &high, "9795551234", true),
            (&[], &high, "alice", true),
            (&[], &high, "", true),
            (&[], &high, "112", true),
            // What the next switch may leave out.
            (&[], &high, "+881 631234567", false),
            (&[], &high, "+881631234567#", false),
            (&[], &high, "+(881)6312/34567", false),
            (&[], &high, " +8816312", false),
            (&[], &high, "00881*631234567", false),
            (&["+44*"], &["*"], "+44 2079460000", true),
            (&[], &["*"], "alice881", true),
            (&[], &[], "+881631234567", true),
            (&["+8816*"], &high, "+881631234567", true),
            (&["+8816*"], &high, "+881731234567", false),
            (&["+881631234567"], &["high-risk", "*"], "+881631234567", true),
            (&["+44*"], &["*"], "+442079460000", true),
            (&["+44*"], &["*"], "+4930123456", false),
            (&["+44*"], &["+4420*"], "+442079460000", false),
            (&["+44*"], &["+44*"], "442079460000", true),
            (&[], &["+442079460000"], "+442079460000", false),
            (&[], &["+442079460000"], "+4420794600001", true),
        ] {
            let verdict = check(&rules(allow, deny), number);
            assert_eq!(verdict.is_ok(), may, "{allow:?} {deny:?} {number}: {verdict:?}");
        }
        let why = check(&rules(&[], &high), "+881631234567").map_err(|why| why.to_string());
        let said = "+881 is a destination of high risk (satellite networks)";
        assert_eq!(why, Err(said.to_owned()));
    }
}
