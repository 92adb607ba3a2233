//! What an endpoint is told at its start.

use std::time::Duration;

use sip_msg::Method;

/// The base timers (RFC 3261 §17.1.1.1 and table 4); everything else follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round-trip time: first interval of every retransmission.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request and of a response to an INVITE.
    pub t2: Duration,
    /// Longest time that a message stays in the network.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64·T1: timers B, F, H, J, L, M, the wait for the ACK to a 2xx and for the final answer after a CANCEL.
    pub fn transaction(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: how long copies of a refusal are ACKed again over an unreliable transport; at least 32 s
    /// (RFC 3261 §17.1.1.2), and never shorter than timer H of the peer.
    pub fn d(&self) -> Duration {
        self.transaction().max(Duration::from_secs(32))
    }

    /// When the client's timer E has reached T2: the earliest and latest moment of a 100 to a non-INVITE request
    /// over an unreliable transport (RFC 4320 §4.1). T1 + 2·T1 + … until an interval of T2 would begin.
    pub fn e_reaches_t2(&self) -> Duration {
        let mut sum = Duration::ZERO;
        let mut interval = self.t1;
        while interval < self.t2 && !interval.is_zero() {
            sum += interval;
            interval = interval.saturating_mul(2);
        }
        sum
    }

    /// The interval after `interval`: doubled, at most T2.
    pub(crate) fn backoff(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// How an [`Endpoint`](crate::Endpoint) behaves.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Base timers.
    pub timers: Timers,
    /// The methods that we take, in the order of our Allow header. ACK and CANCEL are always understood.
    pub methods: Vec<Method>,
    /// The option tags that we understand, for Require (RFC 3261 §8.2.2.3).
    pub extensions: Vec<String>,
    /// Most server transactions at a time; over it new requests get 503 with Retry-After.
    pub max_server: usize,
    /// Most client transactions at a time; over it [`Endpoint::request`](crate::Endpoint::request) refuses, except within a
    /// dialog: there the number of dialogs is the limit.
    pub max_client: usize,
    /// Server header of the answers that the endpoint gives by itself.
    pub product: Option<String>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            methods: vec![
                Method::Invite,
                Method::Ack,
                Method::Cancel,
                Method::Bye,
                Method::Options,
                Method::Register,
                Method::Prack,
                Method::Update,
                Method::Info,
                Method::Refer,
                Method::Notify,
                Method::Message,
            ],
            extensions: Vec::new(),
            max_server: 100_000,
            max_client: 100_000,
            product: None,
        }
    }
}
