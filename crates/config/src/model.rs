//! The model: what the rest of Tandem reads. Immutable once loaded.
use crate::values::{Cidr, Host, Pattern, Secret, Source};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// `[node]`
    pub node: Node,
    /// `[[listen]]`, at least one.
    pub listen: Vec<Listen>,
    /// `[sip]`
    pub sip: Sip,
    /// `[media]`
    pub media: Media,
    /// `[api]`
    pub api: Api,
    /// `[records]`
    pub records: Records,
    /// `[[trunk]]`, at least one.
    pub trunks: Vec<Arc<Trunk>>,
    /// `[[class]]`
    pub classes: Vec<Class>,
    /// `[[number]]`
    pub numbers: Vec<NumberRule>,
}

/// `[node]`
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Name of this node.
    pub name: String,
    /// Region.
    pub region: Option<String>,
    /// Directory of what the node keeps.
    pub data_dir: PathBuf,
}

/// `[[listen]]`
#[derive(Clone, PartialEq, Debug)]
pub struct Listen {
    /// Transport.
    pub transport: Transport,
    /// Local address.
    pub bind: SocketAddr,
    /// Address written into messages where NAT stands in front.
    pub advertise: Option<SocketAddr>,
}

/// Transports that this version listens on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// UDP
    Udp,
}

/// `[sip]`
#[derive(Clone, PartialEq, Debug)]
pub struct Sip {
    /// RFC 3261 T1.
    pub t1: Duration,
    /// RFC 3261 T2.
    pub t2: Duration,
    /// RFC 3261 T4.
    pub t4: Duration,
    /// A call is ended after this long.
    pub max_call_duration: Duration,
    /// Calls in the whole switch.
    pub max_calls: u32,
    /// Transactions in the whole switch.
    pub max_transactions: u32,
    /// User-Agent and Server header.
    pub user_agent: Option<String>,
}

/// `[media]`
#[derive(Clone, PartialEq, Debug)]
pub struct Media {
    /// Local address of media sockets.
    pub bind: IpAddr,
    /// Address written into SDP.
    pub advertise: Option<IpAddr>,
    /// RTP and RTCP ports; begins even, ends odd.
    pub ports: RangeInclusive<u16>,
    /// Which engine relays.
    pub engine: Engine,
    /// Threads; None: one per core.
    pub workers: Option<u16>,
    /// A call without RTP for this long is ended; None: never.
    pub rtp_timeout: Option<Duration>,
    /// The same while a call is on hold; None: never.
    pub hold_timeout: Option<Duration>,
    /// DSCP of media packets, 0..=63.
    pub dscp: u8,
}

/// Media engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The best that runs here.
    Auto,
    /// Userspace relay.
    Userspace,
}

/// `[api]`
#[derive(Clone, PartialEq, Debug)]
pub struct Api {
    /// Local address of the HTTP server.
    pub bind: SocketAddr,
}

/// `[records]`
#[derive(Clone, PartialEq, Debug)]
pub struct Records {
    /// The database; None: `records.db` in `node.data_dir`.
    pub path: Option<PathBuf>,
    /// How long a call waits for its record at most.
    pub store_deadline: Duration,
    /// Interim records of long calls; None: none.
    pub interim_interval: Option<Duration>,
    /// Records held in memory while the store fails.
    pub spool: u32,
}

/// `[[trunk]]`
#[derive(Clone, PartialEq, Debug)]
pub struct Trunk {
    /// Unique name.
    pub name: String,
    /// Customer or carrier.
    pub role: Role,
    /// False: takes and gets no new calls.
    pub enabled: bool,
    /// Requests from here are this trunk's.
    pub sources: Vec<Source>,
    /// Where calls to this trunk go. For a customer without any: its single-address sources.
    pub targets: Vec<Target>,
    /// Class of service of calls from this customer.
    pub class: Option<String>,
    /// Order among carriers, lower first.
    pub priority: u16,
    /// Calls at once.
    pub max_calls: Option<u32>,
    /// New calls per second.
    pub max_cps: Option<f64>,
    /// Codec names in order; empty: all.
    pub codecs: Vec<String>,
    /// OPTIONS every so often; None: never.
    pub options_interval: Option<Duration>,
    /// Answers to OPTIONS that mean down.
    pub options_down: Vec<u16>,
    /// Rate deck.
    pub deck: Option<PathBuf>,
    /// Credentials for challenges of this trunk.
    pub auth: Option<Auth>,
    /// What failures of this trunk mean.
    pub failover: Failover,
    /// Latch to the source that media really comes from.
    pub symmetric_rtp: bool,
    /// Addresses that media may come from and go to; empty: all.
    pub media_acl: Vec<Cidr>,
    /// A re-latch may change the address too.
    pub rebind_any_address: bool,
    /// Instead of `media.rtp_timeout`.
    pub rtp_timeout: Option<Duration>,
    /// Host part of From towards this trunk; None: our address.
    pub from_domain: Option<String>,
    /// Headers carried over to and from this trunk.
    pub pass_headers: Vec<String>,
    /// How numbers are written towards this trunk.
    pub number_format: NumberFormat,
}

/// Role of a trunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// May call out; gets calls by number.
    Customer,
    /// Takes calls to the telephone network; brings calls in.
    Carrier,
}

/// One of `targets`.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// As written: `sip:host:port`.
    pub uri: String,
    /// Its host.
    pub host: Host,
    /// Its port, when written.
    pub port: Option<u16>,
    /// Lower first.
    pub priority: u16,
    /// Share among equal priorities.
    pub weight: u16,
}

/// `auth`
#[derive(Clone, PartialEq, Debug)]
pub struct Auth {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Only challenges of this realm are answered.
    pub realm: Option<String>,
}

/// `failover`
#[derive(Clone, PartialEq, Debug)]
pub struct Failover {
    /// Advance to the next attempt.
    pub advance: Vec<Advance>,
    /// Stop hunting.
    pub stop: Vec<u16>,
    /// Time for the first answer of any kind.
    pub trying: Duration,
    /// Time for 101..199 or a final answer.
    pub progress: Duration,
    /// Time for the final answer once there was progress.
    pub answer: Duration,
    /// Attempts per call at most.
    pub attempts: u16,
}

/// One entry of `failover.advance`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advance {
    /// This final status.
    Status(u16),
    /// No 100 or no progress in time.
    Timeout,
}

/// `number_format`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberFormat {
    /// With or without `+`.
    pub style: NumberStyle,
    /// Digits taken from the front.
    pub strip: u8,
    /// Digits put in front after that.
    pub prepend: String,
}

/// With or without `+`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberStyle {
    /// As it came.
    AsIs,
    /// With `+`.
    E164,
    /// Without `+`.
    Digits,
}

/// `[[class]]`
#[derive(Clone, PartialEq, Debug)]
pub struct Class {
    /// Unique name.
    pub name: String,
    /// What counts.
    pub objective: Objective,
    /// Trunks allowed; empty: all carriers.
    pub trunks: Vec<String>,
    /// Trunks never taken.
    pub excluded: Vec<String>,
    /// Highest price per minute.
    pub max_price: Option<f64>,
}

/// `objective`
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Objective {
    /// Weight of the price.
    pub price: f64,
    /// Weight of the quality.
    pub quality: f64,
}

/// `[[number]]`
#[derive(Clone, PartialEq, Debug)]
pub struct NumberRule {
    /// `match`
    pub pattern: Pattern,
    /// Trunks in order.
    pub to: Vec<String>,
}
