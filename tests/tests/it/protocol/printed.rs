//! How an exchange is printed: the same in every run, and short enough to read.

use super::{PHONE, ROBINS, TABLET};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns within which a value stays on one line.
const COLUMNS: usize = 112;

/// What differs from run to run, written the same: tokens, trace ids, the server's node.
pub(super) fn plain(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (before, after, instead) in [
            ("\"accessToken\": \"", '"', "eyJ…"),
            ("\"refreshToken\": \"", '"', "5f1c…"),
            ("\"instance\": \"", '"', "0af7651916cd43dd8448eb211c80319c"),
        ] {
            if let Some(start) = line.find(before).map(|at| at + before.len())
                && let Some(length) = line.get(start..).and_then(|rest| rest.find(after))
            {
                line.replace_range(start..start + length, instead);
            }
        }
        // `hlc` of an answer alone has a stamp of the server's; items and votes keep theirs.
        let own = [PHONE, TABLET, ROBINS];
        if let Some(start) = line.find("\"hlc\": \"").map(|at| at + 8)
            && let Some(node) = line.get(start + 30..start + 46).map(str::to_owned)
            && !own.contains(&node.as_str())
        {
            line = line.replace(&node, "5e5e5e5e5e5e5e5e");
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// Leaves out what says nothing, and records that stand there already.
pub(super) fn shorten(value: &mut Value, above: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !matches!(member, Value::Null | Value::Bool(false)));
            members.retain(|_, member| member.as_array().is_none_or(|items| !items.is_empty()));
            // As they are shown: results first.
            let (first, rest): (Vec<_>, Vec<_>) =
                members.iter_mut().partition(|(name, _)| *name == "results");
            for (name, member) in first.into_iter().chain(rest) {
                let is_record = name == "record";
                if is_record && above.contains(member) {
                    *member = json!("as above");
                    continue;
                }
                if is_record {
                    above.push(member.clone());
                }
                shorten(member, above);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, above)),
        _ => {}
    }
}

/// Members in the order in which one reads them; others follow, by name.
fn ordered(members: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    const ORDER: [&str; 22] = [
        "kind",
        "serverTime",
        "hlc",
        "clockOffsetMs",
        "deviceId",
        "userId",
        "clientTime",
        "lastSync",
        "opId",
        "type",
        "id",
        "requestId",
        "level",
        "verdict",
        "code",
        "title",
        "status",
        "detail",
        "hasMore",
        "results",
        "changes",
        "record",
    ];
    // A stamp belongs behind what it stamps, except in the head of an answer.
    let is_item = members.contains_key("opId");
    let rank = |name: &str| match name {
        "hlc" if is_item => 11,
        _ => ORDER.iter().position(|known| *known == name).unwrap_or(18),
    };
    let mut named: Vec<_> = members.iter().collect();
    named.sort_by_key(|(name, _)| rank(name));
    named
}

/// JSON in which what fits on a line stays on one.
pub(super) fn shown(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0, 0);
    text
}

fn write_value(text: &mut String, value: &Value, depth: usize, before: usize) {
    let flat = flat(value);
    let (open, close, parts): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(members) if !fits(&flat, depth, before) => {
            let named = ordered(members).into_iter();
            (
                '{',
                '}',
                named
                    .map(|(name, value)| (format!("\"{name}\": "), value))
                    .collect(),
            )
        }
        Value::Array(items) if !fits(&flat, depth, before) => (
            '[',
            ']',
            items.iter().map(|item| (String::new(), item)).collect(),
        ),
        _ => {
            text.push_str(&flat);
            return;
        }
    };
    text.push(open);
    for (index, (name, part)) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, "{comma}\n{}{name}", "  ".repeat(depth + 1));
        write_value(text, part, depth + 1, name.len());
    }
    let _ = write!(text, "\n{}{close}", "  ".repeat(depth));
}

fn fits(flat: &str, depth: usize, before: usize) -> bool {
    flat.chars().count() + 2 * depth + before < COLUMNS
}

fn flat(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(members) => {
            let parts = ordered(members)
                .into_iter()
                .map(|(name, value)| format!("\"{name}\": {}", flat(value)));
            format!("{{{}}}", join(parts.collect()))
        }
        Value::Array(items) => format!("[{}]", join(items.iter().map(flat).collect())),
        other => other.to_string(),
    }
}
