//! Call control: the back-to-back user agent, as a pure machine from inputs to commands.
//!
//! [`Switch::handle`] is the one way in: a datagram, a media event, a stored record, a timer that is due. What has to
//! be done about it comes out as [`Command`]s, in order. A command that fails comes back as an [`Input`]. There is no
//! clock, socket or thread here, so whole days of calls run in a test.
//!
//! | file | what it decides |
//! |---|---|
//! | `switch.rs` | which call an input belongs to |
//! | `switch/answers.rs` | whose is what comes back of what we asked for |
//! | `core.rs` | what calls share; who waits for what (`core/owners.rs`) |
//! | `admit.rs` | who may call, and how much |
//! | `edge.rs` | who is kept out |
//! | `explain.rs` | what would become of a call that nobody makes |
//! | `event.rs` | what operators are told of as it happens |
//! | `credit.rs`, `call/bill.rs` | what customers may still spend; what a call costs and brings |
//! | `lessons.rs` | what calls tell of their carriers |
//! | `guard.rs` | calls that are stolen or faked |
//! | `auth.rs` | who a request is from |
//! | `loops.rs` | calls that come back to us |
//! | `registrar.rs` | where users are registered |
//! | `register.rs` | our own registrations |
//! | `rules.rs`, `identity.rs` | header rules; who calls, as each side may know it |
//! | `numbers.rs`, `dip.rs` | what was dialled, emergency calls; who serves a number now |
//! | `pager.rs` | requests outside of dialogs that are routed |
//! | `locate.rs`, `snapshot.rs`, `sources.rs` | where a target is; what a configuration is to a switch; sources that are names |
//! | `call/dial.rs`, `call/dial/invite.rs` | the next attempt: target, media; its INVITE as it is written |
//! | `call/called.rs` | what the called side's answers mean |
//! | `call/connect.rs` | the answer, once the journal has it |
//! | `call/hunt.rs`, `call/failover.rs` | a hunt's attempts and its time; whether it goes on |
//! | `call/onward.rs` | where a call goes on to that nobody has answered |
//! | `call/caller.rs` | what the caller hears, and its ACK and CANCEL |
//! | `call/reinvite.rs` | offers in mid-call |
//! | `call/negotiate.rs` | what each side's SDP becomes on the other |
//! | `call/end.rs` | every ending, and the one record |
//! | `call/fork.rs`, `call/race.rs`, `call/branch.rs` | contacts that ring at once; carriers that are asked at once |
//! | `call/transfer.rs` | REFER and Replaces: who takes whose place |
//! | `handoff.rs` | what one call has for another |
//! | `vouch.rs` | who vouches for the caller: signatures verified, made, handed on |
//! | `orphan.rs` | INVITEs that nobody waits for any more |
//! | `health.rs` | OPTIONS, ours and theirs |
//! | `trial.rs` | tests of trunks: calls and pings that an operator has made |
//! | `whatif.rs` | configurations that are tried out: in shadow, or with a share of the calls |
//! | `resume.rs` | calls that were up when the process died |
//! | `io.rs`, `record.rs` | inputs and commands; the call record |
//! | `gauges.rs`, `trunks.rs`, `switch/view.rs` | what there is to see |

mod admit;
mod auth;
mod call;
mod core;
mod credit;
mod dip;
mod edge;
mod event;
mod explain;
mod feedback;
mod gauges;
mod guard;
mod handoff;
mod headers;
mod health;
mod ident;
mod identity;
mod io;
mod lessons;
mod locate;
mod loops;
mod numbers;
mod orphan;
mod pager;
pub mod record;
mod register;
mod registrar;
mod result;
mod resume;
mod rules;
mod snapshot;
mod sounds;
mod sources;
mod switch;
mod tags;
mod trial;
mod trunks;
mod vouch;
mod whatif;

pub use crate::credit::CreditView;
pub use crate::dip::{DipCounters, LookupAnswer, lookup_roots};
pub use crate::edge::{BanOutcome, BanView};
pub use crate::event::{Event, EventKind};
pub use crate::explain::{AttemptView, Explanation, NoAnswer, Question};
pub use crate::feedback::{Rated, Rating, Standing, TestLesson};
pub use crate::gauges::{Counters, Gauges, StirCounters};
pub use crate::io::{CallView, Command, EndOutcome, Input, LegView, Now, RecordJob};
pub use crate::register::RegistrationView;
pub use crate::registrar::BindingView;
pub use crate::resume::LegState;
pub use crate::snapshot::{
    Listener, MediaAddress, Peers, Snapshot, TrunkPeers, media_addresses, peers, transport,
};
pub use crate::sounds::{Clip, sounds};
pub use crate::switch::{GroupFigures, Sifted, Switch, SwitchConfig};
pub use crate::trial::{
    Probed, Return, TRIAL_LISTENER, TRIAL_TRUNK, TrialId, trial_flow, trial_of, trial_return, trial_snapshot,
};
pub use crate::trunks::{PlaceView, TargetView};
pub use crate::vouch::{FetchedCertificate, Stir, stir};
pub use crate::whatif::{ArmView, CanaryView, Candidate, ShadowShare, ShadowView, Trying, differs};
pub use route::fraud::{BlockView, Counts as FraudCounts, EventView, FraudView, Rule as FraudRule};
pub use route::quality::{Bounds, Figures};
pub use route::{LimitView, NetworkIx};
