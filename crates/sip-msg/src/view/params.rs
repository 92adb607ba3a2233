//! `;name=value` lists.

use std::borrow::Cow;

use super::ViewError;

/// The parameters behind a URI, a name-addr or a Via.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
}

impl<'a> Params<'a> {
    /// Checks a list that begins with `;` (or is empty).
    pub fn parse(raw: &'a [u8]) -> Result<Self, ViewError> {
        Ok(Self { raw })
    }
    /// The list as sent, with its first `;`.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
    /// The value of a parameter, name in any case: `None` not there, `Some(None)` there without value. Quotes stay: [`unquote`].
    pub fn get(&self, _name: &str) -> Option<Option<&'a [u8]>> {
        todo!()
    }
    /// Whether a parameter is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// All of them in order.
    pub fn iter(&self) -> ParamsIter<'a> {
        ParamsIter { rest: self.raw }
    }
}

/// Iterator of [`Params::iter`]: name and value.
#[derive(Clone, Debug)]
pub struct ParamsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ParamsIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    fn next(&mut self) -> Option<Self::Item> {
        self.rest = &[];
        todo!()
    }
}

/// A value without its quotes and backslashes; as it is when it isn't quoted.
pub fn unquote(_value: &[u8]) -> Cow<'_, [u8]> {
    todo!()
}
