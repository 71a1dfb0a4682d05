//! Wire contract, *Envelope*: bodies broken in any way get a 4xx and apply nothing; both encodings,
//! compressed or not, mean the same.

use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use tests::{Phone, Reply, Server, both_engines};

const SYNC: &str = "/api/v1/requests/sync";

async fn post(phone: &Phone, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    phone
        .actor
        .send(Method::POST, SYNC, headers, body)
        .await
        .unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const MSGPACK: (&str, &str) = ("content-type", "application/msgpack");

/// The good body's item must not have been taken.
async fn nothing_taken(phone: &Phone) {
    assert_eq!(phone.everything().await.changes, Vec::<Value>::new());
}

async fn broken_bodies_get_a_400_and_apply_nothing(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let item = phone.upsert(id, json!({"title": "Not taken"}));
    let good = json!({"changes": [item]}).to_string();
    let mut broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"7".to_vec(),
        b"{}".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"changes\":null}".to_vec(),
        b"{\"changes\":{}}".to_vec(),
        b"{\"changes\":7}".to_vec(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        good.as_bytes()[..good.len() / 2].to_vec(),
        [good.as_bytes(), b"x"].concat(),
        [good.as_bytes(), good.as_bytes()].concat(),
        [b"\xff\xfe".as_slice(), good.as_bytes()].concat(),
        good.replace("Not taken", "Not \n taken").into_bytes(),
        good.replace("\"title\"", "title").into_bytes(),
    ];
    let mut with = |member: &str, value: Value| {
        let mut body: Value = serde_json::from_str(&good).unwrap();
        body[member] = value;
        broken.push(body.to_string().into_bytes());
    };
    with("lastSync", json!(7));
    with("lastSync", json!("yesterday"));
    with("lastSync", json!({}));
    with("clientTime", json!("noon"));
    with("clientTime", json!(12));
    with("userId", json!("me"));
    with("userId", json!(4));
    with("deviceId", json!(4));
    // A sentence of bytes that are no text: half of a character.
    let mut cut = good.replace("Not taken", "Not täken").into_bytes();
    let half = cut.iter().position(|byte| *byte == 0xc3).unwrap();
    cut.remove(half + 1);
    broken.push(cut);
    for body in broken {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let reply = post(&phone, &[JSON], body).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "malformed_body"),
            "{shown}: {}",
            reply.body
        );
        assert_eq!(
            reply.headers["content-type"], "application/problem+json",
            "{shown}"
        );
        assert!(reply.headers.contains_key("x-request-id"));
    }
    nothing_taken(&phone).await;
    assert_eq!(
        post(&phone, &[JSON], good.into_bytes()).await.verdicts(),
        ["applied"]
    );
}

async fn the_wrong_types_and_encodings_are_named(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let item = phone.upsert(id, json!({"title": "Not taken"}));
    let good = json!({"changes": [item]}).to_string().into_bytes();
    for headers in [
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![],
        vec![JSON, ("content-encoding", "br")],
    ] {
        let reply = post(&phone, &headers, good.clone()).await;
        assert_eq!(
            (reply.status, reply.code()),
            (415, "unsupported_media_type"),
            "{headers:?}"
        );
    }
    let reply = post(&phone, &[JSON, ("accept", "text/html")], good.clone()).await;
    assert_eq!((reply.status, reply.code()), (406, "not_acceptable"));
    let reply = post(&phone, &[MSGPACK], good.clone()).await;
    assert_eq!((reply.status, reply.code()), (400, "malformed_body"));
    let reply = post(&phone, &[JSON, ("content-encoding", "gzip")], good.clone()).await;
    assert_eq!((reply.status, reply.code()), (400, "malformed_body"));
    let reply = phone
        .actor
        .send(Method::PATCH, SYNC, &[JSON], good)
        .await
        .unwrap();
    assert_eq!((reply.status, reply.code()), (405, "method_not_allowed"));
    assert!(reply.headers["allow"].to_str().unwrap().contains("POST"));
    let reply = phone.actor.get("/api/v1/requests/nowhere/at/all").await;
    assert_eq!((reply.status, reply.code()), (404, "not_found"));
    nothing_taken(&phone).await;
}

async fn past_a_limit_nothing_is_applied(server: &Server) {
    let mut phone = server.sales_phone().await;
    let items: Vec<Value> = (0..501)
        .map(|_| {
            let id = phone.new_id();
            phone.upsert(id, json!({"title": "One of many"}))
        })
        .collect();
    let many = json!({"changes": items}).to_string().into_bytes();
    let reply = post(&phone, &[JSON], many).await;
    assert_eq!((reply.status, reply.code()), (413, "batch_too_large"));
    assert!(
        reply.body["detail"].as_str().unwrap().contains("500"),
        "{}",
        reply.body
    );

    let id = phone.new_id();
    let mut item = phone.upsert(id, json!({"title": "Padded"}));
    item["padding"] = json!("x".repeat(1 << 20));
    let wide = json!({"changes": [item]}).to_string().into_bytes();
    let reply = post(&phone, &[JSON], wide).await;
    assert_eq!((reply.status, reply.code()), (413, "body_too_large"));

    // A few KiB that unpack to far more than 4 MiB.
    let id = phone.new_id();
    let mut item = phone.upsert(id, json!({"title": "Bomb"}));
    item["padding"] = json!("x".repeat(64 << 20));
    let bomb = json!({"changes": [item]}).to_string().into_bytes();
    for (encoding, packed) in [
        ("gzip", gzip(&bomb)),
        ("zstd", zstd::encode_all(bomb.as_slice(), 3).unwrap()),
    ] {
        assert!(packed.len() < 1 << 20);
        let reply = post(&phone, &[JSON, ("content-encoding", encoding)], packed).await;
        assert_eq!(
            (reply.status, reply.code()),
            (413, "body_too_large"),
            "{encoding}"
        );
    }

    for depth in [40, 10_000] {
        let deep = format!(
            "{{\"changes\":[],\"x\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let reply = post(&phone, &[JSON], deep.into_bytes()).await;
        assert!(
            [400, 413].contains(&reply.status),
            "{depth}: {}",
            reply.status
        );
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
    nothing_taken(&phone).await;
    let items: Vec<Value> = items[..500].to_vec();
    assert_eq!(phone.sync(items).await.verdicts(), ["applied"; 500]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn both_encodings_compressed_or_not_mean_the_same(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let items = [
        phone.upsert(
            id,
            json!({"title": "Größe 😀", "amount": {"minor": 5, "currency": "EUR"}, "region": null}),
        ),
        phone.submit(id),
    ];
    let body = json!({"changes": items});
    let json_body = body.to_string().into_bytes();
    let packed = rmp_serde::to_vec_named(&body).unwrap();
    let first = post(&phone, &[JSON], json_body.clone()).await.ok();
    assert_eq!(first.verdicts(), ["applied", "rejected/incomplete"]);
    let bodies = [
        (vec![JSON], json_body.clone()),
        (vec![JSON, ("content-encoding", "gzip")], gzip(&json_body)),
        (
            vec![JSON, ("content-encoding", "zstd")],
            zstd::encode_all(json_body.as_slice(), 3).unwrap(),
        ),
        (vec![MSGPACK], packed.clone()),
        (
            vec![("content-type", "application/vnd.msgpack")],
            packed.clone(),
        ),
        (
            vec![MSGPACK, ("content-encoding", "zstd")],
            zstd::encode_all(packed.as_slice(), 3).unwrap(),
        ),
    ];
    let mut answers = Vec::new();
    for (mut headers, body) in bodies {
        let packed_in = headers[0].1 != "application/json";
        let reply = post(&phone, &headers, body.clone()).await;
        assert_eq!(reply.status, 200, "{headers:?}");
        // Without Accept the answer is as the question.
        let said: Value = if packed_in {
            rmp_serde::from_slice(&reply.bytes).unwrap()
        } else {
            reply.body
        };
        answers.push(said["results"].clone());
        headers.push((
            "accept",
            if packed_in {
                "application/json"
            } else {
                "application/msgpack"
            },
        ));
        let reply = post(&phone, &headers, body).await.ok();
        let said: Value = if packed_in {
            reply.body
        } else {
            rmp_serde::from_slice(&reply.bytes).unwrap()
        };
        answers.push(said["results"].clone());
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer[0]["verdict"], "duplicate");
        assert_eq!(answer[1]["code"], "incomplete");
    }
}

async fn answers_are_compressed_when_asked(server: &Server) {
    let mut phone = server.sales_phone().await;
    for _ in 0..50 {
        let id = phone.new_id();
        let item = phone.upsert(id, json!({"title": "The same title again and again"}));
        phone.sync([item]).await;
    }
    let path = "/api/v1/requests/updates";
    let plain = phone.actor.get(path).await.ok();
    let gzipped = phone
        .actor
        .send(
            Method::GET,
            path,
            &[("accept-encoding", "gzip")],
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(gzipped.headers["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(gzipped.bytes.as_slice()),
        &mut unpacked,
    )
    .unwrap();
    let unpacked: Value = serde_json::from_slice(&unpacked).unwrap();
    assert_eq!(unpacked["changes"], plain.body["changes"]);
    let zstd = phone
        .actor
        .send(
            Method::GET,
            path,
            &[("accept-encoding", "zstd")],
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(zstd.headers["content-encoding"], "zstd");
    let unpacked: Value =
        serde_json::from_slice(&zstd::decode_all(zstd.bytes.as_slice()).unwrap()).unwrap();
    assert_eq!(unpacked["changes"], plain.body["changes"]);
}

async fn unknown_members_outside_fields_are_ignored(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let mut item = phone.upsert(id, json!({"title": "Kept"}));
    item["colour"] = json!({"deep": [1, 2, {"r": 1.5}]});
    item["id"] = json!(id.to_string().to_uppercase());
    let body = json!({"changes": [item], "appVersion": "1.2.3", "battery": 0.5});
    let reply = phone.actor.post(SYNC, &body).await.ok();
    assert_eq!(reply.verdicts(), ["applied"]);
    assert_eq!(
        reply.result(0)["id"],
        json!(id),
        "UUIDs go out in lower case"
    );
}

async fn an_empty_push_is_a_pull(server: &Server) {
    let mut phone = server.sales_phone().await;
    let mut other = phone.sibling();
    let id = other.new_id();
    let item = other.upsert(id, json!({"title": "New"}));
    other.sync([item]).await;
    phone.since = tests::Since::Beginning;
    let reply = phone.sync([]).await;
    assert_eq!(reply.changes().len(), 1);
    assert!(reply.body["serverTime"].is_string() && reply.body["hlc"].is_string());
}

both_engines!(
    broken_bodies_get_a_400_and_apply_nothing,
    the_wrong_types_and_encodings_are_named,
    past_a_limit_nothing_is_applied,
    both_encodings_compressed_or_not_mean_the_same,
    answers_are_compressed_when_asked,
    unknown_members_outside_fields_are_ignored,
    an_empty_push_is_a_pull,
);
