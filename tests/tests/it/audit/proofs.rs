//! What an auditor reads over HTTP, and what can be proved with it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain_services::audit::note::{Checkpoint, VerifierKey};
use domain_services::audit::tree::{Hash, leaf_hash, verify_consistency, verify_inclusion};
use serde_json::{Value, json};
use tests::{Actor, Server, both_engines};

fn hash(text: &Value) -> Hash {
    let bytes = BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
    bytes.try_into().unwrap()
}

fn hashes(proof: &Value) -> Vec<Hash> {
    proof["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(hash)
        .collect()
}

async fn auditor(server: &Server) -> Actor {
    server.sign_in("auditor@demo.athena", "athena-demo").await
}

async fn key(auditor: &Actor) -> VerifierKey {
    let key = auditor.get("/api/v1/audit/key").await.ok();
    VerifierKey::parse(&String::from_utf8(key.bytes).unwrap()).unwrap()
}

async fn checkpoint(auditor: &Actor, query: &str) -> Checkpoint {
    let path = format!("/api/v1/audit/checkpoint{query}");
    let note = auditor.get(&path).await.ok();
    let kind = note.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
    Checkpoint::open(&note.bytes, &key(auditor).await).unwrap()
}

async fn every_leaf_can_be_proved_under_a_signed_root(server: &Server) {
    let auditor = auditor(server).await;
    server.leaves().await;
    let signed = checkpoint(&auditor, "").await;
    assert_eq!(signed.origin, "athena.local/audit");
    let size = signed.size;
    assert!(size > 50, "the demo organisation has a log of {size}");
    for seq in (0..size).step_by(7).chain([size - 1]) {
        let path = format!("/api/v1/audit/proof/inclusion?seq={seq}&size={size}");
        let proof = auditor.get(&path).await.ok().body;
        let leaf = BASE64_STANDARD
            .decode(proof["leaf"].as_str().unwrap())
            .unwrap();
        let said: Value = serde_json::from_slice(&leaf).unwrap();
        assert_eq!(said["seq"], json!(seq));
        let leaf = leaf_hash(&leaf);
        assert_eq!(hash(&proof["leafHash"]), leaf);
        let proved = verify_inclusion(seq, size, &leaf, &hashes(&proof), &signed.root);
        assert!(proved, "{seq} of {size}: {proof}");
    }
}

async fn the_log_is_proved_to_have_only_grown(server: &Server) {
    let auditor = auditor(server).await;
    server.leaves().await;
    let before = checkpoint(&auditor, "").await;
    server.sales().await;
    server.leaves().await;
    let later = loop {
        let later = checkpoint(&auditor, "").await;
        if later.size > before.size {
            break later;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let path = format!(
        "/api/v1/audit/proof/consistency?from={}&to={}",
        before.size, later.size
    );
    let proof = auditor.get(&path).await.ok().body;
    let (from, to) = ((before.size, &before.root), (later.size, &later.root));
    assert!(verify_consistency(from, to, &hashes(&proof)), "{proof}");
    let older = checkpoint(&auditor, &format!("?size={}", later.size - 1)).await;
    assert_eq!(older, before);
}

async fn what_the_log_does_not_have_is_told(server: &Server) {
    let auditor = auditor(server).await;
    for (path, status, code) in [
        ("proof/inclusion?seq=99999999", 404, "not_found"),
        ("proof/inclusion?seq=1&size=99999999", 404, "not_found"),
        ("proof/inclusion?seq=5&size=5", 404, "not_found"),
        ("proof/inclusion?seq=-1", 400, "invalid_value"),
        ("proof/inclusion", 400, "invalid_value"),
        ("proof/consistency?from=1&to=99999999", 404, "not_found"),
        ("proof/consistency?from=3&to=2", 400, "invalid_value"),
        ("proof/consistency?from=x", 400, "invalid_value"),
        ("export?from=99999999", 404, "not_found"),
        ("export?to=yesterday", 400, "invalid_value"),
        ("logs?userId=7", 400, "invalid_value"),
        ("logs?cursor=7", 400, "invalid_value"),
        ("logs?from=today", 400, "invalid_value"),
        ("checkpoint?size=many", 400, "invalid_value"),
    ] {
        let reply = auditor.get(&format!("/api/v1/audit/{path}")).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{path}");
    }
}

/// All items of a list, page by page.
async fn pages(auditor: &Actor, query: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/audit/logs?limit=3{query}{cursor}");
        let page = auditor.get(&path).await.ok().body;
        let of_page = page["items"].as_array().unwrap();
        assert!(of_page.len() <= 3);
        items.extend_from_slice(of_page);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

async fn a_filter_finds_what_the_log_says(server: &Server) {
    let mut phone = server.sales_phone().await;
    let one = phone.submitted("Travel").await;
    let other = phone.submitted("Travel").await;
    let withdraw = phone.withdraw(one.id);
    phone.sync([withdraw]).await;
    let leaves = server.leaves().await;
    let size = u64::try_from(leaves.len()).unwrap();
    let auditor = auditor(server).await;
    let middle = leaves
        .iter()
        .find(|leaf| leaf.request_id == Some(other.id))
        .unwrap();
    let middle = serde_json::to_value(middle.at).unwrap();
    let middle = middle.as_str().unwrap();
    let person = phone.actor.user_id;
    for (query, fits) in [
        (
            String::new(),
            Box::new(|_: &Value| true) as Box<dyn Fn(&Value) -> bool>,
        ),
        (
            format!("&userId={person}"),
            Box::new(move |leaf| leaf["actorId"] == json!(person)),
        ),
        (
            format!("&requestId={}", one.id),
            Box::new(move |leaf| leaf["requestId"] == json!(one.id)),
        ),
        (
            format!("&userId={person}&requestId={}", one.id),
            Box::new(move |leaf| {
                leaf["actorId"] == json!(person) && leaf["requestId"] == json!(one.id)
            }),
        ),
        (
            "&action=request.submitted".to_owned(),
            Box::new(|leaf| leaf["action"] == "request.submitted"),
        ),
        (
            format!("&from={middle}&userId={person}"),
            Box::new(move |leaf| {
                leaf["actorId"] == json!(person) && leaf["at"].as_str().unwrap() >= middle
            }),
        ),
        (
            format!("&to={middle}&action=request.submitted"),
            Box::new(move |leaf| {
                leaf["action"] == "request.submitted" && leaf["at"].as_str().unwrap() < middle
            }),
        ),
    ] {
        let mut expected: Vec<Value> = leaves
            .iter()
            .map(|leaf| serde_json::to_value(leaf).unwrap())
            .filter(|leaf| fits(leaf))
            .collect();
        let order = |leaf: &Value| {
            (
                leaf["at"].as_str().unwrap().to_owned(),
                leaf["seq"].as_u64(),
            )
        };
        expected.sort_by_key(order);
        expected.reverse();
        assert!(!expected.is_empty(), "{query}");
        // What came after the leaves were read (the auditor's own login, a message that left) is not asked for.
        let mut found = pages(&auditor, &query).await;
        found.retain(|item| item["seq"].as_u64().unwrap() < size);
        for item in &mut found {
            let leaf_hash = item.as_object_mut().unwrap().remove("leafHash");
            assert!(leaf_hash.is_some());
        }
        assert_eq!(found, expected, "{query}");
    }
}

async fn an_export_is_bounded_by_numbers_or_times(server: &Server) {
    let leaves = server.leaves().await;
    let auditor = auditor(server).await;
    let seqs = async |query: &str| {
        let path = format!("/api/v1/audit/export{query}");
        let export = auditor.get(&path).await.ok();
        assert_eq!(export.headers["content-type"], "application/x-ndjson");
        let text = String::from_utf8(export.bytes).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["seq"]
                    .as_u64()
                    .unwrap()
            })
            .collect::<Vec<_>>()
    };
    let size = u64::try_from(leaves.len()).unwrap();
    assert_eq!(
        seqs(&format!("?to={size}")).await,
        (0..size).collect::<Vec<_>>()
    );
    assert_eq!(seqs("?from=5&to=8").await, [5, 6, 7]);
    let at = serde_json::to_value(leaves[20].at).unwrap();
    let expected: Vec<u64> = leaves
        .iter()
        .filter(|leaf| leaf.at < leaves[20].at)
        .map(|leaf| leaf.seq)
        .collect();
    let found = seqs(&format!("?to={}", at.as_str().unwrap())).await;
    assert_eq!(found, expected);
}

both_engines!(
    every_leaf_can_be_proved_under_a_signed_root,
    the_log_is_proved_to_have_only_grown,
    what_the_log_does_not_have_is_told,
    a_filter_finds_what_the_log_says,
    an_export_is_bounded_by_numbers_or_times,
);
