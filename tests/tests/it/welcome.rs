//! What a first start of the demo says can be read: its own stories do not bury it.

use tests::{Engine, PATIENCE, Phone, Process};
use tokio::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_words_of_the_demo_are_not_buried() {
    let server = Process::start_new(Engine::Sqlite, Vec::new()).await;
    let told = "select cast(count(*) >= 20 as integer) from logged_message";
    server.wait_count("notification", told, 1).await;
    let log = server.log();
    assert!(log.contains("Demo organisation"), "{log}");
    // A slow disk may have been warned of; that is not what would bury it.
    let lines = log.lines().filter(|line| !line.contains(" WARN "));
    assert!(lines.count() < 20, "{log}");
    // What somebody does is told.
    let sales = server.sign_in("sales1@demo.athena", "athena-demo").await;
    let request = Phone::of(sales).submitted("Travel").await;
    let begun = Instant::now();
    loop {
        let log = server.log();
        let told = log.lines().find(|line| line.contains("would be sent"));
        if told.is_some_and(|told| {
            told.contains("l1a@demo.athena") || told.contains("l1b@demo.athena")
        }) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}: {log}", request.id);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}
