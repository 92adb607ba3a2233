//! Why nothing can be offered to a side.

use std::fmt;

use super::NOT_ACCEPTABLE;

/// Why nothing can be offered to a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The other side's offer has no stream that is relayed, or none that its own trunk lets it have.
    Stream,
    /// No codec passes both trunks' lists, and none may be converted.
    Codecs,
    /// The trunk wants encryption, which this stream can't have.
    Encryption,
    /// There are no ports left.
    Ports,
}

impl Unfit {
    /// The SIP status that says so.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Stream | Self::Codecs | Self::Encryption => NOT_ACCEPTABLE,
            Self::Ports => 503,
        }
    }
}

impl From<Unfit> for u16 {
    fn from(unfit: Unfit) -> Self {
        unfit.status()
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "no stream that is relayed, under the srtp of its own trunk",
            Self::Codecs => "no codec that both trunks take, and none to convert",
            Self::Encryption => "srtp is required, and this has none",
            Self::Ports => "no media ports left",
        })
    }
}
