//! Listeners, and the connections of stream transports.

use crate::form::compound::{OneOrList, Opt, OrOff};
use crate::form::net::Address;
use crate::form::scalar::{Choice, Time, Whole, words};
use crate::form::text::{FilePath, Name};
use crate::section::{Table, section};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// One address that SIP is listened for on.
    Listen, label None, later [],
    {
        /// The transport.
        restart transport: Transport = Choice<Transport>, default("'udp'");
        /// The local address and port.
        restart bind: SocketAddr = Address, required;
        /// The address written into messages, where NAT stands in front or `bind` is a wildcard (`0.0.0.0`).
        restart advertise: Option<SocketAddr> = Opt<Address>, optional;
        /// The `[[network]]` that it is in: trunks of the same one are called from here, and call here.
        live network: Option<String> = Opt<Name>, optional;
        /// Certificates, for `tls` and `wss`. The files are read again at each reload: new handshakes get what is in them then,
        /// connections stay.
        live tls: Option<ListenTls> = Opt<Table<ListenTls>>, optional;
    }
}

words! {
    /// Transports.
    Transport {
        /// UDP.
        Udp = "udp",
        /// TCP.
        Tcp = "tcp",
        /// TLS over TCP.
        Tls = "tls",
        /// WebSocket (RFC 7118).
        Ws = "ws",
        /// WebSocket over TLS.
        Wss = "wss",
    } later []
}

section! {
    /// What a listener shows of itself in a TLS handshake, and asks of the other side.
    ListenTls, label None, later [],
    {
        /// A PEM file with our certificate and its intermediates. Several where the listener has several names: the client's SNI
        /// decides, the first is for whoever names none of them.
        live certificate: Vec<PathBuf> = OneOrList<FilePath>, required;
        /// A PEM file with the private key; as many as certificates, in the same order.
        live key: Vec<PathBuf> = OneOrList<FilePath>, required;
        /// Whether the client has to show a certificate.
        live client: ClientCertificate = Choice<ClientCertificate>, default("'none'");
        /// A PEM file with the authorities that clients' certificates have to come from.
        live client_ca: Option<PathBuf> = Opt<FilePath>, optional;
        /// The oldest version of TLS that is spoken.
        live min_version: TlsVersion = Choice<TlsVersion>, default("'1.2'");
    }
}

words! {
    /// Whether a client shows a certificate (mutual TLS).
    ClientCertificate {
        /// It is not asked for one.
        None = "none",
        /// It is asked; one that it shows has to be good.
        Optional = "optional",
        /// Without a good one there is no connection.
        Required = "required",
    } later []
}

words! {
    /// A version of TLS.
    TlsVersion {
        /// RFC 5246.
        V12 = "1.2",
        /// RFC 8446.
        V13 = "1.3",
    } later []
}

section! {
    /// Limits and times of connections.
    Connections, label None, later [],
    {
        /// Connections at once, ours and others'; above it new ones are closed as they come. An eighth of it only ours can have.
        live max: u32 = Whole<u32, 1, 1_000_000>, default("4096");
        /// Connections from one address (of IPv6, from one /64) at once.
        live per_address: u32 = Whole<u32, 1, 1_000_000>, default("256");
        /// A connection that others made is closed when its first whole message has not come in this time; handshakes count.
        live first_message: Duration = Time<10, 3_600_000>, default("'30s'");
        /// A message that has begun has to be whole after this time.
        live frame: Duration = Time<10, 600_000>, default("'10s'");
        /// A connection on which nothing has come or gone for this long is closed.
        live idle: Duration = Time<100, 604_800_000>, default("'1h'");
        /// Time for a connection of ours to come about, its handshake included; never more than 32·T1, so that a request can still
        /// go elsewhere.
        live connect: Duration = Time<10, 60_000>, default("'2s'");
        /// A peer that takes nothing of what waits for it for this long is disconnected.
        live write: Duration = Time<10, 600_000>, default("'10s'");
        /// How often a keep-alive is sent on connections that we made (RFC 5626 §3.5.1); one that is not answered within 10 s
        /// ends the connection. Those of others are answered in any case.
        live keepalive: Option<Duration> = OrOff<Time<1_000, 3_600_000>>, default("'off'");
    }
}
