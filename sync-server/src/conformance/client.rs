//! The client under test: a child process that reads commands and writes answers, a JSON object a line.

use super::outcome::Miss;
use serde_json::Value;
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long an answer may take. Nothing a case asks for takes a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of what the client prints beside its answers is kept for the report, in bytes.
const STDERR_BYTES: usize = 2_000;

/// A running client.
pub(super) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    complaints: Arc<Mutex<Vec<u8>>>,
    last: u64,
    /// Answers that came while another was waited for.
    early: HashMap<u64, Value>,
}

impl Client {
    /// Starts it, in a process group of its own: what a shell or a package runner starts for us dies with it.
    pub(super) fn start(command: &str) -> Result<Self, Miss> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        shell.process_group(0);
        let started = shell.spawn();
        let mut child =
            started.map_err(|error| Miss::new("a client that starts", error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Miss::new("a client with pipes", "none"));
        };
        let complaints = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(listen(stderr, Arc::clone(&complaints)));
        Ok(Self {
            child,
            stdin,
            stdout: BufReader::new(stdout).lines(),
            complaints,
            last: 0,
            early: HashMap::new(),
        })
    }

    /// Sends a command without waiting for its answer; its number.
    pub(super) async fn send(&mut self, name: &str, mut arguments: Value) -> Result<u64, Miss> {
        self.last += 1;
        arguments["n"] = self.last.into();
        arguments["cmd"] = name.into();
        let line = format!("{arguments}\n");
        let sent = self.stdin.write_all(line.as_bytes()).await;
        match sent {
            Ok(()) => Ok(self.last),
            Err(error) => Err(self.gone(name, &error.to_string())),
        }
    }

    /// The answer to the command of that number.
    pub(super) async fn answer(&mut self, number: u64, name: &str) -> Result<Value, Miss> {
        let waited = tokio::time::timeout(PATIENCE, self.read_to(number)).await;
        let answer = match waited {
            Ok(Ok(answer)) => answer,
            Ok(Err(what)) => return Err(self.gone(name, &what)),
            Err(_) => return Err(self.gone(name, "no answer in 30 s")),
        };
        match answer.get("error") {
            Some(error) => Err(self.gone(name, &error.to_string())),
            None => Ok(answer),
        }
    }

    async fn read_to(&mut self, number: u64) -> Result<Value, String> {
        loop {
            if let Some(answer) = self.early.remove(&number) {
                return Ok(answer);
            }
            let line = self.stdout.next_line().await;
            let Some(line) = line.map_err(|error| error.to_string())? else {
                return Err("the client ended".to_owned());
            };
            // Package runners greet before the program speaks.
            if !line.starts_with('{') {
                continue;
            }
            let answer: Value =
                serde_json::from_str(&line).map_err(|error| format!("{error} in {line}"))?;
            match answer["n"].as_u64() {
                Some(n) => self.early.insert(n, answer),
                None => return Err(format!("an answer without its number: {line}")),
            };
        }
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub(super) async fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw)
        {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill().await;
    }

    /// Why there is no answer, with what the client said on its standard error.
    fn gone(&self, name: &str, what: &str) -> Miss {
        let complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let said = String::from_utf8_lossy(&complaints);
        let said = said.trim();
        let seen = if said.is_empty() {
            what.to_owned()
        } else {
            format!("{what}; it says: {said}")
        };
        Miss::new(format!("an answer to `{name}`"), seen)
    }
}

/// Keeps the end of what comes.
async fn listen(mut from: impl tokio::io::AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(buffer.iter().take(count));
        let surplus = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..surplus);
    }
}
