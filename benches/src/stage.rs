//! What every workload needs: where the server is, whose phones there are, what is measured.

use crate::clock::wall_ms;
use crate::draft::Author;
use crate::http::Target;
use crate::phone::{Account, Phone};
use crate::process::{self, Meter};
use crate::raw::Raw;
use crate::{Options, Result};
use sqlx::{Connection, PgConnection};
use std::sync::atomic::{AtomicU64, Ordering};

/// The set of a run.
pub(crate) struct Stage {
    pub(crate) options: Options,
    pub(crate) meter: Meter,
    pub(crate) seed: u64,
    /// The compared database and its version.
    pub(crate) database: String,
    pub(crate) target: Target,
    authors: AtomicU64,
}

impl Stage {
    pub(crate) async fn set(options: &Options) -> Result<Self> {
        let options = Options::clone(options);
        let target = Target::parse(&options.url)?;
        let server = match options.server_pid {
            Some(pid) => pid,
            None => process::listener(target.port()?)?,
        };
        let (postmaster, database) = match &options.pg {
            Some(url) => {
                let mut connection = PgConnection::connect(url)
                    .await
                    .map_err(|error| format!("cannot reach --pg {url}: {error}"))?;
                let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
                    .fetch_one(&mut connection)
                    .await?;
                let version: String = sqlx::query_scalar(
                    "select 'PostgreSQL ' || current_setting('server_version') || ', fsync ' \
                     || current_setting('fsync')",
                )
                .fetch_one(&mut connection)
                .await?;
                (Some(process::parent(backend)?), version)
            }
            None if options.raw_sqlite.is_some() => (None, "SQLite, synchronous FULL".to_owned()),
            None => (None, "none".to_owned()),
        };
        let seed = options.seed.unwrap_or_else(wall_ms);
        Ok(Self {
            meter: Meter::new(server, postmaster, options.settle)?,
            target,
            seed,
            database,
            authors: AtomicU64::new(0),
            options,
        })
    }

    /// Somebody who writes drafts unlike anybody else's.
    pub(crate) fn author(&self) -> Author {
        Author::new(self.seed, self.authors.fetch_add(1, Ordering::Relaxed))
    }

    /// So many phones of new users, `a_user` phones each, signed in.
    pub(crate) async fn phones(&self, count: u32, a_user: u32) -> Result<Vec<Phone>> {
        let admin = Account {
            email: self.options.admin.clone(),
            password: self.options.password.clone(),
        };
        let mut admin = Phone::sign_in(&self.target, &admin, self.author()).await?;
        let mut phones = Vec::new();
        for _ in 0..count / a_user {
            let account = Account {
                email: format!("load-{}@load.athena", admin.author.id().simple()),
                password: "a phone's password".to_owned(),
            };
            admin.create_user(&account).await?;
            for _ in 0..a_user {
                phones.push(Phone::sign_in(&self.target, &account, self.author()).await?);
            }
        }
        Ok(phones)
    }

    /// The bare database this run compares with.
    pub(crate) async fn raw(&self, connections: u32) -> Result<Raw> {
        match (&self.options.pg, &self.options.raw_sqlite) {
            (Some(url), _) => Raw::postgres(url, connections).await,
            (None, Some(folder)) => Raw::sqlite(folder).await,
            (None, None) => Ok(Raw::None),
        }
    }
}
