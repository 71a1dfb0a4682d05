//! What processes cost, read from `/proc`: the server by its port, PostgreSQL by its postmaster.

use crate::Result;
use serde::Serialize;
use std::fs;
use std::ops::{AddAssign, Sub};
use std::time::Duration;

/// `USER_HZ`: the unit of times in `/proc/<pid>/stat` on every Linux in use.
const TICKS_PER_SECOND: u64 = 100;
const TICK_US: u64 = 1_000_000 / TICKS_PER_SECOND;

/// CPU time in microseconds, user and system together.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct CpuUs {
    pub(crate) server: u64,
    pub(crate) database: u64,
    pub(crate) client: u64,
}

impl Sub for CpuUs {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        Self {
            server: self.server.saturating_sub(before.server),
            database: self.database.saturating_sub(before.database),
            client: self.client.saturating_sub(before.client),
        }
    }
}

impl AddAssign for CpuUs {
    fn add_assign(&mut self, more: Self) {
        self.server += more.server;
        self.database += more.database;
        self.client += more.client;
    }
}

/// The processes of a run.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    server: u32,
    postmaster: Option<u32>,
    settle_seconds: u32,
}

struct Stat {
    parent: u32,
    own_ticks: u64,
    reaped_ticks: u64,
}

impl Meter {
    pub(crate) fn new(server: u32, postmaster: Option<u32>, settle_seconds: u32) -> Result<Self> {
        let meter = Self {
            server,
            postmaster,
            settle_seconds,
        };
        meter.read()?;
        Ok(meter)
    }

    /// CPU time used so far by each side.
    pub(crate) fn read(&self) -> Result<CpuUs> {
        let own = stat("self")?;
        let server = stat(&self.server.to_string())
            .map_err(|error| format!("the server's process {} is gone: {error}", self.server))?;
        Ok(CpuUs {
            server: (server.own_ticks + server.reaped_ticks) * TICK_US,
            database: match self.postmaster {
                Some(pid) => family_ticks(pid)? * TICK_US,
                None => 0,
            },
            client: own.own_ticks * TICK_US,
        })
    }

    /// Waits until server and database have nothing left to do, so that work put off (the relay's,
    /// a checkpoint's) is charged to the round that made it.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut quiet = 0;
        let mut before = self.read()?;
        for _ in 0..10 * self.settle_seconds {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.read()?;
            let used = now - before;
            before = now;
            // One tick of each is the noise of timers.
            quiet = if used.server <= TICK_US && used.database <= TICK_US {
                quiet + 1
            } else {
                0
            };
            if quiet == 2 {
                break;
            }
        }
        Ok(())
    }

    /// The server's greatest resident memory so far, in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server))?;
        let kib: u32 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
            .ok_or("no VmHWM in /proc")?;
        Ok(f64::from(kib) / 1024.0)
    }
}

fn stat(process: &str) -> Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything, so fields are counted from the last one's end.
    let (_, rest) = text.rsplit_once(')').ok_or("odd /proc stat")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| -> Result<u64> {
        let field = fields.get(index).ok_or("short /proc stat")?;
        Ok(field.parse()?)
    };
    Ok(Stat {
        parent: u32::try_from(number(1)?)?,
        own_ticks: number(11)? + number(12)?,
        reaped_ticks: number(13)? + number(14)?,
    })
}

/// A postmaster, its live children and those it has outlived.
fn family_ticks(postmaster: u32) -> Result<u64> {
    let head = stat(&postmaster.to_string())?;
    let mut ticks = head.own_ticks + head.reaped_ticks;
    for process in processes()? {
        // A process may end between the listing and the look.
        if let Ok(child) = stat(&process.to_string())
            && child.parent == postmaster
        {
            ticks += child.own_ticks;
        }
    }
    Ok(ticks)
}

/// The parent of a backend: the postmaster.
pub(crate) fn parent(process: i32) -> Result<u32> {
    let backend = stat(&process.to_string())
        .map_err(|error| format!("PostgreSQL does not run on this machine: {error}"))?;
    Ok(backend.parent)
}

fn processes() -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        if let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The process that listens on a TCP port of this machine.
pub(crate) fn listener(port: u16) -> Result<u32> {
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(text) = fs::read_to_string(table) else {
            continue;
        };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (Some(local), Some(&"0A"), Some(inode)) =
                (fields.get(1), fields.get(3), fields.get(9))
            else {
                continue;
            };
            if local.ends_with(&format!(":{port:04X}")) {
                inodes.push(format!("socket:[{inode}]"));
            }
        }
    }
    for process in processes()? {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            if let Ok(link) = fs::read_link(descriptor.path())
                && inodes
                    .iter()
                    .any(|inode| link.as_os_str() == inode.as_str())
            {
                return Ok(process);
            }
        }
    }
    Err(format!("no process of ours to see listens on port {port}: give --server-pid").into())
}
