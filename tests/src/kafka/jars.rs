//! A broker from Kafka's jars, on this machine's Java.
//!
//! `ATHENA_TEST_KAFKA_LIB` names the folder of jars, which `scripts/test` fetches. Without it a test that
//! needs Kafka fails: nothing is skipped. A broker ends with the test, however the test ends: a shell holds
//! it, and kills it when its own input closes.

use super::certificates::Certificates;
use super::settings::{self, CLUSTER, Place, Ports};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Holds the broker; ends it, and removes what `$1` names, when its input closes.
const HOLD: &str = "gone=$1; shift; java \"$@\" & echo $!; read _; kill -9 $! 2>/dev/null; wait; [ -z \"$gone\" ] || rm -rf \"$gone\"";

pub(super) struct Jars {
    folder: Option<TempDir>,
    log: PathBuf,
    shell: Option<Child>,
    pid: u32,
}

impl Jars {
    pub(super) fn new(ports: Ports, certificates: Option<&Certificates>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path();
        let data = path.join("log");
        let secrets = certificates.map_or(path, Certificates::folder);
        let place = Place {
            bind: "127.0.0.1",
            data: &data.display().to_string(),
            secrets: &secrets.display().to_string(),
        };
        let properties = settings::properties(ports, &place, certificates.is_some());
        std::fs::write(path.join("server.properties"), properties).expect("the broker's settings");
        let formatted = Command::new("java")
            .args(options())
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(path.join("server.properties"))
            .args(["--add-scram", &settings::scram_user()])
            .output()
            .expect("java: scripts/test installs it");
        assert!(
            formatted.status.success(),
            "formatting: {}",
            String::from_utf8_lossy(&formatted.stderr)
        );
        Self {
            log: path.join("kafka.log"),
            folder: Some(folder),
            shell: None,
            pid: 0,
        }
    }

    /// Starts it, for the first time or again on the same data.
    pub(super) fn go_on(&mut self) {
        let path = self
            .folder
            .as_ref()
            .expect("a broker of its own")
            .path()
            .to_owned();
        self.launch(&path, "");
    }

    /// Starts it for the rest of the process. What is static is not dropped: the shell removes its files.
    pub(super) fn stay(&mut self) {
        let path = self.folder.take().expect("a folder").keep();
        self.launch(&path, &path.display().to_string());
    }

    fn launch(&mut self, path: &Path, gone: &str) {
        let log = std::fs::File::create(&self.log).expect("a log");
        let mut shell = Command::new("sh")
            .args(["-c", HOLD, "sh", gone])
            .args(options())
            .arg("kafka.Kafka")
            .arg(path.join("server.properties"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = shell.stdout.as_mut().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the broker's number");
        self.pid = line.trim().parse().expect("a number");
        self.shell = Some(shell);
    }

    /// What it has said since it was started last.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        let killed = Command::new("kill")
            .args(["-9", &self.pid.to_string()])
            .status();
        assert!(killed.expect("kill").success());
        self.end_shell();
    }

    fn end_shell(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
}

impl Drop for Jars {
    fn drop(&mut self) {
        self.end_shell();
    }
}

/// The variable that names the folder of jars.
const LIB: &str = "ATHENA_TEST_KAFKA_LIB";

/// Whether brokers are to run from jars.
pub(super) fn are_named() -> bool {
    std::env::var_os(LIB).is_some()
}

fn options() -> Vec<String> {
    let lib = std::env::var_os(LIB).map(PathBuf::from).expect(
        "no container engine answers, and ATHENA_TEST_KAFKA_LIB names no folder with Kafka's jars: scripts/test fetches them and sets it",
    );
    let lib = lib.display();
    [
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("{lib}/*")])
    .collect()
}
