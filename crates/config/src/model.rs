//! The model: what the rest of Tandem reads, each key declared once. A loaded configuration never changes.

mod access;
mod billing;
mod capacity;
mod class;
mod dialing;
mod edge;
mod emergency;
mod failover;
mod fraud;
mod headers;
mod identity;
mod listen;
mod number_rule;
mod numbers;
mod parallel;
mod portability;
mod routing;
mod sdp;
mod stir;
mod supervise;
mod test_call;
mod trunk;

pub use access::{Challenge, Digest, DigestAlgorithm, Keepalive, Register, Registrar, User};
pub use billing::{Billing, Credit, DayOrMonth, DeckFormat, DeckLayout, DeckRow, RowJurisdiction, Unpriced};
pub use capacity::{Capacity, Limit, TrunkCapacity};
pub use class::{Class, Explore, Floors, Objective};
pub use dialing::{DialPlan, DialRule, DialThen, NumberCheck, UnknownNumber};
pub use edge::{Ban, Destinations, Edge, UnknownSources, Weights};
pub use emergency::{Emergency, EmergencyRoute};
pub use failover::{Advance, AfterRinging, Failover, Redirects, Stop};
pub use fraud::{
    Ceiling, CeilingAction, CeilingFor, Fraud, FraudAction, FraudResponse, FraudScope, Irsf, LongCalls,
    OffHours, Sequential, Spend, TrunkFraud, Velocity, Wangiri,
};
pub use headers::{HeaderAction, HeaderRule, MessageKind, Way};
pub use identity::{
    AnonymousMode, Assertion, CallerHeader, DiversionMode, Identity, OutsideMode, PrivacyMode, ReasonMode,
    Reasons, RequestMode, Requests, Screening, ScreeningMode,
};
pub use listen::{ClientCertificate, Connections, Listen, ListenTls, TlsVersion, Transport};
pub use number_rule::{Backup, NumberRule};
pub use numbers::{HeaderFormats, NumberFormat, NumberIn, NumberStyle, Numbering, PlainDigits, UriStyle};
pub use parallel::{Parallel, Until};
pub use portability::{Portability, PortabilityMode};
pub use routing::Routing;
pub use sdp::SdpChanges;
pub use stir::{AttestRule, IdentityHeaders, Sign, Stir, TrunkStir, Verify, VerstatPlace};
pub use supervise::Supervise;
pub use test_call::{TestBudget, TestCall, TestExpect};
pub use trunk::{
    Announcement, Auth, Dtmf, Health, ReliableProvisional, Role, Rtcp, Srtp, SrtpKeying, SrtpSuite, Target,
    Transcode, Transfer, Trunk, TrunkTls,
};

use crate::form::compound::{Include, List, Opt, OrOff};
use crate::form::net::{Address, HostAndPort, Ip, NameServer, Ports};
use crate::form::scalar::{Choice, Flag, Time, Whole, words};
use crate::form::secret::SecretForm;
use crate::form::text::{FilePath, InterfaceName, Name, Text};
use crate::profile::{Profile, Profiles};
use crate::section::{Table, Tables, section};
use crate::values::Secret;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

section! {
    /// The whole configuration.
    Config, label None, later ["stream"],
    {
        /// More files to read, relative to this one. Their lists of tables add to this file's; any other key is set
        /// in one place only. Included files include no others.
        live include: Vec<String> = Include, default("[]");
        /// This node.
        live node: Node = Table<Node>, default("{}");
        /// Where SIP is listened for; at least one.
        restart listen: Vec<Listen> = Tables<Listen>, default("[]");
        /// Networks that are kept apart: inside and outside, or one per carrier. What names none is in the one that `[media]`
        /// gives its addresses to.
        live networks named "network": Vec<Network> = Tables<Network>, default("[]");
        /// Name servers, and what is made of their answers.
        live dns: Dns = Table<Dns>, default("{}");
        /// Timers and limits of signalling.
        live sip: Sip = Table<Sip>, default("{}");
        /// The media relay.
        live media: Media = Table<Media>, default("{}");
        /// The HTTP interface.
        live api: Api = Table<Api>, default("{}");
        /// The last messages, for the ladders of calls.
        live capture: Capture = Table<Capture>, default("{}");
        /// A copy of every message to a capture server (HEP version 3, as Homer takes it); absent: none.
        live hep: Option<Hep> = Opt<Table<Hep>>, optional;
        /// Call records.
        live records: Records = Table<Records>, default("{}");
        /// Keys that trunks share: a trunk's `profile` names one.
        live profiles named "profile": Vec<Profile> = Profiles, default("[]");
        /// STIR/SHAKEN.
        live stir: Stir = Table<Stir>, default("{}");
        /// Who sends and takes calls; at least one.
        live trunks named "trunk": Vec<Arc<Trunk>> = Tables<Trunk, Arc<Trunk>>, default("[]");
        /// Classes of service.
        live classes named "class": Vec<Class> = Tables<Class>, default("[]");
        /// How carriers are learned.
        live routing: Routing = Table<Routing>, default("{}");
        /// How users of trunks are asked for their passwords.
        live digest: Digest = Table<Digest>, default("{}");
        /// The registrar for users of trunks.
        live registrar: Registrar = Table<Registrar>, default("{}");
        /// Who is kept out, and how much is taken at once.
        live edge: Edge = Table<Edge>, default("{}");
        /// Where customers may call that have no `destinations` of their own.
        live destinations: Destinations = Table<Destinations>, default("{}");
        /// Currencies of decks and records.
        live billing: Billing = Table<Billing>, default("{}");
        /// How full trunks may become.
        live capacity: Capacity = Table<Capacity>, default("{}");
        /// How many calls there may be to certain numbers.
        live limits named "limit": Vec<Limit> = Tables<Limit>, default("[]");
        /// Stolen and faked calls: what is looked for, and what is done about it.
        live fraud: Fraud = Table<Fraud>, default("{}");
        /// Sounds that trunks' keys name.
        live sounds named "sound": Vec<Sound> = Tables<Sound>, default("[]");
        /// Who gets calls to which numbers.
        live numbers named "number": Vec<NumberRule> = Tables<NumberRule>, default("[]");
        /// How people dial, and which numbers they mean.
        live dial_plans named "dial_plan": Vec<DialPlan> = Tables<DialPlan>, default("[]");
        /// Calls to emergency services.
        live emergency: Emergency = Table<Emergency>, default("{}");
        /// Calls that the switch makes by itself to test carriers.
        live test_calls named "test_call": Vec<TestCall> = Tables<TestCall>, default("[]");
        /// Number portability.
        live portability: Portability = Table<Portability>, default("{}");
    }
}

section! {
    /// This node.
    Node, label None, later [],
    {
        /// Its name, in records, logs and metrics.
        restart name: String = Name, default("'tandem'");
        /// The region it stands in: of its networks that name none, and in records.
        restart region: Option<String> = Opt<Name>, optional;
        /// Directory of everything the node keeps: records, and the journal of calls in progress.
        restart data_dir: PathBuf = FilePath, default("'/var/lib/tandem'");
    }
}

section! {
    /// A network that is kept apart from others. Its signalling is its listeners'; what one side of a call sees is of its own
    /// network only.
    Network, label Some("name"), later [],
    {
        /// Its name, to which `network` of listeners and trunks refers.
        live name: String = Name, required;
        /// The local address of media in it.
        live bind: IpAddr = Ip,
            derived(IpAddr::V4(Ipv4Addr::UNSPECIFIED), "the address of its first listener, and what that advertises");
        /// The address written into SDP, where NAT stands in front or `bind` is a wildcard.
        live advertise: Option<IpAddr> = Opt<Ip>, optional;
        /// The region it stands in: calls that come by its listeners go to carriers and targets of the same region before others, and
        /// emergency calls to the routes of that region.
        live region: Option<String> = Opt<Name>, derived(None, "`node.region`");
    }
}

section! {
    /// Name servers, and what is made of their answers. Targets that are host names are located as RFC 3263 says, in the
    /// background: no call waits for a name server longer than for its target (`failover.trying`).
    Dns, label None, later [],
    {
        /// The servers; none written: the system's (`/etc/resolv.conf`).
        restart servers: Vec<SocketAddr> = List<NameServer>, default("[]");
        /// A lookup that has taken this long has failed.
        restart timeout: Duration = Time<100, 60_000>, default("'3s'");
        /// What the servers have said serves for this long beyond its time while they do not answer.
        restart stale: Option<Duration> = OrOff<Time<1_000, 604_800_000>>, default("'1h'");
    }
}

section! {
    /// Timers and limits of signalling, for the whole switch.
    Sip, label None, later [],
    {
        /// T1 of RFC 3261 §17: the estimated round-trip time, first interval of retransmission; a transaction gives
        /// up after 64 of it.
        restart t1: Duration = Time<10, 10_000>, default("'500ms'");
        /// T2 of RFC 3261 §17: the longest interval of retransmission.
        restart t2: Duration = Time<10, 60_000>, default("'4s'");
        /// T4 of RFC 3261 §17: the longest that a message stays in the network.
        restart t4: Duration = Time<10, 60_000>, default("'5s'");
        /// A call that lasts this long is ended.
        live max_call_duration: Duration = Time<1_000, 604_800_000>, default("'4h'");
        /// Session timers, for trunks that have none of their own.
        live session_timer: SessionTimer = Table<SessionTimer>, default("{}");
        /// After SIGTERM calls may go on for this long; what is left then is hung up.
        live drain: Duration = Time<0, 86_400_000>, default("'20s'");
        /// Calls at once; above it new ones get 503.
        live max_calls: u32 = Whole<u32, 1, 1_000_000>, default("5000");
        /// Transactions at once; above it new requests get 503.
        restart max_transactions: u32 = Whole<u32, 100, 10_000_000>, default("100000");
        /// A call that we sent to a trunk, and that comes back from there for another number, goes on so many times; then, and at once
        /// when it comes back for the same number, it is refused with 482. Calls that come back without a trace of it (through
        /// another switch) are refused when so many of the same two numbers are being set up towards the trunk that they come from.
        live max_spirals: u8 = Whole<u8, 0, 70>, default("5");
        /// The text of our User-Agent and Server headers; absent: none is written.
        restart user_agent: Option<String> = Opt<Text>, optional;
        /// Requests of ours stay with UDP however long they are. Otherwise one above 1300 bytes goes by TCP where the peer takes
        /// that and its network has a TCP listener (RFC 3261 §18.1.1).
        live udp_only: bool = Flag, default("false");
        /// Connections of the stream transports (TCP, TLS, WebSocket).
        live connections: Connections = Table<Connections>, default("{}");
    }
}

section! {
    /// How an answered call is found to be dead: one side of each leg says from time to time that it still is (RFC 4028).
    SessionTimer, label None, later [],
    {
        /// Whether it is done.
        live mode: TimerMode = Choice<TimerMode>, default("'auto'");
        /// The session interval that is asked for, and the longest that is agreed to; the call is refreshed at half of it.
        live expires: Duration = Time<90_000, 86_400_000>, default("'30m'");
        /// The shortest interval that is agreed to (422 otherwise). RFC 4028 §5 allows none below 90 s.
        live min_se: Duration = Time<90_000, 86_400_000>, default("'90s'");
        /// How a call is refreshed.
        live method: RefreshMethod = Choice<RefreshMethod>, default("'update'");
    }
}

words! {
    /// Whether calls have session timers.
    TimerMode {
        /// With peers that have them too.
        Auto = "auto",
        /// Never asked for or agreed to. Refreshes that come are answered all the same.
        Off = "off",
        /// Always: our INVITEs insist on it, and those that come without are refused with 421.
        Require = "require",
    } later []
}

words! {
    /// How a call is refreshed.
    RefreshMethod {
        /// By UPDATE without a session description, where the peer has UPDATE in its Allow; by re-INVITE otherwise.
        Update = "update",
        /// By re-INVITE with the session description as it is.
        Invite = "invite",
    } later []
}

section! {
    /// The media relay.
    Media, label None, later ["udp_only"],
    {
        /// The local address of media.
        live bind: IpAddr = Ip,
            derived(IpAddr::V4(Ipv4Addr::UNSPECIFIED), "the first listener's address, and what it advertises");
        /// The address written into SDP, where NAT stands in front or `bind` is a wildcard.
        live advertise: Option<IpAddr> = Opt<Ip>, optional;
        /// Ports of media: RTP on the even ones, RTCP on the odd ones; a call takes two pairs. Keep them below the
        /// kernel's own range (32768 and up).
        live ports: RangeInclusive<u16> = Ports, default("'10000-29999'");
        /// What relays packets.
        restart engine: Engine = Choice<Engine>, default("'auto'");
        /// Interfaces whose packets the kernel relays, if not those of all. One that is not there yet gets its turn when it
        /// comes; what arrives by others is relayed in userspace.
        restart interfaces: Vec<String> = List<InterfaceName>, default("[]");
        /// Threads of the relay.
        restart workers: Option<u16> = Opt<Whole<u16, 1, 256>>, derived(None, "one per processor core");
        /// A call is ended when no media arrived for this long where some was due.
        live rtp_timeout: Option<Duration> = OrOff<Time<1_000, 86_400_000>>, default("'60s'");
        /// The same while a call is on hold.
        live hold_timeout: Option<Duration> = OrOff<Time<1_000, 86_400_000>>, default("'1h'");
        /// A side of an answered call that sends nothing for this long while the other one speaks is noticed: in the log, the
        /// call, its record and the metrics. Five times as long where its stream has had pauses of a second before: it
        /// suppresses silence.
        live one_way_after: Option<Duration> = OrOff<Time<1_000, 3_600_000>>, default("'4s'");
        /// Listening behind answers.
        live supervise: Supervise = Table<Supervise>, default("{}");
        /// DSCP of media packets; 46 is expedited forwarding (RFC 3246).
        live dscp: u8 = Whole<u8, 0, 63>, default("46");
    }
}

words! {
    /// What relays packets.
    Engine {
        /// The kernel where it allows it, else userspace; the log says why.
        Auto = "auto",
        /// Plain RTP in the kernel (eBPF): it does not start where that is not to be had.
        Kernel = "kernel",
        /// Threads of this process.
        Userspace = "userspace",
    } later []
}

section! {
    /// The HTTP interface: calls, trunks, records, reload, metrics.
    Api, label None, later [],
    {
        /// The local address and port. It asks nobody for a password: keep it on loopback or a management network.
        restart bind: SocketAddr = Address, default("'127.0.0.1:8080'");
    }
}

section! {
    /// The last messages, for the ladders of calls. Passwords' proofs, keys of media and digits are never shown.
    Capture, label None, later [],
    {
        /// Megabytes of messages that are kept in memory, the oldest of which go first: 32 hold some 2,500 calls. Off: no
        /// ladders.
        restart memory: Option<u32> = OrOff<Whole<u32, 1, 4096>>, default("32");
    }
}

section! {
    /// A capture server. What cannot be copied (it is slow, gone, or has no address) is lost and counted, and harms no call.
    Hep, label None, later [],
    {
        /// Its host and UDP port.
        live server: String = HostAndPort, required;
        /// Our number there.
        live id: u32 = Whole<u32, 0, 2_000_000_000>, default("1");
        /// The key that it wants to see.
        live key: Option<Secret> = Opt<SecretForm>, optional;
    }
}

section! {
    /// Call records: one per call, whatever ended it.
    Records, label None, later [],
    {
        /// The database file.
        restart path: Option<PathBuf> = Opt<FilePath>, derived(None, "`records.db` in `node.data_dir`");
        /// A call waits this long at most for its record to be stored; then it goes on and the record is spooled.
        live store_deadline: Duration = Time<1, 10_000>, default("'200ms'");
        /// A call in progress gets an interim record this often.
        live interim_interval: Option<Duration> = OrOff<Time<1_000, 86_400_000>>, default("'15m'");
        /// Records held in memory while the store fails; above it the oldest interim ones go first.
        restart spool: u32 = Whole<u32, 1, 1_000_000>, default("10000");
    }
}

section! {
    /// A sound: a tone, or a recording.
    Sound, label Some("name"), later [],
    {
        /// Its name, in other keys.
        live name: String = Name, required;
        /// A tone of the telephone network, with its cadence.
        live tone: Option<Tone> = Opt<Choice<Tone>>, optional;
        /// As the tone sounds where.
        live country: Country = Choice<Country>, default("'us'");
        /// A recording: a WAV file of 16-bit samples, A-law or mu-law.
        live file: Option<PathBuf> = Opt<FilePath>, optional;
        /// How often it is played; 0: until it has to stop.
        live times: u16 = Whole<u16, 0, 1_000>, default("0");
    }
}

words! {
    /// What a tone says (ITU-T E.182).
    Tone {
        /// The called side rings.
        Ringback = "ringback",
        /// The called side is busy.
        Busy = "busy",
        /// No way through.
        Congestion = "congestion",
        /// The number does not exist: the special information tone.
        Unobtainable = "unobtainable",
    } later []
}

words! {
    /// Whose telephones a tone is to sound like.
    Country {
        /// United States and Canada.
        Us = "us",
        /// United Kingdom.
        Uk = "uk",
        /// Germany, and most of Europe.
        De = "de",
        /// France.
        Fr = "fr",
        /// Italy.
        It = "it",
    } later []
}

impl Config {
    /// The trunk of this name.
    pub fn trunk(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// The place of a network by its name: 0 for the one without, then the networks in their order. `None`: there is none.
    pub fn network_place(&self, name: Option<&str>) -> Option<usize> {
        let Some(name) = name else { return Some(0) };
        let index = self.networks.iter().position(|network| network.name == name);
        index.map(|index| index + 1)
    }
}
