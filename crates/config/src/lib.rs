//! Configuration of Tandem: one TOML file and its includes, checked whole.
//!
//! [`load`] gives a [`Config`] or every error at once, each with file, line, column, what was expected and what was
//! probably meant; nothing in between. A key is declared once (`model.rs`), and from that one declaration come the
//! field, the reader, [`schema_json`], [`reference_markdown`], [`Config::diff`] and the masked output. Only keys that
//! this version honours are taken: one that a later version will have is refused and said to be so.
//!
//! [`glance`](fn@glance) gives the little that a client of the switch needs of a file that may be refused.
//!
//! The crate is pure: files and environment are read through [`Files`], which the caller implements.

mod check;
mod diff;
mod document;
mod form;
mod glance;
mod load;
mod model;
mod profile;
mod reference;
mod report;
mod section;
mod values;

pub use diff::Change;
pub use document::Files;
pub use form::hours::OpenHours;
pub use glance::{Glance, Said, glance};
pub use load::{check, defaults, load, parse, wildcard};
pub use model::{
    Advance, AfterRinging, Announcement, AnonymousMode, Api, Assertion, AttestRule, Auth, Backup, Ban,
    Billing, CallerHeader, Capacity, Capture, Ceiling, CeilingAction, CeilingFor, Challenge, Class,
    ClientCertificate, Config, Connections, Country, Credit, DayOrMonth, DeckFormat, DeckLayout, DeckRow,
    Destinations, DialPlan, DialRule, DialThen, Digest, DigestAlgorithm, DiversionMode, Dns, Dtmf, Edge,
    Emergency, EmergencyRoute, Engine, Explore, Failover, Floors, Fraud, FraudAction, FraudResponse,
    FraudScope, HeaderAction, HeaderFormats, HeaderRule, Health, Hep, Identity, IdentityHeaders, Irsf,
    Keepalive, Limit, Listen, ListenTls, LongCalls, Media, MessageKind, Network, Node, NumberCheck,
    NumberFormat, NumberIn, NumberRule, NumberStyle, Numbering, Objective, OffHours, OutsideMode, Parallel,
    PlainDigits, Portability, PortabilityMode, PrivacyMode, ReasonMode, Reasons, Records, Redirects,
    RefreshMethod, Register, Registrar, ReliableProvisional, RequestMode, Requests, Role, Routing,
    RowJurisdiction, Rtcp, Screening, ScreeningMode, SdpChanges, Sequential, SessionTimer, Sign, Sip, Sound,
    Spend, Srtp, SrtpKeying, SrtpSuite, Stir, Stop, Supervise, Target, TestBudget, TestCall, TestExpect,
    TimerMode, TlsVersion, Tone, Transcode, Transfer, Transport, Trunk, TrunkCapacity, TrunkFraud, TrunkStir,
    TrunkTls, UnknownNumber, UnknownSources, Unpriced, Until, UriStyle, User, Velocity, Verify, VerstatPlace,
    Wangiri, Way, Weights,
};
pub use profile::{Profile, builtin};
pub use reference::{reference_markdown, schema_json};
pub use report::{Problem, Report};
pub use values::{
    Cidr, Destination, DialPattern, Expression, Host, Part, Pattern, Region, Secret, Source, Template,
    Variable,
};
