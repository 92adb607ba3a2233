//! Over loopback: who connects is heard, who is connected to is sent to, and the clock is kept.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
const OPTIONS: &str = "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\n\
    To: <sip:us>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

fn limits() -> StreamLimits {
    StreamLimits {
        max: 10,
        per_address: 10,
        first_message: Duration::from_millis(300),
        frame: Duration::from_millis(200),
        idle: PATIENCE,
        connect: Duration::from_millis(500),
        write: Duration::from_millis(300),
        keepalive: None,
        dscp: 24,
    }
}

fn start(limits: StreamLimits) -> (Streams, mpsc::Receiver<StreamEvent>, SocketAddr) {
    let socket = bind_stream(SocketAddr::from(([127, 0, 0, 1], 0)), 24).expect("a port");
    let local = socket.local_addr().expect("an address");
    let listener = StreamListener {
        id: ListenerId(0),
        transport: Transport::Tcp,
        socket,
    };
    let setup = StreamSetup {
        servers: HashMap::new(),
        clients: HashMap::new(),
        limits,
    };
    let (streams, events) = Streams::start(vec![listener], setup).expect("threads");
    (streams, events, local)
}

fn to(remote: SocketAddr) -> Flow {
    Flow {
        transport: Transport::Tcp,
        listener: ListenerId(0),
        remote,
        conn: None,
        peer: PeerId::default(),
    }
}

async fn next(events: &mut mpsc::Receiver<StreamEvent>) -> StreamEvent {
    timeout(PATIENCE, events.recv())
        .await
        .expect("in time")
        .expect("an event")
}

async fn closed(events: &mut mpsc::Receiver<StreamEvent>) -> Ended {
    loop {
        if let StreamEvent::Closed { why, .. } = next(events).await {
            return why;
        }
    }
}

#[tokio::test]
async fn who_connects_is_heard_and_answered_over_the_connection() {
    let (mut streams, mut events, local) = start(limits());
    let mut peer = TcpStream::connect(local).await.expect("a connection");
    peer.write_all(format!("{OPTIONS}{OPTIONS}\r\n\r\n").as_bytes())
        .await
        .expect("a write");
    let StreamEvent::Opened { flow, names, line } = next(&mut events).await else {
        panic!("it has opened first");
    };
    assert!(names.is_empty());
    streams.opened(flow, line);
    for _ in 0..2 {
        let StreamEvent::Message { flow: from, message } = next(&mut events).await else {
            panic!("two messages");
        };
        assert!(from == flow && message.is_ok());
    }
    let mut pong = [0; 2];
    peer.read_exact(&mut pong).await.expect("the keep-alive's answer");
    assert_eq!(pong, *b"\r\n");
    let answer = Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n");
    streams.send(&flow, &answer).expect("there is the connection");
    let mut got = vec![0; answer.len()];
    peer.read_exact(&mut got).await.expect("the answer");
    assert_eq!(*got, *answer);
    drop(peer);
    assert_eq!(closed(&mut events).await, Ended::Closed);
    let gone = Gone {
        flow,
        aliases: Vec::new(),
        asked: false,
    };
    assert_eq!(streams.close(flow.conn.expect("a number")), Some(gone));
}

#[tokio::test]
async fn several_messages_wait_for_one_connection() {
    let (mut streams, _events, _) = start(limits());
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let flow = to(server.local_addr().expect("an address"));
    for _ in 0..3 {
        streams.send(&flow, &Bytes::from_static(b"x")).expect("room");
    }
    let (mut peer, _) = timeout(PATIENCE, server.accept())
        .await
        .expect("in time")
        .expect("one");
    let mut got = [0; 3];
    peer.read_exact(&mut got).await.expect("all three");
    assert!(
        timeout(Duration::from_millis(50), server.accept()).await.is_err(),
        "no second one"
    );
    assert_eq!(streams.figures().connections, 1);
}

#[tokio::test]
async fn a_connection_that_is_refused_is_said_to_be_so() {
    let (mut streams, mut events, _) = start(limits());
    // Bound, so that nobody else gets the port, and not listening.
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    silent
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("a port");
    let nobody = silent.local_addr().ok().and_then(|at| at.as_socket());
    let nobody = nobody.expect("an address");
    streams
        .send(&to(nobody), &Bytes::from_static(b"x"))
        .expect("it is tried");
    assert_eq!(
        closed(&mut events).await,
        Ended::Failed(io::ErrorKind::ConnectionRefused)
    );
    let conn = ConnId(1);
    let gone = streams.close(conn);
    assert!(gone.is_some_and(|gone| gone.flow.remote == nobody && gone.asked && gone.aliases.is_empty()));
    let browser = Flow {
        transport: Transport::Ws,
        ..to(nobody)
    };
    assert_eq!(
        streams.send(&browser, &Bytes::from_static(b"x")),
        Err(StreamError::NoConnection)
    );
}

#[tokio::test]
async fn who_does_not_read_is_noticed() {
    let (mut streams, mut events, _) = start(limits());
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let flow = to(server.local_addr().expect("an address"));
    let message = Bytes::from(vec![b'x'; 60_000]);
    streams.send(&flow, &message).expect("room");
    let _peer = timeout(PATIENCE, server.accept())
        .await
        .expect("in time")
        .expect("one");
    let mut slow = false;
    for _ in 0..400 {
        match streams.send(&flow, &message) {
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => {
                assert!(matches!(error, StreamError::Slow(_)), "{error}");
                slow = true;
                break;
            }
        }
    }
    assert!(slow, "a megabyte waits, and no more");
    assert_eq!(closed(&mut events).await, Ended::Late("room to write"));
}

#[tokio::test]
async fn a_keep_alive_that_is_not_answered_ends_a_connection_of_ours() {
    let keepalive = Some(Duration::from_millis(50));
    let (mut streams, _events, _) = start(StreamLimits {
        keepalive,
        ..limits()
    });
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let flow = to(server.local_addr().expect("an address"));
    streams.send(&flow, &Bytes::from_static(b"x")).expect("room");
    let (mut peer, _) = timeout(PATIENCE, server.accept())
        .await
        .expect("in time")
        .expect("one");
    let mut got = [0; 5];
    peer.read_exact(&mut got)
        .await
        .expect("the message and a keep-alive");
    assert_eq!(got, *b"x\r\n\r\n");
}

/// A peer that closes what nobody uses does so while a request is on its way as well.
#[tokio::test]
async fn a_request_that_meets_a_connection_just_closed_gets_a_new_one() {
    let (mut streams, mut events, _) = start(limits());
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let flow = to(server.local_addr().expect("an address"));
    streams.send(&flow, &Bytes::from_static(b"x")).expect("room");
    let (mut peer, _) = timeout(PATIENCE, server.accept())
        .await
        .expect("in time")
        .expect("one");
    peer.read_exact(&mut [0]).await.expect("the first request");
    drop(peer);
    // The task has ended, and the shard has not handled that yet.
    let StreamEvent::Closed { conn, .. } = next(&mut events).await else {
        panic!("it is over");
    };
    streams
        .send(&flow, &Bytes::from_static(b"y"))
        .expect("a new connection");
    let (mut peer, _) = timeout(PATIENCE, server.accept())
        .await
        .expect("in time")
        .expect("another");
    let mut got = [0];
    peer.read_exact(&mut got).await.expect("the second request");
    assert_eq!(got, *b"y");
    let gone = streams.close(conn).expect("the switch is told of the first");
    assert_eq!(gone.flow.conn, Some(conn));
    assert!(!gone.asked, "it would fail what has gone over the second");
    streams
        .send(&flow, &Bytes::from_static(b"z"))
        .expect("the second is there");
    peer.read_exact(&mut got).await.expect("the third request");
    assert_eq!(streams.figures().known, 1);
}

/// A peer that nobody has named can't be asked for a certificate: whoever has connected to us by TLS and is gone.
#[tokio::test]
async fn by_tls_nobody_is_connected_to_who_is_not_known() {
    let (mut streams, _events, _) = start(limits());
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let flow = Flow {
        transport: Transport::Tls,
        ..to(server.local_addr().expect("an address"))
    };
    for message in [b"SIP/2.0 200 OK\r\n\r\n".as_slice(), OPTIONS.as_bytes()] {
        let sent = streams.send(&flow, &Bytes::copy_from_slice(message));
        assert_eq!(sent, Err(StreamError::NoConnection));
    }
    assert!(
        timeout(Duration::from_millis(50), server.accept()).await.is_err(),
        "nor is it tried"
    );
    assert_eq!(streams.figures().connections, 0);
}
