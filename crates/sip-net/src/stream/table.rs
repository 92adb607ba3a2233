//! Which connection a message takes: pure, and the shard's own.

use std::collections::HashMap;
use std::net::SocketAddr;

use sip_proto::{ConnId, Flow, ListenerId, PeerId, Transport};
use std::collections::hash_map::Entry;

/// What requests to the same place share: RFC 3261 §18.1.1 has them share a connection, RFC 5922 §7.3 by the name that it is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    transport: Transport,
    listener: ListenerId,
    remote: SocketAddr,
    peer: PeerId,
}

impl Key {
    fn of(flow: &Flow) -> Self {
        Self {
            transport: flow.transport,
            listener: flow.listener,
            remote: flow.remote,
            // Without a certificate it is the same peer whoever is meant.
            peer: if flow.transport.is_secure() {
                flow.peer
            } else {
                PeerId::default()
            },
        }
    }
}

impl Key {
    fn flow(&self) -> Flow {
        Flow {
            transport: self.transport,
            listener: self.listener,
            remote: self.remote,
            conn: None,
            peer: self.peer,
        }
    }
}

impl<Q> Conn<Q> {
    /// Where it stood for, beside its own far end: requests to there went over it.
    pub(super) fn aliases(&self) -> Vec<Flow> {
        let others = self.keys.iter().filter(|_| self.inbound);
        others.map(Key::flow).collect()
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over this connection.
    Over(ConnId),
    /// Over a new one.
    Connect,
    /// There is no connection, and none may be made.
    Nowhere,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Conn<Q> {
    /// Its far end, and for one of ours whom it is to.
    pub(super) flow: Flow,
    /// The peer has made it.
    pub(super) inbound: bool,
    /// A request of ours has been sent over it.
    pub(super) asked: bool,
    pub(super) queue: Q,
    /// It is over, and nobody has been told yet.
    retired: bool,
    keys: Vec<Key>,
}

/// Connections by number and by where they lead.
#[derive(Debug)]
pub(super) struct Table<Q> {
    conns: HashMap<ConnId, Conn<Q>>,
    to: HashMap<Key, ConnId>,
}

/// Aliases of one connection.
const MOST_KEYS: usize = 8;

impl<Q> Table<Q> {
    pub(super) fn new() -> Self {
        Self {
            conns: HashMap::new(),
            to: HashMap::new(),
        }
    }

    /// A connection that is there, or one of ours that is being made.
    pub(super) fn insert(&mut self, conn: ConnId, flow: Flow, inbound: bool, queue: Q) {
        let mut keys = Vec::new();
        if !inbound {
            let key = Key::of(&flow);
            self.to.insert(key, conn);
            keys.push(key);
        }
        let entry = Conn {
            flow,
            inbound,
            asked: false,
            queue,
            retired: false,
            keys,
        };
        self.conns.insert(conn, entry);
    }

    pub(super) fn remove(&mut self, conn: ConnId) -> Option<Conn<Q>> {
        let gone = self.conns.remove(&conn)?;
        self.vacate(&gone.keys, conn);
        Some(gone)
    }

    /// Nothing takes this connection any more, though it is still to be removed. Who is told of its end must not take what goes over the
    /// next one to the same place for lost: what nobody has answered over this one counts as silence.
    pub(super) fn retire(&mut self, conn: ConnId) {
        let Some(ended) = self.conns.get_mut(&conn) else {
            return;
        };
        ended.retired = true;
        ended.asked = false;
        let keys = std::mem::take(&mut ended.keys);
        self.vacate(&keys, conn);
    }

    fn vacate(&mut self, keys: &[Key], conn: ConnId) {
        for key in keys {
            if let Entry::Occupied(entry) = self.to.entry(*key)
                && *entry.get() == conn
            {
                entry.remove();
            }
        }
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Conn<Q>> {
        self.conns.get_mut(&conn)
    }

    pub(super) fn len(&self) -> usize {
        self.conns.len()
    }

    /// An answer goes back over the connection of its request whatever else it says (RFC 3261 §18.2.2); a request over the one
    /// that its dialog came by, if that still leads to the next hop.
    pub(super) fn way(&self, flow: &Flow, answer: bool) -> Way {
        let own = flow.conn.and_then(|conn| self.conns.get(&conn));
        let own = own.filter(|conn| !conn.retired);
        if let (Some(conn), Some(id)) = (own, flow.conn)
            && (answer || leads_to(conn, flow))
        {
            return Way::Over(id);
        }
        match self.to.get(&Key::of(flow)) {
            Some(id) => Way::Over(*id),
            None if flow.transport.connects() => Way::Connect,
            None => Way::Nowhere,
        }
    }

    /// The connection of `flow` stands for its far end from now on. One of ours that does already stays; one that the peer made before
    /// does not: that it connects anew may be all that tells us that the old one is dead.
    pub(super) fn alias(&mut self, flow: &Flow) {
        let key = Key::of(flow);
        let Some((id, conn)) = flow.conn.and_then(|id| Some((id, self.conns.get(&id)?))) else {
            return;
        };
        if conn.retired || conn.keys.len() >= MOST_KEYS {
            return;
        }
        let owner = self.to.get(&key).copied();
        if let Some(old) = owner.and_then(|owner| self.conns.get_mut(&owner)) {
            // Numbers go up.
            if !old.inbound || owner >= Some(id) {
                return;
            }
            // Or its end would be taken for that of requests over the new one.
            old.keys.retain(|other| *other != key);
        }
        self.to.insert(key, id);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.keys.push(key);
        }
    }
}

/// A connection that we made leads where it was made to. Of one that the peer made only the address says something: its port is
/// the peer's system's choice.
fn leads_to<Q>(conn: &Conn<Q>, flow: &Flow) -> bool {
    let same = conn.flow.transport == flow.transport;
    same && if conn.inbound {
        conn.flow.remote.ip() == flow.remote.ip()
    } else {
        conn.flow.remote == flow.remote
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "192.0.2.1:5061";

    fn flow(remote: &str, conn: Option<u64>, peer: u16) -> Flow {
        Flow {
            transport: Transport::Tls,
            listener: ListenerId(1),
            remote: remote.parse().expect("an address"),
            conn: conn.map(ConnId),
            peer: PeerId(peer),
        }
    }

    fn table() -> Table<()> {
        let mut table = Table::new();
        table.insert(ConnId(1), flow(TARGET, Some(1), 7), false, ());
        table.insert(ConnId(2), flow("192.0.2.9:40000", Some(2), 0), true, ());
        table
    }

    #[test]
    fn requests_to_the_same_peer_share_a_connection_and_others_do_not() {
        let table = table();
        assert_eq!(table.way(&flow(TARGET, None, 7), false), Way::Over(ConnId(1)));
        assert_eq!(table.way(&flow(TARGET, None, 8), false), Way::Connect);
        assert_eq!(table.way(&flow("192.0.2.1:5062", None, 7), false), Way::Connect);
        let elsewhere = Flow {
            listener: ListenerId(2),
            ..flow(TARGET, None, 7)
        };
        assert_eq!(table.way(&elsewhere, false), Way::Connect);
    }

    #[test]
    fn without_a_certificate_it_is_the_same_peer_whoever_is_meant() {
        let mut table = Table::new();
        let tcp = |peer| Flow {
            transport: Transport::Tcp,
            ..flow(TARGET, None, peer)
        };
        table.insert(ConnId(1), tcp(7), false, ());
        assert_eq!(table.way(&tcp(8), false), Way::Over(ConnId(1)));
    }

    #[test]
    fn a_dialog_keeps_the_connection_that_it_came_by() {
        let table = table();
        // The Contact names the port that the peer listens on.
        assert_eq!(
            table.way(&flow("192.0.2.9:5061", Some(2), 3), false),
            Way::Over(ConnId(2))
        );
        assert_eq!(
            table.way(&flow("192.0.2.10:5061", Some(2), 3), false),
            Way::Connect
        );
        assert_eq!(
            table.way(&flow("192.0.2.1:5080", Some(1), 7), false),
            Way::Connect
        );
    }

    #[test]
    fn an_answer_takes_its_requests_connection_and_a_new_one_when_it_is_gone() {
        let mut table = table();
        let answer = flow("192.0.2.1:9999", Some(1), 0);
        assert_eq!(table.way(&answer, true), Way::Over(ConnId(1)));
        table.remove(ConnId(1));
        assert_eq!(table.way(&answer, true), Way::Connect);
        let browser = Flow {
            transport: Transport::Wss,
            ..answer
        };
        assert_eq!(table.way(&browser, true), Way::Nowhere);
    }

    #[test]
    fn an_alias_stands_until_its_connection_goes_and_takes_nobodys_place() {
        let mut table = table();
        let peer = flow("192.0.2.9:5061", None, 4);
        table.alias(&flow("192.0.2.9:5061", Some(2), 4));
        assert_eq!(table.way(&peer, false), Way::Over(ConnId(2)));
        table.alias(&flow(TARGET, Some(2), 7));
        assert_eq!(table.way(&flow(TARGET, None, 7), false), Way::Over(ConnId(1)));
        let gone = table.remove(ConnId(2)).expect("it was there");
        assert_eq!(gone.aliases(), [peer]);
        assert_eq!(table.way(&peer, false), Way::Connect);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_is_over_is_passed_over_and_still_to_be_told_of() {
        let mut table = table();
        table.alias(&flow("192.0.2.9:5061", Some(2), 4));
        for (conn, remote, peer) in [(1, TARGET, 7), (2, "192.0.2.9:5061", 4)] {
            let flow = flow(remote, Some(conn), peer);
            table.get_mut(ConnId(conn)).expect("it is there").asked = true;
            table.retire(ConnId(conn));
            assert_eq!(table.way(&flow, false), Way::Connect);
            assert_eq!(table.way(&flow, true), Way::Connect);
            table.alias(&flow);
            assert_eq!(table.way(&flow, false), Way::Connect, "nor by its alias");
            let gone = table.remove(ConnId(conn)).expect("it is still there");
            assert!(!gone.asked && gone.aliases().is_empty());
        }
    }

    /// The peer that lost power says so by connecting anew, long before TCP finds the old connection dead.
    #[test]
    fn a_peers_newer_connection_takes_the_alias_of_its_older_one() {
        let mut table = table();
        table.insert(ConnId(3), flow("192.0.2.9:40001", Some(3), 0), true, ());
        let peer = flow("192.0.2.9:5061", None, 4);
        let by = |conn| flow("192.0.2.9:5061", Some(conn), 4);
        table.alias(&by(2));
        table.alias(&by(3));
        assert_eq!(table.way(&peer, false), Way::Over(ConnId(3)));
        table.alias(&by(2));
        assert_eq!(table.way(&peer, false), Way::Over(ConnId(3)), "not back again");
        // What goes there now is not lost with the old one.
        let gone = table.remove(ConnId(2)).expect("it was there");
        assert_eq!(gone.aliases(), []);
        assert_eq!(table.way(&peer, false), Way::Over(ConnId(3)));
        let gone = table.remove(ConnId(3)).expect("it was there");
        assert_eq!(gone.aliases(), [peer]);
    }
}
