//! Calls that were up when the process died: both legs are hung up, and each call gets its one record.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sip_proto::{Dialog, Flow, Hop, Transport, digest};

use crate::call::{Leg, in_lines};
use crate::core::{Core, StoreKind};
use crate::ident::CallKey;
use crate::io::Now;
use crate::orphan;
use crate::record::{CallRecord, HungUpBy, RecordState};
use crate::snapshot::Snapshot;
use route::{NetworkIx, TrunkIx};
use rtp_proto::control::Side;

/// How far CSeq jumps over what the dead process may have used since the journal was written.
const CSEQ_MARGIN: u32 = 1000;

/// What it takes to hang up one leg, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LegState {
    /// The dialog.
    pub dialog: Dialog,
    /// Where its requests went.
    pub remote: SocketAddr,
    /// By which transport.
    #[serde(default)]
    pub transport: Transport,
    /// In which network; absent: in the one without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// Both legs of a call for the journal; empty when there is nothing to hang up.
pub(crate) fn pack(snapshot: &Snapshot, a: &Leg, b: &Leg) -> Vec<u8> {
    let state = |leg: &Leg| {
        let network = snapshot.network_at(&leg.flow);
        leg.dialog.clone().map(|dialog| LegState {
            dialog,
            remote: leg.flow.remote,
            transport: leg.flow.transport,
            network: snapshot.network_name(network).map(str::to_owned),
        })
    };
    serde_json::to_vec(&[state(a), state(b)]).unwrap_or_default()
}

/// Ends a call of the process before this one.
pub(crate) fn end_orphaned(core: &mut Core, now: Now, mut record: CallRecord, dialogs: &[u8]) {
    let legs: Vec<Option<LegState>> = serde_json::from_slice(dialogs).unwrap_or_default();
    let snapshot = core.snapshot.clone();
    let trunks = [Some(record.from_trunk.as_str()), record.to_trunk.as_deref()];
    for ((state, side), trunk) in legs.into_iter().zip(Side::BOTH).zip(trunks) {
        let Some(LegState {
            mut dialog,
            remote,
            transport,
            network,
        }) = state
        else {
            continue;
        };
        let trunk = trunk.and_then(|name| snapshot.tables.trunk_named(name));
        // Where the configuration has other networks now, the trunk's is the best guess.
        let network = match NetworkIx::named(&snapshot.config, network.as_deref()) {
            NetworkIx::NOWHERE => trunk.map_or(NetworkIx::NOWHERE, |trunk| snapshot.network_of(trunk)),
            network => network,
        };
        let Some(flow) = snapshot.flow_to(network, Hop { transport, remote }) else {
            continue;
        };
        let peer = trunk.map(|trunk| snapshot.peer(trunk, None)).unwrap_or_default();
        let flow = Flow { peer, ..flow };
        dialog.skip_cseq(CSEQ_MARGIN);
        let mut leg = Leg::new(side, trunk.unwrap_or(TrunkIx(0)), Box::default(), flow, 0);
        leg.dialog = Some(dialog);
        // A trunk that is gone has taken its credentials along: nobody else's are shown to its peers.
        let auth = trunk.map(|_| digest::Attempt::default());
        orphan::goodbye_with(
            core,
            now,
            &snapshot,
            leg,
            Some("Q.850;cause=41;text=\"restart\""),
            auth,
        );
    }
    // The last evidence of life is the journal's or the last interim record's.
    record.ended_ms = record.answered_ms.map(|answered| answered + record.talk_ms);
    record.state = RecordState::Final;
    let remarks = std::mem::take(&mut record.decision);
    record.decision = in_lines(record.route.as_deref(), remarks);
    record.hung_up_by = HungUpBy::Switch;
    "restart".clone_into(&mut record.cause.kind);
    record.cause.sip = 200;
    record.cause.q850 = Some(41);
    for account in &record.accounts {
        core.take_off_credit(&account.customer, account.price);
    }
    core.store(CallKey(0), record, StoreKind::Final);
}
