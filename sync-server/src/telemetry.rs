//! The log: text on a terminal, one JSON object a line otherwise.

use crate::config::LogFormat;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter::Targets};

/// Most bytes of log that wait to be written; beyond, lines are dropped rather than requests held up.
const WAITING_MAX: usize = 4 << 20;

/// How long the thread that writes gathers lines.
const GATHER: Duration = Duration::from_millis(10);

/// Starts the log. The guard writes out what is left when it is dropped.
///
/// Libraries are heard from `warn` on, unless `directives` names them.
#[must_use]
pub fn start(directives: &str, format: LogFormat) -> LogGuard {
    let quiet = [
        "hyper",
        "hyper_util",
        "h2",
        "rustls",
        "sqlx",
        "tower",
        "tower_http",
        "tower_governor",
    ];
    let quiet = quiet.iter().map(|library| format!("{library}=warn"));
    let all: Vec<_> = quiet.chain([directives.to_owned()]).collect();
    let filter: Targets = all.join(",").parse().unwrap_or_default();
    let (writer, guard) = writer();
    let raw = writer.clone();
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let layer = if json {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(writer)
            .boxed()
    } else {
        tracing_subscriber::fmt::layer()
            .with_ansi(io::stderr().is_terminal())
            .with_writer(writer)
            .boxed()
    };
    let installed = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
    if installed.is_ok() {
        let _ = RAW.set(RawLog { json, writer: raw });
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(panic = %panic, "a thread panicked");
        }));
    }
    guard
}

/// The log's buffer, for lines that are made by hand.
pub struct RawLog {
    /// Whether lines are JSON objects.
    pub json: bool,
    writer: Writer,
}

impl std::fmt::Debug for RawLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawLog")
    }
}

impl RawLog {
    /// Appends a whole line.
    pub fn write(&self, line: &[u8]) {
        self.writer.append(line);
    }

    #[cfg(test)]
    pub(crate) fn test(json: bool) -> Self {
        Self {
            json,
            writer: writer().0,
        }
    }
}

static RAW: OnceLock<RawLog> = OnceLock::new();

/// The log's buffer, once [`start`] has installed the log.
#[must_use]
pub fn raw() -> Option<&'static RawLog> {
    RAW.get()
}

/// Lines waiting for the thread that writes them: a request pays a copy, not a system call.
struct Waiting {
    lines: Mutex<Lines>,
    wake: Condvar,
}

#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    dropped: u64,
    ended: bool,
}

#[derive(Clone)]
struct Writer(Arc<Waiting>);

/// Writes out the rest of the log when dropped.
pub struct LogGuard {
    waiting: Arc<Waiting>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogGuard")
    }
}

fn writer() -> (Writer, LogGuard) {
    let waiting = Arc::new(Waiting {
        lines: Mutex::default(),
        wake: Condvar::new(),
    });
    let shared = Arc::clone(&waiting);
    let thread = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_out(&shared))
        .ok();
    (Writer(Arc::clone(&waiting)), LogGuard { waiting, thread })
}

fn write_out(waiting: &Waiting) {
    let mut batch = Vec::new();
    loop {
        let (dropped, ended) = {
            let mut lines = waiting.lines.lock().unwrap_or_else(PoisonError::into_inner);
            while lines.bytes.is_empty() && !lines.ended {
                lines = waiting
                    .wake
                    .wait(lines)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            // Under load one system call writes many lines.
            if !lines.ended {
                lines = waiting
                    .wake
                    .wait_timeout(lines, GATHER)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            std::mem::swap(&mut batch, &mut lines.bytes);
            (std::mem::take(&mut lines.dropped), lines.ended)
        };
        // A log that cannot be written leaves nobody to tell.
        let _ = io::stderr().write_all(&batch);
        if dropped > 0 {
            let _ = writeln!(
                io::stderr(),
                "{{\"level\":\"WARN\",\"message\":\"{dropped} log lines were dropped\"}}"
            );
        }
        batch.clear();
        if ended {
            return;
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.waiting
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.waiting.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Writer {
    fn append(&self, bytes: &[u8]) {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.bytes.len() + bytes.len() > WAITING_MAX {
            lines.dropped += 1;
            return;
        }
        let was_idle = lines.bytes.is_empty();
        lines.bytes.extend_from_slice(bytes);
        drop(lines);
        if was_idle {
            self.0.wake.notify_one();
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
