//! The same commands, in the process and by Kafka: the same projections.

use domain_services::db::sql;
use serde_json::{Value, json};
use tests::{Engine, Server, Setup};

/// What everybody came to, without the ids and times that differ from run to run.
async fn told(server: &Server) -> Value {
    let mut sales = server.phone_of("sales1").await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", 12).await;
    l1a.wait_for_all(&requests, 1).await;
    let mut votes = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        match n % 4 {
            0 | 1 => votes.push(l1a.approve(request.approval(1))),
            2 => votes.push(l1a.reject(request.approval(1))),
            _ => {}
        }
    }
    l1a.sync_votes(votes).await;
    let mut withdrawn = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        match n % 4 {
            0 => {
                l2a.wait_for(request.approval(2)).await;
                let yes = l2a.approve(request.approval(2));
                l2a.sync_votes([yes]).await;
            }
            3 => withdrawn.push(sales.withdraw(request.id)),
            _ => {}
        }
    }
    sales.sync(withdrawn).await;
    let mut fates = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let status = ["approved", "pending_l2", "rejected", "withdrawn"][n % 4];
        sales.wait_status(request.id, status).await;
        let story: Vec<Value> = sales
            .story(request.id)
            .await
            .iter()
            .map(|line| json!([line["event"], line["level"]]))
            .collect();
        let record = l1a
            .wait_approval(request.approval(1), |record| {
                n % 4 != 3 || record["status"] == "closed"
            })
            .await;
        fates.push(json!([status, story, record["status"], record["sealed"]]));
    }
    json!([fates, kept(server).await])
}

/// What the request service keeps of others.
async fn kept(server: &Server) -> Value {
    let db = &server.services().databases.request;
    let people: Vec<(String, i64)> = sql("select name, version from person order by name, version")
        .fetch_all(db)
        .await
        .unwrap();
    let categories: Vec<(String, i64)> =
        sql("select name, version from category order by name, version")
            .fetch_all(db)
            .await
            .unwrap();
    json!([people, categories])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_commands_come_to_the_same() {
    let embedded = Server::start_new(Engine::Sqlite, Setup::default()).await;
    let expected = told(&embedded).await;
    embedded.stop().await;
    for engine in Engine::BOTH {
        let server = Box::pin(Server::start_new(engine, Setup::default().over_kafka())).await;
        assert_eq!(told(&server).await, expected, "{engine:?}");
        server.stop().await;
    }
}
