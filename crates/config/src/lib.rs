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
pub use glance::{Glance, Said, glance};
pub use load::{check, defaults, load, parse, wildcard};
pub use model::{
    Advance, Announcement, AnonymousMode, Api, Assertion, AttestRule, Auth, Ban, CallerHeader, Capture,
    Challenge, Class, ClientCertificate, Config, Connections, Country, Destinations, Digest, DigestAlgorithm,
    DiversionMode, Dns, Dtmf, Edge, Engine, Failover, HeaderAction, HeaderFormats, HeaderRule, Health, Hep,
    Identity, IdentityHeaders, Keepalive, Listen, ListenTls, Media, MessageKind, Network, Node, NumberFormat,
    NumberIn, NumberRule, NumberStyle, Numbering, Objective, OutsideMode, PlainDigits, PrivacyMode,
    ReasonMode, Reasons, Records, RefreshMethod, Register, Registrar, ReliableProvisional, RequestMode,
    Requests, Role, Routing, Rtcp, Screening, ScreeningMode, SdpChanges, SessionTimer, Sign, Sip, Sound, Srtp,
    SrtpKeying, SrtpSuite, Stir, Target, TimerMode, TlsVersion, Tone, Transcode, Transfer, Transport, Trunk,
    TrunkStir, TrunkTls, UnknownSources, UriStyle, User, Verify, VerstatPlace, Way, Weights,
};
pub use profile::{Profile, builtin};
pub use reference::{reference_markdown, schema_json};
pub use report::{Problem, Report};
pub use values::{Cidr, Destination, Expression, Host, Part, Pattern, Secret, Source, Template, Variable};
