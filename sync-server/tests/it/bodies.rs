//! Bodies in both formats and encodings, and everything that can be wrong with one.

use crate::actors::{Answer, get_with, send, server};
use std::io::{Read, Write};

const JSON: (&str, &str) = ("content-type", "application/json");
const MSGPACK: (&str, &str) = ("content-type", "application/msgpack");
const NOTE: &str = r#"{"text": "hello"}"#;

async fn post(headers: &[(&str, &str)], body: impl Into<axum::body::Body>) -> Answer {
    send(&server(None), "POST", "/echo", headers, body).await
}

#[tokio::test]
async fn the_answer_is_in_the_format_of_the_request_or_the_one_accepted() {
    let packed = rmp_serde::to_vec_named(&serde_json::json!({"text": "hello"})).unwrap();

    let same = post(&[MSGPACK], packed.clone()).await;
    assert_eq!(
        (same.status, same.header("content-type")),
        (200, "application/msgpack")
    );
    assert_eq!(same.body, packed);

    let other = post(&[MSGPACK, ("accept", "application/json")], packed.clone()).await;
    assert_eq!(other.json()["text"], "hello");

    let vendor = post(
        &[("content-type", "application/vnd.msgpack")],
        packed.clone(),
    )
    .await;
    assert_eq!(vendor.body, packed);

    let charset = post(&[("content-type", "application/json; charset=utf-8")], NOTE).await;
    assert_eq!(charset.json()["text"], "hello");
}

#[tokio::test]
async fn types_nobody_understands_are_refused_before_anything_happens() {
    post(&[], NOTE)
        .await
        .is_problem(415, "unsupported_media_type");
    post(&[("content-type", "text/plain")], NOTE)
        .await
        .is_problem(415, "unsupported_media_type");
    let unknown = post(&[JSON, ("content-encoding", "br")], NOTE).await;
    unknown.is_problem(415, "unsupported_media_type");
    assert_eq!(unknown.header("accept-encoding"), "gzip, zstd");
    post(&[JSON, ("accept", "text/html")], NOTE)
        .await
        .is_problem(406, "not_acceptable");
}

#[tokio::test]
async fn what_does_not_parse_is_malformed_and_what_is_wrong_is_pointed_at() {
    for broken in [
        "",
        "{",
        "[]",
        "{\"text\": \"\\ud800\"}",
        "{\"text\": \"a\"} x",
        "\u{0}",
    ] {
        post(&[JSON], broken)
            .await
            .is_problem(400, "malformed_body");
    }
    post(&[MSGPACK], vec![0xc1])
        .await
        .is_problem(400, "malformed_body");
    let wrong = post(&[JSON], r#"{"text": 7}"#).await;
    wrong.is_problem(400, "invalid_value");
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/text");
}

#[tokio::test]
async fn every_limit_of_a_body_is_a_problem_that_names_it() {
    let large = format!("{{\"text\": \"{}\"}}", "x".repeat(1_000));
    let refused = post(&[JSON], large.clone()).await;
    refused.is_problem(413, "body_too_large");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("1000 bytes")
    );

    let bomb = gzip(format!("{{\"text\": \"{}\"}}", "x".repeat(100_000)).as_bytes());
    assert!(bomb.len() < 1_000);
    let refused = post(&[JSON, ("content-encoding", "gzip")], bomb).await;
    refused.is_problem(413, "body_too_large");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("4000 bytes")
    );

    let deep = format!("{{\"text\": {}{}}}", "[".repeat(40), "]".repeat(40));
    let refused = post(&[JSON], deep).await;
    refused.is_problem(400, "malformed_body");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("32 levels")
    );
}

#[tokio::test]
async fn compressed_bodies_are_taken_and_broken_ones_refused() {
    let zipped = gzip(NOTE.as_bytes());
    let taken = post(&[JSON, ("content-encoding", "gzip")], zipped.clone()).await;
    assert_eq!(taken.json()["text"], "hello");
    let packed = zstd::encode_all(NOTE.as_bytes(), 3).unwrap();
    let taken = post(&[JSON, ("content-encoding", "zstd")], packed).await;
    assert_eq!(taken.json()["text"], "hello");
    post(
        &[JSON, ("content-encoding", "gzip")],
        zipped[..zipped.len() - 3].to_vec(),
    )
    .await
    .is_problem(400, "malformed_body");
    post(&[JSON, ("content-encoding", "zstd")], NOTE)
        .await
        .is_problem(400, "malformed_body");
}

#[tokio::test]
async fn long_answers_are_compressed_when_asked_and_short_ones_are_not() {
    let server = server(None);
    let plain = get_with(&server, "/long", &[]).await;
    assert_eq!(plain.header("content-encoding"), "");

    let zipped = get_with(&server, "/long", &[("accept-encoding", "gzip")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&zipped.body[..])
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(text, plain.body);

    let packed = get_with(&server, "/long", &[("accept-encoding", "gzip, zstd")]).await;
    assert_eq!(packed.header("content-encoding"), "zstd");
    assert_eq!(zstd::decode_all(&packed.body[..]).unwrap(), plain.body);

    let short = get_with(&server, "/count", &[("accept-encoding", "gzip")]).await;
    assert_eq!(short.header("content-encoding"), "");
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
