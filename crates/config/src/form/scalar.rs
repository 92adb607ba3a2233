//! Numbers, switches, durations and choices.

use super::text::TextForm;
use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::report::{Fault, nearest, quote};
use serde_json::{Value as Json, json};
use std::marker::PhantomData;
use std::time::Duration;

/// `true` or `false`.
pub(crate) struct Flag;

impl Form for Flag {
    type Out = bool;
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<bool> {
        let value = item.value.get_ref().as_bool();
        if value.is_none() {
            cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
        }
        value
    }
    fn show(value: &bool) -> Option<toml::Value> {
        Some(toml::Value::Boolean(*value))
    }
}

/// A whole number from `MIN` to `MAX`, both of which a `T` holds.
pub(crate) struct Whole<T, const MIN: u32, const MAX: u32>(PhantomData<T>);

impl<T, const MIN: u32, const MAX: u32> Form for Whole<T, MIN, MAX>
where
    T: Copy + PartialEq + Into<i64> + TryFrom<i128>,
{
    type Out = T;
    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }
    fn schema() -> Json {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<T> {
        let fault = match item.value.get_ref().as_integer() {
            Some(written) => {
                let number = i128::from_str_radix(written.as_str(), written.radix()).ok();
                let within = number.filter(|number| (i128::from(MIN)..=i128::from(MAX)).contains(number));
                match within.and_then(|number| T::try_from(number).ok()) {
                    Some(value) => return Some(value),
                    None => Fault::new(format!("{written} is out of range")).expected(Self::expected()),
                }
            }
            None => wrong_type(item, Self::expected()),
        };
        cx.refuse(item.place(), path, fault);
        None
    }
    fn show(value: &T) -> Option<toml::Value> {
        Some(toml::Value::Integer((*value).into()))
    }
}

/// A number with or without decimals, from `MIN` to `MAX` thousandths.
pub(crate) struct Decimal<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> Decimal<MIN, MAX> {
    fn bounds() -> (f64, f64) {
        let decimal = |thousandths: i64| i32::try_from(thousandths).map_or(f64::MAX, f64::from) / 1000.0;
        (decimal(MIN), decimal(MAX))
    }
}

impl<const MIN: i64, const MAX: i64> Form for Decimal<MIN, MAX> {
    type Out = f64;
    fn expected() -> String {
        let (least, most) = Self::bounds();
        format!("a number from {least} to {most}")
    }
    fn schema() -> Json {
        let (least, most) = Self::bounds();
        json!({ "type": "number", "minimum": least, "maximum": most })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<f64> {
        let (least, most) = Self::bounds();
        let value = item.value.get_ref();
        let written = match (value.as_float(), value.as_integer()) {
            (Some(float), _) => float.as_str().to_owned(),
            (None, Some(whole)) => whole.to_string(),
            (None, None) => {
                cx.refuse(item.place(), path, wrong_type(item, Self::expected()));
                return None;
            }
        };
        match written.parse::<f64>() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let fault = Fault::new(format!("{written} is out of range")).expected(Self::expected());
                cx.refuse(item.place(), path, fault);
                None
            }
        }
    }
    fn show(value: &f64) -> Option<toml::Value> {
        Some(toml::Value::Float(*value))
    }
}

/// A duration: a number with its unit. `MIN` and `MAX` in milliseconds.
pub(crate) struct Time<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> TextForm for Time<MIN, MAX> {
    type Out = Duration;
    fn expected() -> String {
        let bound = |ms| write_duration(Duration::from_millis(ms));
        format!(
            "a duration such as \"500ms\", \"4s\", \"3m\" or \"4h\", from {} to {}",
            bound(MIN),
            bound(MAX)
        )
    }
    fn parse(text: &str) -> Result<Duration, Fault> {
        let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if bare {
            return Err(Fault::new(format!("{} has no unit", quote(text))).meant(Self::with_unit(text)));
        }
        let duration = parse_duration(text)?;
        let ms = duration.as_millis();
        if ms < u128::from(MIN) {
            Err(Fault::new(format!("{} is too short", quote(text))))
        } else if ms > u128::from(MAX) {
            Err(Fault::new(format!("{} is too long", quote(text))))
        } else {
            Ok(duration)
        }
    }
    fn write(value: &Duration) -> String {
        write_duration(*value)
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" })
    }
    fn not_text(item: Item<'_>) -> Option<Fault> {
        let number = item.value.get_ref().as_integer()?.as_str().to_owned();
        Some(Fault::new(format!("{number} has no unit")).meant(Self::with_unit(&number)))
    }
}

impl<const MIN: u64, const MAX: u64> Time<MIN, MAX> {
    /// The number with the first unit that makes a duration within the bounds, quoted.
    fn with_unit(number: &str) -> Option<String> {
        let durations = ["s", "ms", "m", "h"].map(|unit| format!("{number}{unit}"));
        durations
            .into_iter()
            .find(|text| Self::parse(text).is_ok())
            .map(|text| quote(&text))
    }
}

fn parse_duration(text: &str) -> Result<Duration, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(Fault::new(format!("{} is not a duration", quote(text))));
    }
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(Fault::new(format!("{} has no unit that is known", quote(text)))),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
    {
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Err(Fault::new(format!("{} is too long", quote(text)))),
    }
}

/// A duration in the largest unit that holds it whole.
pub(crate) fn write_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// An enum whose members are written as words.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// The words, each with its member and what it means.
    const WORDS: &'static [(&'static str, Self, &'static str)];
    /// Words that a later version takes.
    const LATER: &'static [&'static str];

    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, member, _)| *member == self)
            .map_or("", |(word, _, _)| word)
    }
}

/// One word of a few.
pub(crate) struct Choice<E>(PhantomData<E>);

impl<E: Words> TextForm for Choice<E> {
    type Out = E;
    fn expected() -> String {
        let words: Vec<String> = E::WORDS.iter().map(|(word, _, _)| quote(word)).collect();
        match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }
    fn parse(text: &str) -> Result<E, Fault> {
        if let Some((_, member, _)) = E::WORDS.iter().find(|(word, _, _)| *word == text) {
            return Ok(*member);
        }
        if E::LATER.contains(&text) {
            return Err(Fault::new(format!(
                "this version of Tandem does not have {} yet",
                quote(text)
            )));
        }
        let meant = nearest(text, E::WORDS.iter().map(|(word, _, _)| *word)).map(quote);
        Err(Fault::new(format!("{} is not known here", quote(text))).meant(meant))
    }
    fn words() -> Vec<(&'static str, &'static str)> {
        E::WORDS
            .iter()
            .map(|(word, _, meaning)| (*word, meaning.trim()))
            .collect()
    }
    fn later() -> &'static [&'static str] {
        E::LATER
    }
    fn write(value: &E) -> String {
        value.word().to_owned()
    }
    fn schema() -> Json {
        let words: Vec<&str> = E::WORDS.iter().map(|(word, _, _)| *word).collect();
        json!({ "type": "string", "enum": words })
    }
}

/// Declares an enum and the words its members are written as.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        $name:ident { $( $(#[doc = $mdoc:literal])+ $member:ident = $word:literal, )+ } later [$($later:literal),*]
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name { $( $(#[doc = $mdoc])+ $member, )+ }

        impl $crate::form::scalar::Words for $name {
            const WORDS: &'static [(&'static str, Self, &'static str)] =
                &[$( ($word, Self::$member, concat!($($mdoc),+)), )+];
            const LATER: &'static [&'static str] = &[$($later),*];
        }

        impl $name {
            /// The word it is written as.
            pub fn as_str(self) -> &'static str {
                $crate::form::scalar::Words::word(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;
