//! The access log: one line a request, at level info.
//!
//! Written by hand into the log's buffer: the general way through `tracing` costs several microseconds a
//! line, more than all else an idle poll pays at the edge. The lines look like the others.

use crate::telemetry::{self, RawLog};
use domain_services::time::Ids;
use std::fmt::Write as _;
use std::time::Duration;
use sync_core::time::write_rfc3339;
use uuid::Uuid;

/// The target under which the log's directives name these lines.
pub const TARGET: &str = "athena::access";

/// One request. All texts are of characters that need no escaping: ids are checked, methods are tokens
/// (RFC 9110), routes are templates.
#[derive(Debug)]
pub struct AccessLine<'a> {
    /// `x-request-id`.
    pub request_id: &'a str,
    /// Of the trace it belongs to.
    pub trace_id: &'a str,
    /// The method.
    pub method: &'a str,
    /// The route's template.
    pub route: &'a str,
    /// The answer's status.
    pub status: u16,
    /// From the request's headers to the answer's.
    pub took: Duration,
    /// Who is signed in.
    pub user: Option<Uuid>,
}

impl AccessLine<'_> {
    /// Writes the line, if the log's level lets it through.
    pub fn write(&self, ids: &Ids) {
        if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return;
        }
        match telemetry::raw() {
            Some(log) => log.write(self.text(ids.now_us(), log).as_bytes()),
            None => self.trace(),
        }
    }

    fn text(&self, now_us: i64, log: &RawLog) -> String {
        let mut time = [0; 27];
        let time = write_rfc3339(now_us, &mut time);
        let took_us = self.took.as_micros();
        let Self {
            request_id,
            trace_id,
            method,
            route,
            status,
            ..
        } = self;
        let mut line = String::with_capacity(384);
        // Writing to a string cannot fail.
        if log.json {
            let _ = write!(
                line,
                r#"{{"timestamp":"{time}","level":"INFO","message":"request","request_id":"{request_id}","trace_id":"{trace_id}","method":"{method}","route":"{route}","status":{status},"duration_us":{took_us}"#
            );
            if let Some(user) = self.user {
                let _ = write!(line, r#","user":"{user}""#);
            }
            let _ = writeln!(line, r#","target":"{TARGET}"}}"#);
        } else {
            let _ = write!(
                line,
                "{time}  INFO {TARGET}: {method} {route} {status} in {took_us} µs request_id={request_id} trace_id={trace_id}"
            );
            if let Some(user) = self.user {
                let _ = write!(line, " user={user}");
            }
            line.push('\n');
        }
        line
    }

    /// Where another subscriber than ours listens (tests, say).
    fn trace(&self) {
        let user = self.user.map(tracing::field::display);
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            trace_id = self.trace_id,
            method = self.method,
            route = self.route,
            status = self.status,
            duration_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            user,
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_or_text() {
        let line = AccessLine {
            request_id: "phone-1",
            trace_id: "0af7651916cd43dd8448eb211c80319c",
            method: "GET",
            route: "/api/v1/requests/{id}",
            status: 200,
            took: Duration::from_micros(42),
            user: Some(Uuid::from_u128(7)),
        };
        let json = line.text(0, &RawLog::test(true));
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(parsed["route"], "/api/v1/requests/{id}");
        assert_eq!(parsed["duration_us"], 42);
        assert_eq!(parsed["user"], "00000000-0000-0000-0000-000000000007");
        let text = line.text(0, &RawLog::test(false));
        assert!(
            text.contains("GET /api/v1/requests/{id} 200 in 42 µs"),
            "{text}"
        );
        assert!(text.ends_with('\n'));
    }
}
