//! Requests counted by route template, and the recorder behind `/metrics`.

use http::Method;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the histogram of durations, in seconds.
const BUCKETS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// How often the recorder folds what was recorded since into its sums.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The counters and histograms of the routes. Looking one up by its labels in the recorder costs more than
/// an idle poll may, so each is looked up once and kept.
#[derive(Clone, Default)]
pub struct Metrics {
    routes: Arc<RwLock<HashMap<String, Vec<Series>>>>,
}

struct Series {
    method: &'static str,
    status: u16,
    requests: metrics::Counter,
    seconds: metrics::Histogram,
}

impl Metrics {
    /// Counts one request.
    pub fn count(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = known(method);
        let is_it = |series: &&Series| series.method == method && series.status == status;
        {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            let found = routes.get(route).and_then(|all| all.iter().find(is_it));
            if let Some(series) = found {
                series.record(took);
                return;
            }
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let all = routes.entry(route.to_owned()).or_default();
        let series = Series::new(method, route, status);
        series.record(took);
        if !all.iter().any(|series| is_it(&series)) {
            all.push(series);
        }
    }
}

impl Series {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            method,
            status,
            requests: metrics::counter!(
                "athena_http_requests_total",
                "method" => method, "route" => route.clone(), "status" => status.to_string()
            ),
            seconds: metrics::histogram!(
                "athena_http_request_duration_seconds",
                "method" => method, "route" => route
            ),
        }
    }

    fn record(&self, took: Duration) {
        self.requests.increment(1);
        self.seconds.record(took.as_secs_f64());
    }
}

/// Methods anyone may invent must not make series without end.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// The process's recorder: installed by whoever asks first, shared by all servers of the process.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(seconds, &BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_template() {
        let handle = recorder();
        let metrics = Metrics::default();
        for _ in 0..3 {
            metrics.count(&Method::GET, "/counted/{id}", 200, Duration::from_millis(2));
        }
        let invented = Method::from_bytes(b"BREW").unwrap();
        metrics.count(&invented, "/counted/{id}", 405, Duration::ZERO);
        let text = handle.render();
        let three =
            r#"athena_http_requests_total{method="GET",route="/counted/{id}",status="200"} 3"#;
        assert!(text.contains(three), "{text}");
        assert!(text.contains(r#"method="other""#));
        assert!(text.contains("athena_http_request_duration_seconds_bucket"));
    }
}
