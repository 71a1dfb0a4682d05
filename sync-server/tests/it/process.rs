//! The whole server: started, asked over TCP, stopped.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use sync_server::config::Config;
use sync_server::{Running, StartError, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn config(folder: &Path) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: folder.to_owned(),
        ..Config::default()
    }
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.addr()).await.unwrap()
}

/// Everything the server says until it closes the connection.
async fn said(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

async fn ask(server: &Running, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    said(stream).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn it_is_alive_ready_counted_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(config(folder.path())).await.unwrap();
    for (path, contains) in [
        ("/healthz", "alive"),
        ("/readyz", "ready"),
        ("/metrics", "athena_http_requests_total"),
        ("/openapi.json", "\"openapi\": \"3.1.0\""),
        ("/docs/", "swagger-ui"),
        ("/.well-known/jwks.json", "\"kty\":\"EC\""),
    ] {
        let answer = ask(&server, &get(path)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains(contains), "{path}: {answer}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_second_start_on_the_same_files_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(config(folder.path())).await.unwrap();
    let refused = start(config(folder.path())).await.unwrap_err();
    assert!(matches!(refused, StartError::Locked(_)), "{refused}");
    assert!(refused.to_string().contains("another athena works in"));
    assert!(ask(&first, &get("/readyz")).await.contains("200 OK"));
    first.shutdown().await;
    start(config(folder.path())).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_taken_port_and_an_absent_database_are_one_sentence_each() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(folder.path());
    config.listen = taken.local_addr().unwrap();
    let refused = start(config.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("cannot listen on"), "{refused}");

    config.listen.set_port(0);
    let nobody = taken.local_addr().unwrap().port();
    drop(taken);
    let url = format!("postgres://me:hunter2@127.0.0.1:{nobody}/x");
    config.database_url = Some(sync_server::config::Secret::new(url));
    config.database_wait = Duration::ZERO;
    let refused = start(config).await.unwrap_err().to_string();
    assert!(
        refused.contains("the database of the user service"),
        "{refused}"
    );
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[tokio::test]
async fn a_connection_that_says_too_little_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.header_timeout = Duration::from_millis(100);
    let server = start(config).await.unwrap();
    assert_eq!(said(connect(&server).await).await, "");
    let mut slow = connect(&server).await;
    slow.write_all(b"GET /healthz HT").await.unwrap();
    assert!(!said(slow).await.contains("200 OK"));
    server.shutdown().await;
}

#[tokio::test]
async fn a_stop_answers_what_is_being_asked_and_takes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(config(folder.path())).await.unwrap();
    let address = server.addr();
    let body = r#"{"email":"a@b.example","password":"0123456789"}"#;
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut asking = connect(&server).await;
    asking.write_all(head.as_bytes()).await.unwrap();
    let (first, rest) = body.as_bytes().split_at(10);
    asking.write_all(first).await.unwrap();
    // The server has begun with the request once it answers another one that came after.
    ask(&server, &get("/healthz")).await;

    let stopping = tokio::spawn(server.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    asking.write_all(rest).await.unwrap();
    let answer = said(asking).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    stopping.await.unwrap();
}
