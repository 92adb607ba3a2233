use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// A server that answers each request that it reads with the next of these texts, over as many connections as it takes; gives what
/// it has read, a line of the connection's number in front.
fn server(answers: Vec<&'static str>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for number in 0.. {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            loop {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    request.push(byte[0]);
                }
                if request.is_empty() {
                    break;
                }
                told.send(format!("{number}\n{}", String::from_utf8(request).unwrap()))
                    .unwrap();
                let Some(answer) = answers.next() else { return };
                stream.write_all(answer.as_bytes()).unwrap();
                if answer.contains("Connection: close") || answer.is_empty() {
                    break;
                }
            }
        }
    });
    (address, heard)
}

fn asker() -> (Asker, Receiver<Answered>) {
    let (told, heard) = channel();
    let sink = move |answered: Answered| told.send(answered).unwrap();
    (Asker::start(Arc::new(sink)).unwrap(), heard)
}

fn rules(authorization: Option<&str>) -> Arc<AskRules> {
    Arc::new(AskRules {
        authorization: authorization.map(str::to_owned),
        roots: None,
    })
}

const LONG: Duration = Duration::from_secs(20);

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
const LAST: &str = "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn connections_serve_again_and_a_closed_one_is_replaced() {
    let (server, heard) = server(vec![OK, OK, LAST, OK, "", OK]);
    let (asker, answers) = asker();
    let rules = rules(Some("Bearer secret"));
    let ask = |token: u64| {
        let url = format!("http://{server}/numbers/{token}?x=%2B1");
        assert!(asker.ask(token, url.into(), LONG, Arc::clone(&rules)));
        let answered = answers.recv().unwrap();
        assert_eq!(answered.token, token);
        answered.result.map_err(|error| error.to_string())
    };
    assert_eq!(ask(1), Ok((200, b"{}".to_vec())));
    let request = heard.recv().unwrap().to_ascii_lowercase();
    assert!(
        request.starts_with("0\nget /numbers/1?x=%2b1 http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains(&format!("host: {server}\r\n")), "{request}");
    assert!(request.contains("authorization: bearer secret\r\n"), "{request}");
    assert_eq!(ask(2), Ok((200, b"{}".to_vec())));
    assert!(heard.recv().unwrap().starts_with("0\n"), "the same connection");
    assert_eq!(ask(3), Ok((404, Vec::new())));
    assert!(heard.recv().unwrap().starts_with("0\n"));
    assert_eq!(ask(4), Ok((200, b"{}".to_vec())));
    assert!(heard.recv().unwrap().starts_with("1\n"), "another one");
    // The server hangs up on the question: it is asked once more.
    assert_eq!(ask(5), Ok((200, b"{}".to_vec())));
    assert!(heard.recv().unwrap().starts_with("1\n"));
    assert!(heard.recv().unwrap().starts_with("2\n"));
}

#[test]
fn nobody_waits_longer_than_he_wants() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let (asker, answers) = asker();
    assert!(asker.ask(1, url.into(), Duration::from_millis(50), rules(None)));
    let answered = answers.recv().unwrap();
    assert!(matches!(answered.result, Err(AskError::Timeout)), "{answered:?}");
}

#[test]
fn what_cannot_be_asked_or_read_is_said_to_be_so() {
    let (asker, answers) = asker();
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}";
    let (big, _heard) = server(vec![huge]);
    let (other, _heard) = server(vec!["SSH-2.0-x\r\n\r\n"]);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, wrong) in [
        (format!("http://{big}/"), "Body"),
        (format!("http://{other}/"), "Http"),
        (format!("http://{closed}/"), "Io"),
        ("ftp://127.0.0.1/".to_owned(), "Url"),
        ("http://".to_owned(), "Url"),
        ("http://127.0.0.1:99999/".to_owned(), "Url"),
    ] {
        assert!(asker.ask(7, url.clone().into(), LONG, rules(None)));
        let error = answers.recv().unwrap().result.unwrap_err();
        assert!(format!("{error:?}").starts_with(wrong), "{url}: {error:?}");
    }
}

#[test]
fn the_secret_is_not_shown() {
    let shown = format!("{:?}", rules(Some("Bearer secret")));
    assert!(!shown.contains("secret"), "{shown}");
}
