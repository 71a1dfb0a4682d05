//! Golden vectors, `mobile-contract/vectors/*.json`: inputs and what this crate makes of them, for clients
//! in other languages. A test fails when one drifts; `ATHENA_WRITE_VECTORS=1` writes them anew, which is
//! a change of the contract and needs a reason.

mod batches;
mod clocks;
mod records;
mod texts;

use serde_json::Value as Json;
use std::fmt::Write;
use std::path::Path;

fn check(name: &str, vectors: &Json) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mobile-contract/vectors");
    let path = folder.join(name);
    let mut text = serde_json::to_string_pretty(vectors).unwrap();
    text.push('\n');
    if std::env::var_os("ATHENA_WRITE_VECTORS").is_some_and(|write| write == "1") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} has drifted; ATHENA_WRITE_VECTORS=1 writes it anew:\n{text}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
