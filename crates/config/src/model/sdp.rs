//! Changes to session descriptions.

use crate::form::compound::{List, Opt};
use crate::form::scalar::{Flag, Whole};
use crate::form::text::SdpAttribute;
use crate::section::section;

section! {
    /// Changes to the SDP that a trunk gets. Telephone events are left out by `dtmf`, codecs by `codecs`.
    SdpChanges, label None, later [],
    {
        /// Attributes that are left out, such as `"rtcp"` or `"ssrc"`; not those that media is held together by.
        live remove_attributes: Vec<String> = List<SdpAttribute>, default("[]");
        /// Whether lines about bandwidth (`b=`) are left out.
        live remove_bandwidth: bool = Flag, default("false");
        /// Milliseconds of audio that it's asked to put into a packet, whatever the other side asks for.
        live ptime: Option<u16> = Opt<Whole<u16, 10, 200>>, optional;
    }
}
