//! Tests of trunks: a call that an operator makes to see what a trunk can do, and pings whose answers are told.
//!
//! Who tests is no peer in a network: its messages come and go by a listener that has no socket ([`TRIAL_LISTENER`]). Its call
//! has a configuration of its own, the running one with the tester as one more customer whose calls all go to one trunk. So it takes the
//! way of every other call to that trunk, and what it shows of targets counts for nobody.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::{Config, Host, Role, Target};
use route::{Live, Tables, TrunkIx};
use sip_msg::Message;
use sip_proto::{ClientId, ConnId, Flow, Hop, ListenerId, PeerId, Transport};

use crate::call::{Call, Ending, Phase};
use crate::core::{ClientOwner, Core, Waiter};
use crate::health;
use crate::ident::{CallKey, IdMap};
use crate::io::{Command, Now};
use crate::locate::{Address, Located};
use crate::snapshot::{Listener, Snapshot};
use crate::switch::Switch;

/// The listener of those who test: it has no socket, so nobody on a network can pass for one.
pub const TRIAL_LISTENER: ListenerId = ListenerId(u16::MAX);

/// The name of the trunk that test calls come from, in records. No configuration can have it.
pub const TRIAL_TRUNK: &str = "(test)";

/// Tests at once.
const MOST: usize = 16;

/// Places of one target that are pinged at most.
const MOST_PLACES: usize = 8;

/// A test, while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrialId(pub u16);

/// The way by which the messages of a test come.
#[must_use]
pub fn trial_flow(id: TrialId) -> Flow {
    Flow {
        // Reliable, and nothing that a request of ours leaves by of itself.
        transport: Transport::Ws,
        listener: TRIAL_LISTENER,
        remote: SocketAddr::from((Ipv4Addr::LOCALHOST, id.0)),
        conn: Some(ConnId(u64::MAX)),
        peer: PeerId::default(),
    }
}

/// Whose way this is, if a test's.
#[must_use]
pub fn trial_of(flow: &Flow) -> Option<TrialId> {
    (flow.listener == TRIAL_LISTENER).then(|| TrialId(flow.remote.port()))
}

/// What came of an OPTIONS request of a test.
#[derive(Debug)]
pub enum Probed {
    /// An answer, after so long.
    Answered(Box<Message>, Duration),
    /// Nothing.
    Silent,
    /// It could not be sent, or came back.
    Unreachable,
    /// The target's name leads nowhere that its network's listeners reach.
    Nowhere,
}

/// What the tester is to the switch.
const TESTER: &str = r#"
[[listen]]
bind = "127.0.0.1:5060"
[[trunk]]
name = "test"
role = "customer"
sources = ["127.0.0.1"]
reliable_provisional = "off"
symmetric_rtp = false
dtmf = "rfc4733"
session_timer = { mode = "off" }
[[number]]
match = "*"
to = "test"
"#;

/// The configuration of a test call to a trunk, and the tester's place among its trunks. `None`: there is no such trunk.
#[must_use]
pub fn trial_snapshot(running: &Snapshot, trunk: &str) -> Option<(Snapshot, TrunkIx)> {
    build(running, trunk, None)
}

/// The configuration of such a call that comes back to us from the trunk: whatever it calls, the test answers. `None`: there is no such
/// trunk.
#[must_use]
pub fn trial_return(running: &Snapshot, trunk: &str, id: TrialId) -> Option<Snapshot> {
    build(running, trunk, Some(id)).map(|(snapshot, _)| snapshot)
}

/// Where the test is, as the target of a trunk.
fn seat_of(id: TrialId) -> Target {
    let at = trial_flow(id).remote;
    Target {
        uri: format!("sip:{at};transport=ws"),
        priority: 1,
        weight: 1,
        region: None,
        host: Host::Ip(at.ip()),
        port: Some(at.port()),
        transport: Some(config::Transport::Ws),
        sips: false,
    }
}

/// The running configuration with the tester in it; `back`: calls go from the trunk to this test, instead of the other way.
fn build(running: &Snapshot, trunk: &str, back: Option<TrialId>) -> Option<(Snapshot, TrunkIx)> {
    let tested = running.config.trunk(trunk)?;
    let seed = config::parse(TESTER, "test").ok()?;
    let mut tester = config::Trunk::clone(seed.trunks.first()?);
    TRIAL_TRUNK.clone_into(&mut tester.name);
    tester.network.clone_from(&tested.network);
    tester.targets = back.map(seat_of).into_iter().collect();
    let mut rule = seed.numbers.into_iter().next()?;
    rule.to = vec![if back.is_some() { TRIAL_TRUNK } else { trunk }.to_owned()];
    let mut config: Config = running.config.clone();
    for other in &mut config.trunks {
        // What the call would cost is of no interest, and decks are not at hand.
        if other.deck.is_some() || !other.rates.is_empty() {
            let other = Arc::make_mut(other);
            other.rates.clear();
            other.deck = None;
        }
        // A user's number is called where the user is, unless it is the trunk's own.
        if (back.is_some() || other.name != trunk) && !other.users.is_empty() {
            Arc::make_mut(other).users.clear();
        }
    }
    config.numbers = vec![rule];
    // A test is no call for help, whatever number it is made to, and calls nobody but the trunk that is tested.
    config.emergency.country = None;
    config.emergency.aliases.clear();
    config.emergency.numbers.clear();
    config.emergency.routes.clear();
    config.emergency.any_carrier = false;
    let place = TrunkIx(u32::try_from(config.trunks.len()).ok()?);
    config.trunks.push(Arc::new(tester));
    let tables = Tables::build(&config, Vec::new()).ok()?;
    let nowhere = trial_flow(TrialId(9)).remote;
    let mut listeners = running.listeners.clone();
    // Before others of its kind: what goes to the test leaves by this one.
    let own = Listener {
        id: TRIAL_LISTENER,
        transport: Transport::Ws,
        network: tables.network(place),
        bind: nowhere,
        advertise: nowhere,
    };
    listeners.insert(if back.is_some() { 0 } else { listeners.len() }, own);
    let snapshot = Snapshot {
        config,
        tables,
        listeners,
        media: running.media.clone(),
        peers: running.peers.clone(),
        dtls: running.dtls.clone(),
        sounds: running.sounds.clone(),
        stir: Arc::clone(&running.stir),
        lookup_roots: running.lookup_roots.clone(),
    };
    Some((snapshot, place))
}

impl Call {
    /// It has come back to this test.
    fn is_return_to(&self, id: TrialId) -> bool {
        let to = self.story.tried.last();
        let trunk = to.map(|tried| self.snapshot.trunk(tried.trunk));
        let seat = trunk.filter(|trunk| trunk.name == TRIAL_TRUNK);
        seat.and_then(|trunk| trunk.targets.first()?.port) == Some(id.0)
    }

    /// It is a test's, or has come back to one.
    pub(crate) fn is_test(&self) -> bool {
        let to = self.story.tried.last();
        let back = to.is_some_and(|tried| self.snapshot.trunk(tried.trunk).name == TRIAL_TRUNK);
        back || self.a.flow.listener == TRIAL_LISTENER
    }
}

/// A number of ours that a test calls over a trunk.
#[derive(Debug, Clone)]
pub struct Return {
    /// The configuration of the call that comes back ([`trial_return`]).
    pub snapshot: Arc<Snapshot>,
    /// The number.
    pub number: String,
    /// The trunk that is tested.
    pub trunk: String,
}

impl Switch {
    /// A trunk is tested from now on: INVITEs that come by the trial's way ([`crate::trial_flow`]) are calls of this snapshot
    /// ([`crate::trial_snapshot`]), from this trunk of it. `false`: too many are tested at once.
    pub fn begin_trial(&mut self, id: TrialId, snapshot: Arc<Snapshot>, from: TrunkIx) -> bool {
        begin(self.core_mut(), id, snapshot, from)
    }

    /// While this trial lasts, a call from a carrier to this number is the trial's own, come back.
    pub fn await_return(&mut self, id: TrialId, back: Return) {
        let core = self.core_mut();
        if let Some(tester) = back.snapshot.config.trunk(TRIAL_TRUNK) {
            core.live.seat(tester);
        }
        if let Some(trial) = core.trials.list.iter_mut().find(|trial| trial.id == id) {
            trial.back = Some(back);
        }
    }

    /// Asks all places of a trunk's targets with OPTIONS for a trial: a [`Command::Probed`] for each.
    pub fn probe(&mut self, now: Now, id: TrialId, trunk: &str, commands: &mut Vec<Command>) {
        probe(self.core_mut(), now, id, trunk);
        self.flush(now, commands);
    }

    /// A trial is over. A call of it that is still up is ended.
    pub fn end_trial(&mut self, now: Now, id: TrialId, commands: &mut Vec<Command>) {
        let its = self
            .calls
            .iter()
            .filter(|(_, call)| trial_of(&call.a.flow) == Some(id) || call.is_return_to(id));
        let keys: Vec<CallKey> = its.map(|(key, _)| *key).collect();
        for key in keys {
            self.with_call(key, |call, core| {
                let ending = if call.phase == Phase::Dialing {
                    Ending::failed("operator", 480)
                } else {
                    Ending::by_switch("operator", 200, 16)
                };
                call.end(core, now, ending);
            });
        }
        end(self.core_mut(), id);
        self.flush(now, commands);
    }
}

/// A tester.
pub(crate) struct Trial {
    id: TrialId,
    snapshot: Arc<Snapshot>,
    from: TrunkIx,
    back: Option<Return>,
}

/// Who tests, and what is asked for them.
#[derive(Default)]
pub(crate) struct Trials {
    list: Vec<Trial>,
    probes: IdMap<u64, Probe>,
}

/// The pings to one target.
struct Probe {
    trial: TrialId,
    trunk: TrunkIx,
    target: usize,
    places: Vec<(ClientId, Hop, Instant)>,
}

impl Trials {
    /// Whether somebody tests.
    pub(crate) fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// The configuration of the calls that come by `flow`, and the tester's place in it.
    pub(crate) fn caller(&self, flow: &Flow) -> Option<(Arc<Snapshot>, TrunkIx)> {
        let id = trial_of(flow)?;
        let trial = self.list.iter().find(|trial| trial.id == id)?;
        Some((Arc::clone(&trial.snapshot), trial.from))
    }

    /// The configuration of a call from this trunk of the running one if it is a test's that has come back. A carrier may bring it back that
    /// is not the one tested; numbers are alike when their last eight digits are.
    pub(crate) fn awaits(&self, running: &Snapshot, trunk: TrunkIx, called: &str) -> Option<Arc<Snapshot>> {
        let from = running.trunk(trunk);
        if self.list.is_empty() || from.role != Role::Carrier {
            return None;
        }
        let waiting = self.list.iter().filter_map(|trial| trial.back.as_ref());
        let mut waiting = waiting.filter(|back| is_alike(&back.number, called));
        // Of two that call the same number the one over this trunk.
        let own = waiting.clone().find(|back| back.trunk == from.name);
        let back = own.or_else(|| waiting.next())?;
        // A reload may have moved trunks meanwhile.
        let same = back.snapshot.config.trunks.get(trunk.0 as usize);
        same.filter(|same| same.name == from.name)?;
        Some(Arc::clone(&back.snapshot))
    }

    /// Other tables are installed: seats are to be made anew.
    pub(crate) fn take_seats(&self, live: &mut Live) {
        let waiting = self.list.iter().filter_map(|trial| trial.back.as_ref());
        for back in waiting {
            if let Some(tester) = back.snapshot.config.trunk(TRIAL_TRUNK) {
                live.seat(tester);
            }
        }
    }
}

/// Digits that every way to write a number has in common.
const ALIKE: usize = 8;

fn is_alike(number: &str, other: &str) -> bool {
    let tail = |number: &str| {
        let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
        digits.into_iter().rev().take(ALIKE).collect::<Vec<u8>>()
    };
    let one = tail(number);
    !one.is_empty() && one == tail(other)
}

/// Somebody tests from now on. `false`: there are too many.
fn begin(core: &mut Core, id: TrialId, snapshot: Arc<Snapshot>, from: TrunkIx) -> bool {
    let room = core.trials.list.len() < MOST;
    if room {
        core.trials.list.push(Trial {
            id,
            snapshot,
            from,
            back: None,
        });
    }
    room
}

/// Nobody waits for anything of this test any more.
fn end(core: &mut Core, id: TrialId) {
    core.trials.list.retain(|trial| trial.id != id);
    let probes = std::mem::take(&mut core.trials.probes);
    let (gone, kept) = probes.into_iter().partition(|(_, probe)| probe.trial == id);
    core.trials.probes = kept;
    let gone: IdMap<u64, Probe> = gone;
    for (number, probe) in gone {
        core.queries.retain(|_, waiter| *waiter != Waiter::Probe(number));
        for (client, _, _) in probe.places {
            core.clients.insert(client, ClientOwner::Nobody);
        }
    }
}

/// Asks every place of every target of the tested trunk with OPTIONS.
fn probe(core: &mut Core, now: Now, id: TrialId, trunk: &str) {
    let snapshot = Arc::clone(&core.snapshot);
    let Some(ix) = snapshot.tables.trunk_named(trunk) else {
        return;
    };
    let network = snapshot.network_of(ix);
    let targets = &snapshot.trunk(ix).targets;
    for (target, address) in targets.iter().enumerate() {
        let number = core.next_id();
        let probe = Probe {
            trial: id,
            trunk: ix,
            target,
            places: Vec::new(),
        };
        core.trials.probes.insert(number, probe);
        match core.locate(&snapshot, network, Address::of(address), Waiter::Probe(number)) {
            Located::Here(hop) => ask(core, now, number, &[hop]),
            Located::Asked(_) => {}
        }
    }
}

/// A target's name has been looked up.
pub(crate) fn on_resolved(core: &mut Core, now: Now, number: u64, hops: &[Hop]) {
    let Some(probe) = core.trials.probes.get(&number) else {
        return;
    };
    let reach = core.snapshot.reach(core.snapshot.network_of(probe.trunk));
    let hops: Vec<Hop> = hops.iter().copied().filter(|hop| reach.reaches(*hop)).collect();
    if hops.is_empty() {
        tell(core, number, None, Probed::Nowhere);
    }
    ask(core, now, number, &hops);
}

fn ask(core: &mut Core, now: Now, number: u64, hops: &[Hop]) {
    let Some((trunk, target)) = core
        .trials
        .probes
        .get(&number)
        .map(|probe| (probe.trunk, probe.target))
    else {
        return;
    };
    for hop in hops.iter().copied().take(MOST_PLACES) {
        match health::options(core, now, (trunk, target), hop, ClientOwner::Probe(number)) {
            Some(client) => {
                if let Some(probe) = core.trials.probes.get_mut(&number) {
                    probe.places.push((client, hop, now.at));
                }
            }
            None => tell(core, number, Some(hop), Probed::Unreachable),
        }
    }
}

/// An answer.
pub(crate) fn on_response(core: &mut Core, now: Now, id: ClientId, number: u64, message: &Message) {
    if message.status().is_none_or(|status| status < 200) {
        return;
    }
    if let Some((hop, sent)) = take(core, number, id) {
        let took = now.at.saturating_duration_since(sent);
        tell(
            core,
            number,
            Some(hop),
            Probed::Answered(Box::new(message.clone()), took),
        );
    }
}

/// None.
pub(crate) fn on_no_response(core: &mut Core, id: ClientId, number: u64, unreachable: bool) {
    if let Some((hop, _)) = take(core, number, id) {
        let what = if unreachable {
            Probed::Unreachable
        } else {
            Probed::Silent
        };
        tell(core, number, Some(hop), what);
    }
}

fn take(core: &mut Core, number: u64, id: ClientId) -> Option<(Hop, Instant)> {
    let probe = core.trials.probes.get_mut(&number)?;
    let at = probe.places.iter().position(|(client, _, _)| *client == id)?;
    let (_, hop, sent) = probe.places.remove(at);
    Some((hop, sent))
}

fn tell(core: &mut Core, number: u64, place: Option<Hop>, probed: Probed) {
    if let Some(Probe { trial, target, .. }) = core.trials.probes.get(&number) {
        core.commands.push(Command::Probed {
            trial: *trial,
            target: *target,
            place,
            probed,
        });
    }
}
