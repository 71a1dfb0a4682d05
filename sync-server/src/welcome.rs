//! What `athena serve` prints when it is up: where it listens, and how to begin.

use crate::config::Config;
use crate::serve::Running;
use domain_services::time::Ids;
use std::fmt::Write as _;
use sync_core::hlc::{NodeId, Stamp};

/// Whom the demo's commands sign in as.
const DEMO_USER: &str = "sales1@demo.athena";

/// Everybody's password in the demo organisation.
pub const DEMO_PASSWORD: &str = "athena-demo";

/// The text, ending in a newline.
#[must_use]
pub fn text(config: &Config, running: &Running) -> String {
    let address = config.address(running.addr());
    let mut text = format!("Athena Budget listens on {address}   (interface: {address}/docs)\n");
    if let Some(password) = running.first_password() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "First start: sign in as admin@athena.local with {password}   (shown only this once)"
        );
    }
    if config.demo {
        text.push_str(&demo(&address, &Ids::default()));
    }
    text
}

fn demo(address: &str, ids: &Ids) -> String {
    let page = crate::demo_page::PATH;
    let now_ms = u64::try_from(ids.now_us() / 1_000).unwrap_or(0);
    let node = u64::from_be_bytes(ids.bytes());
    let stamp = Stamp::new(now_ms, 0, NodeId::new(node)).unwrap_or(Stamp::ZERO);
    let (op, id) = (ids.uuid_v7(), ids.uuid_v7());
    format!(
        r#"
Demo organisation; everybody's password is `{DEMO_PASSWORD}`:
  sales1@ … sales5@demo.athena, l1a@ l1b@ l2a@ l2b@ l3a@demo.athena, admin@demo.athena, auditor@demo.athena

Sign in (1), then push a draft and pull everything (2); push it again and it is a duplicate:

TOKEN=$(curl -s {address}/api/v1/auth/login -H 'content-type: application/json' \
  -d '{{"email":"{DEMO_USER}","password":"{DEMO_PASSWORD}"}}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')

curl -s {address}/api/v1/requests/sync -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \
  -d '{{"lastSync":null,"changes":[{{"opId":"{op}","type":"upsert","id":"{id}",
       "hlc":"{stamp}","fields":{{"title":"Stand at the trade fair"}}}}]}}'

Who would be told what, by e-mail, push or SMS: {address}{page}
Ctrl-C stops it.
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_told_in_under_twenty_lines() {
        let text = demo("http://127.0.0.1:8080", &Ids::default());
        assert!(text.lines().count() < 18, "{text}");
        for needed in [
            DEMO_USER,
            DEMO_PASSWORD,
            "/auth/login",
            "/requests/sync",
            "Bearer $TOKEN",
        ] {
            assert!(text.contains(needed), "{needed}");
        }
    }
}
