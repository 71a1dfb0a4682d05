//! The harness of the tests across services: servers on real databases, and the people who use them.
//!
//! A test is a story about actors, told once and run on both engines:
//!
//! ```ignore
//! use tests::{Server, both_engines};
//! use serde_json::json;
//!
//! async fn a_draft_comes_back(server: &Server) {
//!     let mut phone = server.sales_phone().await;
//!     let id = phone.new_id();
//!     let edit = phone.upsert(id, json!({"title": "Trade fair"}));
//!     assert_eq!(phone.sync([edit]).await.verdicts(), ["applied"]);
//!     assert_eq!(phone.pull().await.record(id)["title"], "Trade fair");
//! }
//! both_engines!(a_draft_comes_back);
//! ```
//!
//! `PostgreSQL` is found through `ATHENA_TEST_PG_URL`, which `scripts/test` sets. Without it a test on
//! `PostgreSQL` fails: nothing is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a harness that cannot do its part ends the test"
)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "stories hand over `json!({…})` as it is written"
)]

mod actor;
mod books;
mod clock;
mod database;
mod kafka;
mod ledger;
mod office;
mod phone;
mod process;
mod reply;
mod server;
mod setup;
mod stuck;
mod votes;

pub use actor::Actor;
pub use books::Deadlocks;
pub use clock::ShiftedClock;
pub use database::Engine;
pub use kafka::{Broker, Certificates, Seen, Variables};
pub use office::Submitted;
pub use phone::{Phone, Since};
pub use process::Process;
pub use reply::{Page, Reply, entry};
pub use server::Server;
pub use setup::{Over, Setup};

/// How long a test waits for what must come. On a loaded machine it may take long; it never takes for ever.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// Between two looks.
pub(crate) const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(5);

use domain_services::time::{Clock, SystemClock};

/// Milliseconds since the Unix epoch, by the machine's clock.
#[must_use]
pub fn wall_ms() -> u64 {
    u64::try_from(SystemClock.now_us() / 1_000).expect("a clock after 1970")
}

/// Whether this is the long run (`scripts/test --long`).
#[must_use]
pub fn long_run() -> bool {
    std::env::var_os("ATHENA_LONG").is_some()
}

/// Runs a story (`async fn(&Server)`) on a fresh server of each engine; with `setup => story, …` on one
/// that is set up by that function.
#[macro_export]
macro_rules! both_engines {
    ($($story:ident),+ $(,)?) => {
        $crate::both_engines!($crate::Setup::default => $($story),+);
    };
    ($setup:path => $($story:ident),+ $(,)?) => { $(
        mod $story {
            #[allow(unused_imports, reason = "a setup may be named by its whole path")]
            use super::*;

            async fn told(engine: $crate::Engine) {
                let server = $crate::Server::start_as(engine, $setup()).await;
                super::$story(&server).await;
                server.stop().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                Box::pin(told($crate::Engine::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                Box::pin(told($crate::Engine::Postgres)).await;
            }
        }
    )+ };
}
