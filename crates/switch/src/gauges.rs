//! Figures about a switch, for metrics and for checks that nothing is left over.

use serde::Serialize;

use crate::dip::DipCounters;

/// What there is right now, and what has happened since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Gauges {
    /// Calls being set up or up.
    pub calls: usize,
    /// Of those, answered.
    pub answered: usize,
    /// Calls that have ended but still wait for a record, a BYE's answer or media figures.
    pub ending: usize,
    /// Calls whose record is not written yet, neither by the store nor to its spool.
    pub unrecorded: usize,
    /// Given-up INVITEs that may still be answered, and BYEs of no call's that have not been.
    pub orphans: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// RTP ports in use (pairs).
    pub ports: usize,
    /// Capacity permits out, over all trunks.
    pub permits: usize,
    /// Dialog tags that name a call.
    pub tags: usize,
    /// Entries of the maps by which answers find whoever waits for them: transactions, streams, tickets, lookups.
    pub waiting: usize,
    /// The share of new requests that is turned away for overload, from 0 to 1.
    pub turned_away: f32,
    /// Bans in force.
    pub bans: usize,
    /// Bans since the start.
    pub banned: u64,
    /// Blocks and throttles of the fraud guard in force.
    pub fraud_blocks: usize,
    /// Calls that the fraud guard watches.
    pub watched: usize,
    /// What the fraud guard has done since the start.
    pub fraud: route::fraud::Counts,
    /// Calls that limits per destination count.
    pub limited: usize,
    /// Contacts that users have registered.
    pub bindings: usize,
    /// Registrations of ours that are being taken back.
    pub unregistering: usize,
    /// Timers armed by calls (pings and registrations not counted).
    pub call_timers: usize,
    /// Counters since the start.
    #[serde(flatten)]
    pub counters: Counters,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// INVITEs that became calls.
    pub calls_admitted: u64,
    /// Requests refused: from nowhere that we know, or from where their user may not be.
    pub refused_source: u64,
    /// Requests that were challenged.
    pub challenges: u64,
    /// Requests with credentials that are wrong.
    pub auth_failed: u64,
    /// Calls of customers refused for where they go.
    pub refused_destination: u64,
    /// Calls of customers without credit.
    pub refused_credit: u64,
    /// Times that a trunk or a limit has reached its alert load.
    pub load_alerts: u64,
    /// INVITEs refused for a limit or the drain.
    pub refused_limit: u64,
    /// Calls answered.
    pub calls_answered: u64,
    /// Attempts dialled.
    pub attempts: u64,
    /// Attempts that failed and were followed by another.
    pub failovers: u64,
    /// Calls ended because nobody sent media.
    pub rtp_timeouts: u64,
    /// Times that nothing was heard from one side of an answered call though the other one spoke.
    pub one_way: u64,
    /// Records that the store was late with or could not take at once.
    pub records_late: u64,
    /// Requests in a dialog that does not exist.
    pub unknown_dialog: u64,
    /// Requests of ours that could not be started for lack of room.
    pub requests_refused: u64,
    /// ACKs that matched no dialog.
    pub stray_acks: u64,
    /// MESSAGE and NOTIFY requests outside of calls that were delivered.
    pub messages_relayed: u64,
    /// The same, not delivered.
    pub messages_failed: u64,
    /// The same, refused before anybody was asked.
    pub messages_refused: u64,
    /// STIR/SHAKEN.
    pub stir: StirCounters,
    /// Customers' calls to emergency services.
    pub emergency_calls: u64,
    /// Those of them that were not answered, and whose callers did not give up.
    pub emergency_failed: u64,
    /// Calls refused for what was dialled.
    pub refused_number: u64,
    /// Number portability.
    pub dip: DipCounters,
}

/// Counters of STIR/SHAKEN since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StirCounters {
    /// Calls whose caller somebody vouches for.
    pub passed: u64,
    /// Calls to be verified without an Identity header of a known type.
    pub absent: u64,
    /// Those whose certificate could not be had.
    pub bad_info: u64,
    /// Those whose certificate is not to be used.
    pub unsupported: u64,
    /// Those signed too long ago.
    pub stale: u64,
    /// Those whose signature, or what it is over, is wrong.
    pub invalid: u64,
    /// INVITEs that we have signed, with full attestation.
    pub signed_a: u64,
    /// With partial attestation.
    pub signed_b: u64,
    /// With gateway attestation.
    pub signed_c: u64,
    /// INVITEs that were to be signed and could not be: no number, nothing to attest, no valid certificate.
    pub unsigned: u64,
    /// INVITEs with signatures of others.
    pub handed_on: u64,
    /// Certificates asked for.
    pub fetches: u64,
    /// Certificates that could not be fetched.
    pub fetch_failures: u64,
    /// Calls that went on before their certificate was there.
    pub waited: u64,
}
