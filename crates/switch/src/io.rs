//! What goes into the switch and what comes out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtp_proto::control::{self, LegStats};
use sip_msg::{Message, ParseError};
use sip_proto::{ConnId, Flow, Hop, ListenerId, Reach, Send, SendOrigin, Transport};

use crate::dip::LookupAnswer;
use crate::record::CallRecord;
use crate::snapshot::Snapshot;
use crate::trial::{Probed, TrialId};
use crate::vouch::FetchedCertificate;

/// The moment of an input, by both clocks. Durations come from `at` alone; `unix_ms` only dates things.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Monotonic clock.
    pub at: Instant,
    /// Wall clock, milliseconds since 1970 (UTC).
    pub unix_ms: u64,
}

/// Everything that can happen to a switch.
#[derive(Debug)]
pub enum Input {
    /// One SIP message as it came from the network, not yet parsed.
    Datagram {
        /// Where it came from.
        flow: Flow,
        /// Its bytes.
        bytes: Bytes,
    },
    /// One SIP message that came over a connection, taken out of its stream already.
    Message {
        /// The way it came.
        flow: Flow,
        /// What it says, or what is wrong with it.
        message: Box<Result<Message, ParseError>>,
    },
    /// A request that begins something, and that [`Switch::sift`](crate::Switch::sift) has let through.
    Admitted {
        /// The way it came.
        flow: Flow,
        /// The request.
        message: Box<Message>,
    },
    /// The peer at the other end of a connection has proved that it bears these names, in lower case. Comes before its messages.
    Proved {
        /// The connection.
        conn: ConnId,
        /// DNS names and hosts of SIP URIs in its certificate (RFC 5922 §7.1).
        names: Vec<Box<str>>,
    },
    /// A connection is gone, or could not be made: what was sent on it and not answered has not arrived.
    Disconnected {
        /// The connection: its far end, as requests on their way to it have it, and its number.
        flow: Flow,
        /// Whether requests of ours went over it.
        asked: bool,
    },
    /// A [`Command::Send`] could not be delivered (refused port, broken connection).
    SendFailed {
        /// What the send was for, as it stood in [`Send::origin`].
        origin: SendOrigin,
    },
    /// The network says that nobody listens at this address (ICMP port or host unreachable).
    Unreachable {
        /// By which of our sockets: the same address may be another host's in another network.
        listener: ListenerId,
        /// The address that was sent to.
        remote: SocketAddr,
    },
    /// The media plane speaks.
    Media(control::Event),
    /// The record with this ticket is safe.
    Stored {
        /// As given in [`RecordJob`].
        ticket: u64,
    },
    /// The record with this ticket could not be stored yet; the store keeps it and tries on.
    StoreFailed {
        /// As given in [`RecordJob`].
        ticket: u64,
    },
    /// A name has been looked up; no hops when there are none or the lookup failed.
    Resolved {
        /// As given in [`Command::Resolve`].
        query: u64,
        /// Where to send to, in the order to be tried (RFC 3263 §4.3).
        hops: Vec<Hop>,
    },
    /// A caller's certificate has been fetched, or why it could not be.
    Certificate {
        /// As given in [`Command::FetchCertificate`].
        query: u64,
        /// What its URL has.
        outcome: Result<FetchedCertificate, String>,
    },
    /// A number has been looked up, or why it could not be.
    LookedUp {
        /// As given in [`Command::LookUp`].
        query: u64,
        /// What its server says.
        outcome: Result<LookupAnswer, String>,
    },
    /// A new configuration is in force for what comes from now on.
    Reload(Arc<Snapshot>),
    /// No new calls from now on; calls in progress go on.
    Drain,
    /// End every call that is still up (the drain's deadline has passed).
    EndAll,
    /// Time has passed; [`crate::Switch::poll_timeout`] said so.
    Timer,
}

/// What the switch wants done, in this order.
#[derive(Debug)]
pub enum Command {
    /// Send SIP bytes.
    Send(Send),
    /// From now on what is to go to the far end of `flow`, for its peer, takes its connection (RFC 5923).
    Alias {
        /// The connection, and what it stands for.
        flow: Flow,
    },
    /// Tell the media plane. Boxed: it is seven times as large as the others, and all are moved some times in their lives.
    Media(Box<control::Command>),
    /// Store a record.
    Record(RecordJob),
    /// Keep this over a restart, in place of what came before: where users are registered, for [`crate::Switch::restore`].
    KeepRegistrations(Vec<u8>),
    /// Keep this over a restart, in place of what came before: what is usual for customers, for [`crate::Switch::recall`].
    KeepUsual(Vec<u8>),
    /// Keep this over a restart, in place of what came before: what was learned of carriers, for [`crate::Switch::recall_learned`].
    KeepLearned(Box<route::quality::Saved>),
    /// Messages with this Call-ID belong to this call; said of each leg as it begins, where messages are mirrored
    /// (`hep`) or a trunk is being tested.
    Leg {
        /// The leg's Call-ID.
        call_id: Box<[u8]>,
        /// The call's id.
        call: Box<str>,
    },
    /// Look up a host name; the answer is [`Input::Resolved`].
    Resolve {
        /// To be given back.
        query: u64,
        /// Host name, never an IP literal.
        host: String,
        /// The port, where one is written: then there is no SRV to look for (RFC 3263 §4.2).
        port: Option<u16>,
        /// The transport, where one is written or known: then there is no NAPTR to look for (RFC 3263 §4.1).
        transport: Option<Transport>,
        /// What it can be sent by: what the name leads to beyond that is of no use.
        reach: Reach,
    },
    /// What came of an OPTIONS request of a trunk's test.
    Probed {
        /// Whose.
        trial: TrialId,
        /// To which of the trunk's targets.
        target: usize,
        /// At which of its places; absent where its name leads nowhere.
        place: Option<Hop>,
        /// What.
        probed: Probed,
    },
    /// Fetch a caller's certificate over HTTPS; the answer is [`Input::Certificate`].
    FetchCertificate {
        /// To be given back.
        query: u64,
        /// Where it is.
        url: stir::CertificateUrl,
    },
    /// Tell operators.
    Event(Box<crate::event::Event>),
    /// Look up who serves a number, with `GET`; the answer is [`Input::LookedUp`].
    LookUp {
        /// To be given back.
        query: u64,
        /// Where: http or https.
        url: Box<str>,
        /// After this time no answer is of use any more.
        within: Duration,
    },
}

/// Work for the record store. `ticket` comes back in [`Input::Stored`] or [`Input::StoreFailed`].
#[derive(Debug)]
pub enum RecordJob {
    /// A call has been answered: remember how to end both legs should this process die.
    Journal {
        /// For the answer.
        ticket: u64,
        /// The record as it stands.
        record: Box<CallRecord>,
        /// Both legs' dialogs, as [`crate::LegState`] pairs in JSON.
        dialogs: Vec<u8>,
    },
    /// A long call's account so far.
    Interim {
        /// For the answer.
        ticket: u64,
        /// The record as it stands.
        record: Box<CallRecord>,
    },
    /// The call's one final record.
    Final {
        /// For the answer.
        ticket: u64,
        /// The record.
        record: Box<CallRecord>,
    },
}

/// What [`crate::Switch`] says about an operator's wish to end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOutcome {
    /// It is being ended.
    Ending,
    /// No such call.
    Unknown,
}

/// A call as an operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CallView {
    /// The call's id.
    pub id: String,
    /// `dialing`, `ringing`, `answered` or `ending`.
    pub state: &'static str,
    /// Calling user.
    pub caller: String,
    /// Called user.
    pub called: String,
    /// When the INVITE came, milliseconds since 1970.
    pub started_ms: u64,
    /// Seconds since the answer.
    pub talk_s: Option<u64>,
    /// The caller's leg.
    pub from: LegView,
    /// The leg that is being tried or was answered.
    pub to: Option<LegView>,
    /// Attempts made so far.
    pub attempts: usize,
    /// Whether it is a customer's to emergency services.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// What an application has said of it so far; the store's to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Box<crate::record::FeedbackRecord>>,
}

/// One leg of a [`CallView`].
#[derive(Debug, Clone, serde::Serialize)]
pub struct LegView {
    /// Trunk's name.
    pub trunk: String,
    /// Signalling address of the peer.
    pub peer: SocketAddr,
    /// Call-ID of the leg.
    pub call_id: String,
    /// Local RTP port, if media is reserved.
    pub rtp_port: Option<u16>,
    /// Codec in use, `name/clock`.
    pub codec: Option<String>,
    /// Nothing is heard from it though the other side speaks.
    pub unheard: bool,
    /// What has arrived from it and been sent to it, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Box<LegStats>>,
}
