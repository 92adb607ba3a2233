//! Header names: an id for each that matters, with compact forms (RFC 3261 §7.3.3 and the registry).

/// One header line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Which header it is.
    pub id: HeaderId,
    /// The name as it was sent, without blanks.
    pub name: &'a [u8],
    /// The value without surrounding blanks; folds (CRLF and a blank) are still inside.
    pub value: &'a [u8],
    /// The whole line with folds and its last CRLF.
    pub line: &'a [u8],
}

macro_rules! headers {
    ($($variant:ident = $name:literal $(, $compact:literal)? ;)*) => {
        /// A header that this program knows by name; every other one is [`HeaderId::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HeaderId {
            $(
                #[doc = $name]
                $variant,
            )*
            /// A header without an id; look it up by name.
            Other,
        }

        const KNOWN: &[(&str, HeaderId)] = &[
            $(($name, HeaderId::$variant), $(($compact, HeaderId::$variant),)?)*
        ];

        impl HeaderId {
            /// The name as the RFCs write it; empty for [`HeaderId::Other`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "",
                }
            }
        }
    };
}

headers! {
    Accept = "Accept";
    AcceptContact = "Accept-Contact", "a";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AlertInfo = "Alert-Info";
    Allow = "Allow";
    AllowEvents = "Allow-Events", "u";
    AnswerMode = "Answer-Mode";
    AuthenticationInfo = "Authentication-Info";
    Authorization = "Authorization";
    CallId = "Call-ID", "i";
    CallInfo = "Call-Info";
    Contact = "Contact", "m";
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding", "e";
    ContentId = "Content-ID";
    ContentLanguage = "Content-Language";
    ContentLength = "Content-Length", "l";
    ContentType = "Content-Type", "c";
    CSeq = "CSeq";
    Date = "Date";
    Diversion = "Diversion";
    ErrorInfo = "Error-Info";
    Event = "Event", "o";
    Expires = "Expires";
    FlowTimer = "Flow-Timer";
    From = "From", "f";
    Geolocation = "Geolocation";
    HistoryInfo = "History-Info";
    Identity = "Identity", "y";
    IdentityInfo = "Identity-Info", "n";
    InfoPackage = "Info-Package";
    InReplyTo = "In-Reply-To";
    Join = "Join";
    MaxBreadth = "Max-Breadth";
    MaxForwards = "Max-Forwards";
    MimeVersion = "MIME-Version";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    Organization = "Organization";
    PAccessNetworkInfo = "P-Access-Network-Info";
    PAssertedIdentity = "P-Asserted-Identity";
    PAssociatedUri = "P-Associated-URI";
    Path = "Path";
    PAttestationIndicator = "P-Attestation-Indicator";
    PCalledPartyId = "P-Called-Party-ID";
    PChargingVector = "P-Charging-Vector";
    PEarlyMedia = "P-Early-Media";
    POriginationId = "P-Origination-ID";
    PPreferredIdentity = "P-Preferred-Identity";
    Priority = "Priority";
    Privacy = "Privacy";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthenticationInfo = "Proxy-Authentication-Info";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    RAck = "RAck";
    Reason = "Reason";
    RecordRoute = "Record-Route";
    RecvInfo = "Recv-Info";
    ReferredBy = "Referred-By", "b";
    ReferSub = "Refer-Sub";
    ReferTo = "Refer-To", "r";
    RejectContact = "Reject-Contact", "j";
    RemotePartyId = "Remote-Party-ID";
    Replaces = "Replaces";
    ReplyTo = "Reply-To";
    RequestDisposition = "Request-Disposition", "d";
    Require = "Require";
    ResourcePriority = "Resource-Priority";
    RetryAfter = "Retry-After";
    Route = "Route";
    RSeq = "RSeq";
    Server = "Server";
    ServiceRoute = "Service-Route";
    SessionExpires = "Session-Expires", "x";
    SessionId = "Session-ID";
    SipEtag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    Subject = "Subject", "s";
    SubscriptionState = "Subscription-State";
    Supported = "Supported", "k";
    TargetDialog = "Target-Dialog";
    Timestamp = "Timestamp";
    To = "To", "t";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    UserToUser = "User-to-User";
    Via = "Via", "v";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

/// Slots of the name table; `hash` spreads the known names so that nearly each has a slot of its own.
const SLOTS: usize = 512;
static TABLE: [(&[u8], HeaderId); SLOTS] = table();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; an index out of range would not build"
)]
const fn table() -> [(&'static [u8], HeaderId); SLOTS] {
    let mut t: [(&[u8], HeaderId); SLOTS] = [(&[], HeaderId::Other); SLOTS];
    let mut i = 0;
    while i < KNOWN.len() {
        let name = KNOWN[i].0.as_bytes();
        let mut slot = hash(name[0], name[name.len() / 2], name[name.len() - 1], name.len());
        while !t[slot].0.is_empty() {
            slot = (slot + 1) % SLOTS;
        }
        t[slot] = (name, KNOWN[i].1);
        i += 1;
    }
    t
}

const fn hash(first: u8, middle: u8, last: u8, len: usize) -> usize {
    let a = (first | 0x20) as usize;
    let b = (middle | 0x20) as usize;
    let c = (last | 0x20) as usize;
    (a.wrapping_mul(31) ^ b.wrapping_mul(79) ^ c.wrapping_mul(7) ^ len.wrapping_mul(149)) % SLOTS
}

/// Equality by whole words: names are too short for a call of `memcmp` to pay.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (
        a.first_chunk::<8>(),
        b.first_chunk::<8>(),
        a.last_chunk::<8>(),
        b.last_chunk::<8>(),
    ) {
        (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) => {
            let ends = a_first == b_first && a_last == b_last;
            ends && (a.len() <= 16 || a.get(8..a.len() - 8) == b.get(8..b.len() - 8))
        }
        _ => a.iter().zip(b).all(|(x, y)| x == y),
    }
}

impl HeaderId {
    /// The id of a name in any case, long or compact; [`HeaderId::Other`] for an unknown one.
    pub fn from_name(name: &[u8]) -> Self {
        let (Some(&first), Some(&middle), Some(&last)) =
            (name.first(), name.get(name.len() / 2), name.last())
        else {
            return Self::Other;
        };
        let mut slot = hash(first, middle, last, name.len());
        while let Some((known, id)) = TABLE.get(slot)
            && !known.is_empty()
        {
            // Most names come in the RFCs' spelling.
            if same(known, name) || known.eq_ignore_ascii_case(name) {
                return *id;
            }
            slot = (slot + 1) % SLOTS;
        }
        Self::Other
    }

    /// Whether a comma in the value separates values (RFC 3261 §7.3.1). Not so for credentials and challenges, whose commas
    /// separate parameters, nor for dates and free text.
    pub const fn is_list(self) -> bool {
        !matches!(
            self,
            Self::Authorization
                | Self::ProxyAuthorization
                | Self::WwwAuthenticate
                | Self::ProxyAuthenticate
                | Self::AuthenticationInfo
                | Self::ProxyAuthenticationInfo
                | Self::CallId
                | Self::ContentLength
                | Self::ContentType
                | Self::CSeq
                | Self::Date
                | Self::From
                | Self::MaxForwards
                | Self::Organization
                | Self::ReplyTo
                | Self::RetryAfter
                | Self::Server
                | Self::Subject
                | Self::To
                | Self::UserAgent
                | Self::Other
        )
    }

    /// Whether a message may have only one line of it, so that a second one makes the message ambiguous.
    pub const fn is_single(self) -> bool {
        self.single_bit() != 0
    }

    /// A bit of its own for each header of which a message may have one; 0 for the others.
    #[inline]
    pub(crate) const fn single_bit(self) -> u32 {
        match self {
            Self::CallId => 1,
            Self::ContentType => 1 << 1,
            Self::CSeq => 1 << 2,
            Self::Event => 1 << 3,
            Self::Expires => 1 << 4,
            Self::From => 1 << 5,
            Self::MaxForwards => 1 << 6,
            Self::MinExpires => 1 << 7,
            Self::MinSe => 1 << 8,
            Self::RAck => 1 << 9,
            Self::ReferredBy => 1 << 10,
            Self::ReferTo => 1 << 11,
            Self::Replaces => 1 << 12,
            Self::RSeq => 1 << 13,
            Self::SessionExpires => 1 << 14,
            Self::To => 1 << 15,
            _ => 0,
        }
    }
}
