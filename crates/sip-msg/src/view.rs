//! Borrowed views of header values.

mod name_addr;
mod params;
mod uri;
mod values;
mod via;

pub use name_addr::NameAddr;
pub use params::{Params, ParamsIter, unescape_quoted, unquote};
#[cfg(feature = "rsip")]
pub(crate) use uri::address;
pub use uri::{SipUri, TelUri, Uri, request_uri};
pub use values::Values;
pub(crate) use values::first as first_value;
pub use via::Via;

/// Why a value can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The value is empty.
    #[error("empty")]
    Empty,
    /// A quoted string without its end.
    #[error("quote not closed")]
    Quote,
    /// `<` without `>`, or something that may not stand there around them.
    #[error("angle brackets")]
    Brackets,
    /// An unquoted display name with characters that need quotes.
    #[error("display name")]
    Display,
    /// A parameter without a name, or with an illegal character.
    #[error("parameter")]
    Param,
    /// No scheme, or one with illegal characters.
    #[error("URI scheme")]
    Scheme,
    /// A URI with illegal characters, or one outside of brackets that needs them.
    #[error("URI")]
    Uri,
    /// A host that is neither name nor address.
    #[error("host")]
    Host,
    /// A port that is no number up to 65535.
    #[error("port")]
    Port,
    /// A Via without protocol, version or transport.
    #[error("sent-protocol")]
    Protocol,
}
