//! Trunks.

use super::billing::{Credit, DeckFormat, DeckRow, Unpriced};
use super::capacity::TrunkCapacity;
use super::edge::Destinations;
use super::failover::{Failover, Redirects};
use super::fraud::TrunkFraud;
use super::headers::HeaderRule;
use super::identity::{Identity, Reasons, Requests, Screening};
use super::numbers::{HeaderFormats, NumberFormat, Numbering};
use super::sdp::SdpChanges;
use super::{PortabilityMode, SessionTimer, Transport, TrunkStir};
use crate::form::compound::{FailureStatus, List, NumberFormatForm, OneOrList, Opt, OrOff};
use crate::form::net::{Domain, HostName, Range, SourceForm, TargetUri, split_target};
use crate::form::scalar::{Choice, Decimal, Flag, Time, Whole, words};
use crate::form::secret::SecretForm;
use crate::form::text::{Codec, FilePath, MediaType, Name, PassedHeader, RegionForm, Text};
use crate::model::{Challenge, Register, User};
use crate::section::{Table, section};
use crate::values::{Cidr, Host, Region, Secret, Source};
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Somebody who sends or takes calls: a customer (a PBX, an on-prem SBC, a voice application) or a carrier.
    Trunk, label Some("name"), profiled true,
    later [],
    {
        /// Its name, in records, metrics and other keys.
        live name: String = Name, required;
        /// A table of keys that hold here unless they are written here: the name of a `[[profile]]`, or of one that
        /// comes with Tandem (`tandem profiles` lists those).
        live profile: Option<String> = Opt<Name>, optional;
        /// What it is to us.
        live role: Role = Choice<Role>, required;
        /// Whether it sends and gets new calls.
        live enabled: bool = Flag, default("true");
        /// No new calls to it and from it (503): those that are up go on, and it is still pinged. `tandem trunks drain` does the same
        /// until the next start.
        live drain: bool = Flag, default("false");
        /// The `[[network]]` that it is in. Only what comes by a listener of it is this trunk's, and calls to it leave by one.
        live network: Option<String> = Opt<Name>, optional;
        /// Requests from here are this trunk's: the narrowest range that fits decides, a port that fits before none.
        /// A customer needs at least one, or `users`.
        live sources: Vec<Source> = List<SourceForm>, default("[]");
        /// Requests from the addresses that these names lead to are this trunk's, too: hosts, or domains with SIP services (SRV). They are
        /// looked up in the background; addresses that some trunk's `sources` have written go first.
        live source_names: Vec<String> = List<HostName>, default("[]");
        /// Requests over TLS are this trunk's as well when the client's certificate, which the listener has checked, is for one of
        /// these names; they decide before the address does.
        live tls_names: Vec<String> = List<Domain>, default("[]");
        /// Where calls to it go. A carrier needs at least one; a customer without any gets its calls at those of its
        /// `sources` that are single addresses, or where its `users` are registered.
        live targets: Vec<Target> = List<Table<Target>>, default("[]");
        /// Connections to it by TLS, if not by its targets' names and the system's authorities.
        live tls: Option<TrunkTls> = Opt<Table<TrunkTls>>, optional;
        /// Requests to it stay with UDP however long they are.
        live udp_only: Option<bool> = Opt<Flag>, derived(None, "`sip.udp_only`");
        /// Whether calls to it may take a TCP connection that it has made, when it asks for that (`alias` in Via, RFC 5923). Whoever
        /// can connect from its addresses could then draw its calls. TLS needs no leave: its certificate tells who it is.
        live alias: bool = Flag, default("false");
        /// The class of service of a customer's calls; absent: every carrier, by priority and price.
        live class: Option<String> = Opt<Name>, optional;
        /// Whether a carrier passes the caller's number on. Classes with `keep_caller_id` choose no other.
        live caller_id: bool = Flag, default("true");
        /// Where a carrier may process calls, in words of your own, to which `jurisdictions` of a class refer: `["eu"]`. None
        /// written: in none that a class asks for.
        live jurisdictions: Vec<String> = List<Name>, default("[]");
        /// The region that it is in. Of carriers of equal price and priority those in the region where a call has come in come first.
        live region: Option<String> = Opt<Name>, optional;
        /// Order among carriers where no deck prices them: lower first.
        live priority: u16 = Whole<u16, 0, 65_535>, default("1");
        /// Calls at once; absent: no limit of its own.
        live max_calls: Option<u32> = Opt<Whole<u32, 1, 1_000_000>>, optional;
        /// New calls per second; absent: no limit of its own.
        live max_cps: Option<f64> = Opt<Decimal<1, 100_000_000>>, optional;
        /// How full it may become before calls go elsewhere, and before somebody is told.
        live capacity: Option<TrunkCapacity> = Opt<Table<TrunkCapacity>>, optional;
        /// In place of `media.supervise.share`; of carriers only.
        live supervise: Option<f64> = Opt<Decimal<0, 1_000>>, derived(None, "`media.supervise.share`");
        /// Requests outside of calls per second that are taken from it (INVITE, REGISTER, OPTIONS, MESSAGE …), as many at once as come in four
        /// seconds; above it they get 503. Absent: no limit.
        live max_rps: Option<f64> = Opt<Decimal<100, 1_000_000_000>>, optional;
        /// Whether it is told that we take word of its load (RFC 7339), and calls are kept from it as it says. It gets to know of ours
        /// when it asks, whatever stands here.
        live overload_control: bool = Flag, default("false");
        /// Where a customer may call.
        live destinations: Option<Destinations> = Opt<Table<Destinations>>, derived(None, "`destinations` at the top");
        /// What the fraud guard goes by for its calls.
        live fraud: Option<TrunkFraud> = Opt<Table<TrunkFraud>>, optional;
        /// Codecs that may be offered to it, in this order; none written: what the other side offers.
        live codecs: Vec<String> = List<Codec>, default("[]");
        /// Whether its calls may have another codec on each side: `"auto"` when nothing that the other side offers is in its
        /// `codecs`, by converting to those; `"offer"` always offers what `codecs` names beyond what the other side has;
        /// `"off"` offers it no such call (488 where no other trunk takes it). Converted are PCMU, PCMA, G722, opus and L16.
        live transcode: Transcode = Choice<Transcode>, default("'auto'");
        /// How it writes digits, and is written them. What the other side of a call writes otherwise is converted.
        live dtmf: Dtmf = Choice<Dtmf>, default("'auto'");
        /// Whether media with it is encrypted (SRTP). `"off"`: never, and an offer that insists on it
        /// is refused with 488; `"optional"`: when it can be. Keys are offered to it under the plain profile (RTP/AVP), which
        /// leaves the choice to the other side, and of its own offers all kinds are taken, a browser's too; `"required"`: always. It is offered
        /// RTP/SAVP, and whatever would be plain is refused with 488.
        live srtp: Srtp = Choice<Srtp>, default("'off'");
        /// Where the keys for its encrypted media come from when it is offered some: `"sdes"`, from the SDP (RFC 4568); `"dtls"`, from a
        /// DTLS handshake (RFC 5763), with ICE if it has that. Then `srtp = "optional"` offers no plain media either. Of its own
        /// offers both kinds are taken.
        live srtp_keying: SrtpKeying = Choice<SrtpKeying>, default("'sdes'");
        /// The crypto suites that it may use: in this order they are offered to it. Of its own offers the first line that
        /// names one of them is taken.
        live srtp_suites: Vec<SrtpSuite> = OneOrList<Choice<SrtpSuite>>, default("['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32']");
        /// How often its targets are asked with OPTIONS whether they live; any answer means yes. Off: a target that calls have found dead gets one of them every 30 s.
        live options_interval: Option<Duration> = OrOff<Time<100, 3_600_000>>, default("'off'");
        /// Answers to OPTIONS that mean it is down all the same.
        live options_down: Vec<u16> = List<FailureStatus>, default("[408, 503]");
        /// When its targets are held to be down, and how they come back.
        live health: Health = Table<Health>, default("{}");
        /// A carrier's prices: a CSV file, which may be compressed (gzip).
        live deck: Option<PathBuf> = Opt<FilePath>, optional;
        /// A carrier's prices, in place of a file.
        live rates: Vec<DeckRow> = List<Table<DeckRow>>, default("[]");
        /// How its deck, or what it pays, is written.
        live deck_format: DeckFormat = Table<DeckFormat>, default("{}");
        /// What a customer pays: a CSV file like a carrier's.
        live sell_deck: Option<PathBuf> = Opt<FilePath>, optional;
        /// What a customer pays, in place of a file.
        live sell_rates: Vec<DeckRow> = List<Table<DeckRow>>, default("[]");
        /// What becomes of calls to carriers that what it pays has no price for.
        live unpriced: Unpriced = Choice<Unpriced>, default("'refuse'");
        /// How much a customer may owe; absent: it has no limit, and no account is kept.
        live credit: Option<Credit> = Opt<Table<Credit>>, optional;
        /// Our credentials, for when it challenges us.
        live auth: Option<Auth> = Opt<Table<Auth>>, optional;
        /// Who authenticates as it: phones and PBXes with a password, wherever they are. With `sources` too, it is only from there that they may.
        /// Without `targets` its calls go to where its users are registered.
        live users: Vec<User> = List<Table<User>>, default("[]");
        /// Which of its requests are challenged, if it has `users`.
        live challenge: Challenge = Choice<Challenge>, default("'always'");
        /// Where we register. Its `username` and `password` are `auth` too, unless that is written; and without `targets`
        /// calls go to its `uri`.
        live register: Option<Register> = Opt<Table<Register>>, optional;
        /// What its failures mean for a call.
        live failover: Failover = Table<Failover>, default("{}");
        /// What becomes of its redirections (3xx): where it would send its callers.
        live redirects: Option<Redirects> = Opt<Choice<Redirects>>, derived(None, "`\"follow\"` for a customer, `\"pass\"` for a carrier");
        /// In place of `sip.session_timer`, for calls with this trunk.
        live session_timer: Option<SessionTimer> = Opt<Table<SessionTimer>>, derived(None, "`sip.session_timer`");
        /// Whether provisional responses (180, 183 …) are acknowledged on this trunk's side of a call (PRACK, RFC 3262),
        /// whatever the other side does.
        live reliable_provisional: ReliableProvisional = Choice<ReliableProvisional>, default("'supported'");
        /// What becomes of its wish to have the other side of a call connected to somebody else (REFER, an INVITE with Replaces).
        live transfer: Option<Transfer> = Opt<Choice<Transfer>>, derived(None, "`\"accept\"` for a customer, `\"refuse\"` for a carrier");
        /// Whether we send media where it comes from (it is behind NAT). `true`: also when that is neither the address in
        /// its SDP nor where its signalling comes from; `false`: never, its SDP holds; absent: when it is where its
        /// signalling comes from.
        live symmetric_rtp: Option<bool> = Opt<Flag>, optional;
        /// What RTCP it gets: `"auto"` what the other side sends, and reports of our own when that has sent none for 15 s, so
        /// that nobody hangs up for want of any; `"relay"` what the other side sends and no more; `"generate"` reports of our
        /// own about this leg; `"off"` none. While the two sides hear different streams (converted, a tone) the reports are
        /// our own, unless `"off"`. What it sends is read for the statistics in any case.
        live rtcp: Rtcp = Choice<Rtcp>, default("'auto'");
        /// Where media may come from and go to; none written: anywhere it signals.
        live media_acl: Vec<Cidr> = List<Range>, default("[]");
        /// Whether media that moves in mid-call may move to another address, not only to another port.
        live rebind_any_address: bool = Flag, default("false");
        /// In place of `media.rtp_timeout`, for calls with this trunk.
        live rtp_timeout: Option<Duration> = Opt<Time<1_000, 86_400_000>>, derived(None, "`media.rtp_timeout`");
        /// The host in From towards it.
        live from_domain: Option<String> = Opt<Domain>, derived(None, "our own address");
        /// The host in our Contact, for peers that want the name there which our certificate is for. It has to lead to the listener.
        live contact_host: Option<String> = Opt<Domain>, derived(None, "our own address");
        /// Headers that are carried over between this trunk and the other side of a call as they are, both ways, in requests and
        /// in answers.
        live pass_headers: Vec<String> = List<PassedHeader>, default("[]");
        /// Bodies beside the session description that are carried over as they are in INVITEs and their answers, if the other trunk has
        /// them too: media types.
        live pass_bodies: Vec<String> = List<MediaType>, default("['application/isup', 'application/pidf+xml']");
        /// What its callers hear while the called side rings and sends no audio of its own: the name of a `[[sound]]`; absent:
        /// its own equipment makes the tone.
        live ringback: Option<String> = Opt<Name>, optional;
        /// What its parties hear while the other side has put them on hold and sends nothing: the name of a `[[sound]]`.
        live hold_music: Option<String> = Opt<Name>, optional;
        /// What its callers hear before a call that failed is refused, by a carrier or by us: no route, no line of a trunk free.
        /// Without a sound is refused what the switch itself has no room for, and what comes faster than `max_cps`.
        live announcements: Vec<Announcement> = List<Table<Announcement>>, default("[]");
        /// Signing and verifying of callers' numbers.
        live stir: TrunkStir = Table<TrunkStir>, default("{}");
        /// How numbers are written towards it: `"as-is"`, `"e164"` (with +), `"digits"` (without), or a table.
        live number_format: NumberFormat = NumberFormatForm, default("'as-is'");
        /// In place of `number_format`, for single headers.
        live header_formats: HeaderFormats = Table<HeaderFormats>, default("{}");
        /// How numbers are written by it; absent: they are taken as they come, with or without +.
        live numbering: Option<Numbering> = Opt<Table<Numbering>>, optional;
        /// The `[[dial_plan]]` by which numbers are read that come from it, behind `numbering`; absent: they are taken as that leaves them.
        live dial_plan: Option<String> = Opt<Name>, optional;
        /// The country of its callers, which says what their emergency numbers are.
        live country: Option<Region> = Opt<RegionForm>,
            derived(None, "that of its `dial_plan`, else of `numbering.country_code`, else `emergency.country`");
        /// The region of its callers, which says where their emergency calls go.
        live emergency_region: Option<String> = Opt<Name>, derived(None, "`region` of its network, else of the node");
        /// Whose word is taken on where the numbers are ported to that a customer calls.
        live portability: Option<PortabilityMode> = Opt<Choice<PortabilityMode>>,
            derived(None, "`portability` of its class, else `\"dip\"`");
        /// Who calls, and what is said about that.
        live identity: Identity = Table<Identity>, default("{}");
        /// Which numbers its callers may present; absent: any.
        live screening: Option<Screening> = Opt<Table<Screening>>, optional;
        /// Changes to headers, in this order.
        live headers: Vec<HeaderRule> = List<Table<HeaderRule>>, default("[]");
        /// Changes to the SDP that it gets, for peers that stumble over a line.
        live sdp: SdpChanges = Table<SdpChanges>, default("{}");
        /// INFO, MESSAGE and NOTIFY.
        live requests: Requests = Table<Requests>, default("{}");
        /// The number that `tandem trunk test` calls when it is told none; absent: it makes no call.
        live test_number: Option<String> = Opt<Text>, optional;
        /// Causes (Q.850) of refusals and endings.
        live reason: Reasons = Table<Reasons>, default("{}");
    }
}

words! {
    /// What a trunk is to us.
    Role {
        /// It calls out through us, and gets the calls to its numbers.
        Customer = "customer",
        /// It takes calls to the telephone network, and brings calls in.
        Carrier = "carrier",
    } later []
}

words! {
    /// Whether a call may have another codec on each side.
    Transcode {
        /// When nothing else is left.
        Auto = "auto",
        /// Codecs are offered that the other side does not have.
        Offer = "offer",
        /// Never.
        Off = "off",
    } later []
}

words! {
    /// How digits are written on a trunk.
    Dtmf {
        /// As telephone events where it has them. Where it has none nothing is converted: INFO crosses, and tones stay in the audio.
        Auto = "auto",
        /// As telephone events in RTP (RFC 4733) only.
        Rfc4733 = "rfc4733",
        /// By INFO only: `application/dtmf-relay` is written, `application/dtmf` read too. It is offered no telephone events.
        Info = "info",
        /// As tones in the audio only. They are heard and made in PCMU, PCMA, G722, opus and L16 (in other codecs it is told
        /// by INFO), which costs the decoding of every packet. It is offered no telephone events.
        Inband = "inband",
    } later []
}

words! {
    /// Whether media is encrypted.
    Srtp {
        /// Never.
        Off = "off",
        /// When the other side can.
        Optional = "optional",
        /// Always.
        Required = "required",
    } later []
}

words! {
    /// Where keys come from.
    SrtpKeying {
        /// From the SDP.
        Sdes = "sdes",
        /// From a handshake on the media path.
        Dtls = "dtls",
    } later []
}

words! {
    /// A crypto suite (RFC 4568, RFC 6188, RFC 7714).
    SrtpSuite {
        /// AES-128 in counter mode, tags of 80 bits.
        AesCm128Sha80 = "AES_CM_128_HMAC_SHA1_80",
        /// AES-128 in counter mode, tags of 32 bits.
        AesCm128Sha32 = "AES_CM_128_HMAC_SHA1_32",
        /// AES-192 in counter mode, tags of 80 bits.
        AesCm192Sha80 = "AES_192_CM_HMAC_SHA1_80",
        /// AES-192 in counter mode, tags of 32 bits.
        AesCm192Sha32 = "AES_192_CM_HMAC_SHA1_32",
        /// AES-256 in counter mode, tags of 80 bits.
        AesCm256Sha80 = "AES_256_CM_HMAC_SHA1_80",
        /// AES-256 in counter mode, tags of 32 bits.
        AesCm256Sha32 = "AES_256_CM_HMAC_SHA1_32",
        /// AES-128 in Galois/counter mode: the least work.
        AesGcm128 = "AEAD_AES_128_GCM",
        /// AES-256 in Galois/counter mode.
        AesGcm256 = "AEAD_AES_256_GCM",
    } later []
}

words! {
    /// What RTCP a trunk gets.
    Rtcp {
        /// The other side's, or ours while there is none.
        Auto = "auto",
        /// The other side's.
        Relay = "relay",
        /// Ours.
        Generate = "generate",
        /// None.
        Off = "off",
    } later []
}

section! {
    /// One place where calls to a trunk go.
    Target, label None, later [],
    {
        /// Its address: `sip:host`, with a port and `;transport=tcp` or `tls` where wanted; `sips:host` is TLS as well, and asks for
        /// it on all hops behind the target.
        live uri: String = TargetUri, required;
        /// Order: lower first.
        live priority: u16 = Whole<u16, 0, 65_535>, default("1");
        /// Share of the calls among targets of the same priority.
        live weight: u16 = Whole<u16, 0, 65_535>, default("1");
        /// The region that it is in. Of targets of the same priority those in the region where a call has come in come first, but none
        /// whose measured round trip is longer than that of another by more than 30 ms.
        live region: Option<String> = Opt<Name>, derived(None, "the trunk's");
    }
    computed {
        /// Its host.
        host: Host = split_target(&uri).ok()?.host;
        /// Its port, when written.
        port: Option<u16> = split_target(&uri).ok()?.port;
        /// By which transport, when written; `sips:` says TLS.
        transport: Option<Transport> = split_target(&uri).ok()?.transport;
        /// Whether it is to be protected hop by hop (`sips:`).
        sips: bool = split_target(&uri).ok()?.sips;
    }
}

section! {
    /// How a trunk is connected to by TLS.
    TrunkTls, label None, later [],
    {
        /// The name that its certificate has to be for, and that we ask for (SNI).
        live name: Option<String> = Opt<Domain>, derived(None, "the host of the target");
        /// A PEM file with the authorities that its certificate has to come from.
        live ca: Option<PathBuf> = Opt<FilePath>, derived(None, "the system's");
        /// A PEM file with our certificate, where it asks for one.
        live certificate: Option<PathBuf> = Opt<FilePath>, optional;
        /// A PEM file with the key to it.
        live key: Option<PathBuf> = Opt<FilePath>, optional;
        /// `false`: its certificate is not looked at. Anybody on the way can then be it.
        live verify: bool = Flag, default("true");
    }
}

section! {
    /// A sound for some ways to fail.
    Announcement, label None, later [],
    {
        /// The statuses that the caller is about to get.
        live on: Vec<u16> = List<FailureStatus>, required;
        /// The name of a `[[sound]]`; it is played for 120 s at most, and for 10 s if it has no end.
        live sound: String = Name, required;
    }
}

words! {
    /// Whether provisional responses are acknowledged.
    ReliableProvisional {
        /// Never: 100rel is not offered to it, and its INVITEs that insist on it are refused with 420.
        Off = "off",
        /// It is offered to it, and what it sends reliably is acknowledged. To its callers that have it, provisional
        /// responses are sent reliably.
        Supported = "supported",
        /// Our INVITEs insist on it, and so must its own: those that don't know of it are refused with 421.
        Required = "required",
        /// As `"supported"`, but to its callers only what has a session description is sent reliably, unless they insist on all.
        WhenSdp = "when-sdp",
        /// End to end: it is offered what the other side offers, and acknowledges what the other side has sent reliably.
        Pass = "pass",
    } later []
}

words! {
    /// What becomes of a transfer.
    Transfer {
        /// It is done here: the other side is connected to whom it names, planned, screened and limited as a call of this trunk's.
        Accept = "accept",
        /// It is done here, by a call back to the trunk's own targets: to the URI that the REFER names, as it stands. So wants it who
        /// does its transfers itself.
        Return = "return",
        /// Its REFER crosses to the other side, with the number at our address; so do the NOTIFYs, back.
        Forward = "forward",
        /// Its REFER is refused with 603.
        Refuse = "refuse",
    } later []
}

section! {
    /// Credentials for digest challenges (RFC 7616).
    Auth, label None, later [],
    {
        /// The user's name.
        live username: String = Text, required;
        /// The password.
        live password: Secret = SecretForm, required;
        /// Only challenges of this realm are answered; absent: of any.
        live realm: Option<String> = Opt<Text>, optional;
    }
}

section! {
    /// When a target is held to be down, and how it comes back. What OPTIONS and what calls show counts alike: any answer is a sign of
    /// life, silence and a refused connection are a miss. A target that is down is tried after all others.
    #[derive(Copy)]
    Health, label None, later [],
    {
        /// Misses in a row that take it down. A status of `options_down` does that at once.
        live down_after: u8 = Whole<u8, 3, 100>, default("3");
        /// Answers in a row that bring it back.
        live up_after: u8 = Whole<u8, 1, 100>, default("1");
        /// For so long after it has come back it gets a share of its calls only, which grows from a twentieth to all.
        live slow_start: Option<Duration> = OrOff<Time<1_000, 3_600_000>>, default("'off'");
    }
}
