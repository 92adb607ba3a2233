//! A dial plan: from what is dialled to a number in E.164.

use std::borrow::Cow;
use std::fmt;

use config::{DialPlan as Keys, DialThen, NumberCheck, Region, UnknownNumber};

use super::bare;
use super::country::split_code;
use super::library::{self, Length, Unreadable};
use super::prefixes::{Prefixes, behind, prefixes};

/// Digits that a dialled number has at most: a country's code, a national number of fifteen, and what is dialled in front.
const LONGEST: usize = 32;

/// What stands between digits for the eye (RFC 3966 §5.1.1), and blanks.
const SEPARATORS: &[u8] = b"-.() ";

/// Why a number is none by a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It has too few digits.
    Short,
    /// It has too many.
    Long,
    /// It has a number of digits that numbers there do not have.
    Length,
    /// Its area code is missing.
    Local,
    /// It begins with the code of no country.
    Country,
    /// It is none at all.
    Nothing,
    /// A rule of the plan refuses it.
    Rule,
}

/// A number that is none by its dial plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dial plan \"{plan}\": {number} {why} ({region})")]
pub struct Misdialled {
    plan: Box<str>,
    region: Region,
    number: Box<str>,
    why: Why,
}

impl Misdialled {
    /// Why.
    pub fn why(&self) -> Why {
        self.why
    }

    /// SIP status for the caller: 484 where digits are missing (RFC 3261 §21.4.22), 403 for what a rule refuses, else 404.
    pub fn status(&self) -> u16 {
        match self.why {
            Why::Short | Why::Local => 484,
            Why::Rule => 403,
            Why::Long | Why::Length | Why::Country | Why::Nothing => 404,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "has too few digits; `keep` of the plan leaves short codes as they are",
            Self::Long => "has too many digits",
            Self::Length => "has a number of digits that no number there has",
            Self::Local => "has no area code; `area` of the plan puts one in front",
            Self::Country => "begins with the code of no country",
            Self::Nothing => "is no number",
            Self::Rule => "is refused by a rule",
        })
    }
}

/// What the first steps of a plan make of a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'n> {
    /// This is it.
    Is(Cow<'n, str>),
    /// This is to be read on.
    Read(Cow<'n, str>),
}

/// One customer's way to dial, ready to be used.
#[derive(Debug)]
pub struct DialPlan {
    keys: Keys,
    /// The calling code of its country, with a `+` in front.
    code: Box<str>,
    /// What is dialled in front of a national number; empty: nothing.
    national: Box<str>,
    /// Its access codes, the longest first.
    international: Box<[Box<str>]>,
    /// The country's own.
    usual: Option<&'static Prefixes>,
}

impl DialPlan {
    /// The plan of these keys. It takes some milliseconds for each country that a process meets: the library reads its data.
    pub fn new(keys: &Keys) -> Self {
        library::warm(keys.country);
        let usual = prefixes(keys.country);
        let mut international: Vec<Box<str>> = match (keys.international.as_slice(), usual) {
            ([], Some(usual)) => usual.international.iter().map(|code| Box::from(*code)).collect(),
            (written, _) => written.iter().map(|code| code.as_str().into()).collect(),
        };
        international.retain(|code| !code.is_empty());
        international.sort_by_key(|code| std::cmp::Reverse(code.len()));
        let own = usual.map(|usual| usual.national).unwrap_or_default();
        Self {
            code: format!("+{}", keys.country.calling_code()).into(),
            national: keys.national.as_deref().unwrap_or(own).into(),
            international: international.into(),
            usual,
            keys: keys.clone(),
        }
    }

    /// Its country.
    pub fn country(&self) -> Region {
        self.keys.country
    }

    /// The number that was dialled, in E.164 with `+`; or as it is where the plan keeps it, or it is a name or a service code.
    ///
    /// # Errors
    /// It is no number by this plan.
    pub fn called<'n>(&self, dialled: &'n str) -> Result<Cow<'n, str>, Misdialled> {
        match self.rewritten(dialled)? {
            Step::Is(number) => Ok(number),
            Step::Read(number) => self.read(dialled, number),
        }
    }

    /// The number of who calls; as it came where the plan makes nothing of it.
    pub fn caller<'n>(&self, number: &'n str) -> Cow<'n, str> {
        self.read(number, Cow::Borrowed(number))
            .unwrap_or(Cow::Borrowed(number))
    }

    /// What the plan keeps, and what its rules make of a number.
    pub(crate) fn rewritten<'n>(&self, dialled: &'n str) -> Result<Step<'n>, Misdialled> {
        let Some(clean) = clean(dialled) else {
            return Ok(Step::Is(Cow::Borrowed(dialled)));
        };
        if self.keys.keep.iter().any(|pattern| pattern.fits(&clean)) {
            return Ok(Step::Is(clean));
        }
        let Some(rule) = self.keys.rules.iter().find(|rule| rule.pattern.fits(&clean)) else {
            return Ok(Step::Read(clean));
        };
        let (plus, digits) = match clean.strip_prefix('+') {
            Some(digits) => ("+", digits),
            None => ("", &*clean),
        };
        let kept = digits.get(usize::from(rule.strip)..).unwrap_or_default();
        let result = || match &rule.prepend {
            Some(front) => Cow::Owned(format!("{front}{kept}")),
            None => Cow::Owned(format!("{plus}{kept}")),
        };
        match rule.then {
            DialThen::Refuse => Err(self.misdialled(dialled, Why::Rule)),
            DialThen::Read => Ok(Step::Read(result())),
            DialThen::Keep if rule.strip == 0 && rule.prepend.is_none() => Ok(Step::Is(clean)),
            DialThen::Keep => Ok(Step::Is(result())),
        }
    }

    /// Reads a number that no rule is for any more. `dialled` is what it was.
    pub(crate) fn read<'n>(
        &self,
        dialled: &'n str,
        number: Cow<'n, str>,
    ) -> Result<Cow<'n, str>, Misdialled> {
        let Some(clean) = clean(&number) else {
            // A rule has left nothing of it, or it is a name.
            return match number.is_empty() {
                true => self.unknown(dialled, Why::Nothing),
                false => Ok(number),
            };
        };
        match self.e164(&clean) {
            Ok(read) if read == dialled => Ok(Cow::Borrowed(dialled)),
            Ok(read) => Ok(Cow::Owned(read.into_owned())),
            Err(why) => self.unknown(dialled, why),
        }
    }

    fn unknown<'n>(&self, dialled: &'n str, why: Why) -> Result<Cow<'n, str>, Misdialled> {
        match self.keys.unknown {
            UnknownNumber::Pass => Ok(Cow::Borrowed(dialled)),
            UnknownNumber::Refuse => Err(self.misdialled(dialled, why)),
        }
    }

    fn misdialled(&self, number: &str, why: Why) -> Misdialled {
        Misdialled {
            plan: self.keys.name.as_str().into(),
            region: self.keys.country,
            number: number.chars().take(LONGEST).collect::<String>().into(),
            why,
        }
    }

    /// The number in E.164; `number` is digits, maybe behind a `+`.
    fn e164<'n>(&self, number: &'n str) -> Result<Cow<'n, str>, Why> {
        if number.len() > LONGEST {
            return Err(Why::Long);
        }
        let read = self.with_code(number)?;
        let (e164, length) = global(&read)?;
        let why = match (self.keys.check, length) {
            (NumberCheck::Off, _) | (NumberCheck::Length, Length::Possible) => None,
            (NumberCheck::Length, Length::Short) => Some(Why::Short),
            (NumberCheck::Length, Length::Long) => Some(Why::Long),
            (NumberCheck::Length, Length::Odd) => Some(Why::Length),
            (NumberCheck::Length, Length::Local) => Some(Why::Local),
        };
        match (why, e164) {
            (Some(why), _) => Err(why),
            (None, Some(e164)) => Ok(Cow::Owned(e164)),
            (None, None) => Ok(read),
        }
    }

    /// The number with `+` and its country's code.
    fn with_code<'n>(&self, number: &'n str) -> Result<Cow<'n, str>, Why> {
        if number.starts_with('+') {
            return Ok(Cow::Borrowed(number));
        }
        let mut behind = self.international.iter().filter_map(|code| behind(number, code));
        if let Some(rest) = behind.find(|rest| starts_with_code(rest)) {
            return Ok(Cow::Owned(format!("+{rest}")));
        }
        if let Some(area) = self.keys.area.as_ref().filter(|_| self.is_local(number)) {
            return Ok(Cow::Owned(format!("{}{area}{number}", self.code)));
        }
        if self.is_usual(number) {
            return library::national(number, self.keys.country)
                .map(Cow::Owned)
                .map_err(|why| match why {
                    Unreadable::Country => Why::Country,
                    Unreadable::Short => Why::Short,
                    Unreadable::Long => Why::Long,
                    Unreadable::Nothing => Why::Nothing,
                });
        }
        let national = number
            .strip_prefix(&*self.national)
            .filter(|rest| !rest.is_empty());
        Ok(Cow::Owned(format!("{}{}", self.code, national.unwrap_or(number))))
    }

    /// Whether a national number is dialled as everywhere in the country: then the library knows how, with all that is odd about it.
    fn is_usual(&self, number: &str) -> bool {
        let is_own = self.keys.international.is_empty();
        // The library would take the country's access codes for what they are not here.
        let elsewhere = || {
            let codes = self.usual.map_or(&[][..], |usual| usual.international.as_slice());
            codes.iter().any(|code| behind(number, code).is_some())
        };
        self.keys.national.is_none() && (is_own || !elsewhere())
    }

    /// Whether a number is one without its area code.
    fn is_local(&self, number: &str) -> bool {
        let known = |digits: &u8| usize::from(*digits) == number.len();
        let long = !self.national.is_empty() && number.starts_with(&*self.national);
        self.keys.local_digits.iter().any(known) && !long && !number.starts_with('0')
    }
}

/// Whether digits begin with the code of a country, or of a network.
fn starts_with_code(digits: &str) -> bool {
    split_code(digits).is_some()
}

/// Looks at a number with `+`: what its length says of it; and the number without a national prefix that does not belong behind the
/// country's code, if there is one.
fn global(number: &str) -> Result<(Option<String>, Length), Why> {
    let digits = bare(number);
    let (code, all) = split_code(digits).ok_or(Why::Country)?;
    let own = Region::of_calling_code(code).and_then(prefixes);
    let own = own.filter(|own| !own.national.is_empty());
    let (mut national, mut length) = (all, library::length(code, all.len()));
    while let Some(own) = own.filter(|own| !own.ambiguous || length != Length::Possible) {
        let shorter = national.strip_prefix(own.national);
        let shorter = shorter.filter(|rest| library::length(code, rest.len()) == Length::Possible);
        let Some(rest) = shorter else { break };
        (national, length) = (rest, Length::Possible);
    }
    let changed = national.len() < all.len();
    Ok((changed.then(|| format!("+{code}{national}")), length))
}

/// A number without what stands between its digits. `None`: it is a name, or a service code with `*` or `#`.
fn clean(number: &str) -> Option<Cow<'_, str>> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || SEPARATORS.contains(&byte));
    if !is_number {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(number));
    }
    let kept = |c: &char| c.is_ascii_digit() || *c == '+';
    Some(Cow::Owned(number.chars().filter(kept).collect()))
}

#[cfg(test)]
mod tests;
