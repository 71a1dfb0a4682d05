//! The facade of the audit service: checkpoints and proofs. Lists are in `list`, exports in `export`.

use super::last_signed::LastSigned;
use super::list::as_base64;
use super::note::{Checkpoint, Signer};
use super::store::{self, CheckpointRow, signed};
use super::tree::{self, Hash, Node, Span};
use crate::db::{Db, DbError, On, Tx};
use crate::invalid::Invalid;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the log is looked at for leaves that no checkpoint covers.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When checkpoints are signed.
#[derive(Debug, Clone, Copy)]
pub struct AuditSettings {
    /// So long after the last one, if the log has grown.
    pub checkpoint_every: Duration,
    /// So many leaves after the last one.
    pub checkpoint_leaves: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            checkpoint_every: Duration::from_mins(1),
            checkpoint_leaves: 1_000,
        }
    }
}

/// The audit service.
#[derive(Debug, Clone)]
pub struct AuditService {
    pub(super) db: Db,
    pub(super) signer: Arc<Signer>,
    pub(super) last_signed: Arc<LastSigned>,
    /// Whether signing was refused when it was last due.
    refuses: Arc<AtomicBool>,
    pub(super) settings: AuditSettings,
}

/// What the audit service refuses.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Parameters that name nothing in the log.
    #[error("a parameter is wrong")]
    Invalid(Vec<Invalid>),
    /// The log does not reach so far, or has no checkpoint so early.
    #[error("{0}")]
    NotFound(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A proof that a leaf is in the log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InclusionProof {
    /// Which leaf.
    pub seq: u64,
    /// In the tree over so many.
    pub size: u64,
    /// Its canonical bytes, in base64.
    pub leaf: String,
    /// Its hash.
    #[serde(serialize_with = "as_base64")]
    pub leaf_hash: Hash,
    /// From the leaf's sibling up (RFC 6962, section 2.1.1).
    #[serde(serialize_with = "all_as_base64")]
    pub hashes: Vec<Hash>,
}

/// A proof that the log has only grown.
#[derive(Debug, Serialize)]
pub struct ConsistencyProof {
    /// The size of the earlier tree.
    pub from: u64,
    /// The size of the later one.
    pub to: u64,
    /// RFC 6962, section 2.1.2.
    #[serde(serialize_with = "all_as_base64")]
    pub hashes: Vec<Hash>,
}

fn all_as_base64<S: serde::Serializer>(hashes: &[Hash], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(hashes.iter().map(|hash| BASE64_STANDARD.encode(hash)))
}

impl AuditService {
    /// The service on its database; `signer` signs its checkpoints, none that `last_signed` speaks against.
    #[must_use]
    pub fn new(db: Db, signer: Signer, last_signed: LastSigned, settings: AuditSettings) -> Self {
        Self {
            db,
            signer: Arc::new(signer),
            last_signed: Arc::new(last_signed),
            refuses: Arc::default(),
            settings,
        }
    }

    /// The public key of the checkpoints.
    #[must_use]
    pub fn key(&self) -> &str {
        self.signer.key().as_str()
    }

    /// How many leaves there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn size(&self) -> Result<u64, AuditError> {
        Ok(store::sizes(&self.db).await?.0)
    }

    /// The newest checkpoint of at most `size` leaves. Without one, the log as it is now: where it has
    /// grown since the last checkpoint, and that is a second old, another is signed.
    ///
    /// # Errors
    /// [`AuditError::NotFound`] when there is none so early; the database's.
    pub async fn checkpoint(&self, size: Option<u64>) -> Result<String, AuditError> {
        let size = if let Some(size) = size {
            size
        } else {
            self.sign_if_older(LOOK_EVERY).await?;
            self.size().await?
        };
        let found = store::checkpoint(&self.db, size).await?;
        let none = || {
            let why = if self.refuses.load(Ordering::Relaxed) {
                "the log is not what was signed, and is not signed any more"
            } else {
                "there is no checkpoint of so few leaves"
            };
            AuditError::NotFound(why.to_owned())
        };
        found.map(|found| found.note).ok_or_else(none)
    }

    /// Signs a checkpoint whenever one is due, until `stop`.
    pub async fn keep_checkpoints(self, stop: CancellationToken) {
        let every = self.settings.checkpoint_every.min(LOOK_EVERY);
        loop {
            let signed = self.sign_if_older(self.settings.checkpoint_every).await;
            if let Err(error) = signed.and(self.keep_last_signed().await) {
                tracing::warn!(%error, "no checkpoint of the audit log could be signed");
                metrics::counter!("athena_audit_checkpoint_failures_total").increment(1);
            }
            let pause = stop.run_until_cancelled(tokio::time::sleep(every));
            if pause.await.is_none() {
                return;
            }
        }
    }

    /// Signs the log as it is, if it has grown since the last checkpoint and that is so old. The
    /// first one covers a log without leaves.
    async fn sign_if_older(&self, age: Duration) -> Result<(), DbError> {
        let (size, covered) = store::sizes(&self.db).await?;
        if covered == Some(size) {
            return Ok(());
        }
        let last = store::checkpoint(&self.db, size).await?;
        let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let is_young = |last: CheckpointRow| {
            last.at_us.saturating_add(age_us) > self.db.ids().now_us() && last.size > 0
        };
        if last.is_some_and(is_young) {
            return Ok(());
        }
        let service = self.clone();
        self.db
            .write(move |tx| {
                let service = service.clone();
                Box::pin(async move { service.sign(tx, size).await })
            })
            .await
    }

    async fn sign(&self, tx: &mut Tx, size: u64) -> Result<(), DbError> {
        let root = store::read_frontier(&mut *tx, size).await?.root();
        self.sign_root(tx, size, root).await
    }

    /// Signs this root, unless the log does not begin with what was signed last.
    pub(super) async fn sign_root(
        &self,
        tx: &mut Tx,
        size: u64,
        root: Hash,
    ) -> Result<(), DbError> {
        if let Some(last) = self.last_signed.last() {
            let why = match self.begins_with(tx, &last, size, root).await? {
                Begins::WithIt => None,
                // Another node has signed more meanwhile.
                Begins::Later => return Ok(()),
                Begins::Otherwise(why) => Some(why),
            };
            self.tell_refusal(&last, size, why.as_deref());
            if why.is_some() {
                return Ok(());
            }
        }
        let note = self
            .signer
            .sign(size, root)
            .map_err(|error| DbError::Other(error.to_string()))?;
        store::insert_checkpoint(tx, size, note).await
    }

    async fn begins_with(
        &self,
        tx: &mut Tx,
        last: &Checkpoint,
        size: u64,
        root: Hash,
    ) -> Result<Begins, DbError> {
        if last.size > size {
            let (stands, _) = store::sizes(&mut *tx).await?;
            return Ok(if stands < last.size {
                Begins::Otherwise("it is shorter".to_owned())
            } else {
                Begins::Later
            });
        }
        let spans = tree::consistency(last.size, size);
        let stored = store::hashes_if_there(tx, &nodes(&spans).concat()).await?;
        Ok(match stored.map(|stored| fold(&spans, &stored)) {
            Err(missing) => Begins::Otherwise(missing.to_string()),
            Ok(proof)
                if tree::verify_consistency((last.size, &last.root), (size, &root), &proof) =>
            {
                Begins::WithIt
            }
            Ok(_) => Begins::Otherwise("it does not begin with it".to_owned()),
        })
    }

    fn tell_refusal(&self, last: &Checkpoint, size: u64, why: Option<&str>) {
        metrics::gauge!("athena_audit_checkpoints_refused").set(f64::from(u8::from(why.is_some())));
        if self.refuses.swap(why.is_some(), Ordering::Relaxed) == why.is_some() {
            return;
        }
        let path = self.last_signed.path().display();
        if let Some(why) = why {
            tracing::error!(
                signed = last.size,
                size,
                why,
                "the audit log is not what was signed, and is not signed any more. Hold an export against earlier \
                 checkpoints. If it is known why (an older backup was restored), remove {path} and start again"
            );
        } else {
            tracing::info!(size, "the audit log is what was signed: it is signed again");
        }
    }

    /// Keeps the newest checkpoint that is committed, whichever node has signed it.
    async fn keep_last_signed(&self) -> Result<(), DbError> {
        let (size, covered) = store::sizes(&self.db).await?;
        let known = self.last_signed.last().map_or(0, |last| last.size);
        if covered.is_none_or(|covered| covered <= known) {
            return Ok(());
        }
        let Some(newest) = store::checkpoint(&self.db, size).await? else {
            return Ok(());
        };
        let service = self.clone();
        let keep = move || {
            let (key, ids) = (service.signer.key(), service.db.ids());
            service.last_signed.keep(&newest.note, key, ids);
        };
        tokio::task::spawn_blocking(keep)
            .await
            .map_err(|error| DbError::Other(error.to_string()))
    }

    /// Proves that leaf `seq` is in the tree over the first `size` leaves (all, when `None`).
    ///
    /// # Errors
    /// [`AuditError::NotFound`] when the tree has no such leaf, or the log is not so large.
    pub async fn inclusion(
        &self,
        seq: u64,
        size: Option<u64>,
    ) -> Result<InclusionProof, AuditError> {
        let size = self.size_within(size).await?;
        if seq >= size {
            return Err(AuditError::NotFound(format!(
                "there is no leaf {seq} in the tree of {size} leaves, which are counted from 0"
            )));
        }
        let leaf = store::find(&self.db, seq).await?.ok_or_else(|| gone(seq))?;
        Ok(InclusionProof {
            seq,
            size,
            leaf_hash: leaf.hash()?,
            hashes: proof(&self.db, &tree::inclusion(seq, size)).await?,
            leaf: BASE64_STANDARD.encode(leaf.body),
        })
    }

    /// Proves that the tree over `to` leaves (all, when `None`) begins with the one over `from`.
    ///
    /// # Errors
    /// [`AuditError::NotFound`] when the log is not so large, [`AuditError::Invalid`] when `from` is
    /// beyond `to`.
    pub async fn consistency(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> Result<ConsistencyProof, AuditError> {
        let to = self.size_within(to).await?;
        if from > to {
            let detail = format!("is {from}, beyond `to`, which is {to}");
            return Err(AuditError::Invalid(vec![Invalid::new(
                "/query/from",
                detail,
            )]));
        }
        let hashes = proof(&self.db, &tree::consistency(from, to)).await?;
        Ok(ConsistencyProof { from, to, hashes })
    }

    pub(super) async fn size_within(&self, asked: Option<u64>) -> Result<u64, AuditError> {
        let size = self.size().await?;
        let asked = asked.unwrap_or(size);
        if asked > size {
            return Err(AuditError::NotFound(format!(
                "the log has {size} leaves, not {asked}"
            )));
        }
        Ok(asked)
    }
}

/// How a log begins.
enum Begins {
    WithIt,
    Otherwise(String),
    /// It does, and is longer than was asked about.
    Later,
}

/// The hashes of a proof: all that is stored for it is read in one statement.
async fn proof(on: impl Into<On<'_>>, spans: &[Span]) -> Result<Vec<Hash>, DbError> {
    let stored = store::hashes(on, &nodes(spans).concat()).await?;
    Ok(fold(spans, &stored))
}

fn nodes(spans: &[Span]) -> Vec<Vec<Node>> {
    spans.iter().map(|span| span.nodes()).collect()
}

/// One hash of each span, of those of its nodes.
fn fold(spans: &[Span], stored: &[Hash]) -> Vec<Hash> {
    let mut rest = stored;
    let mut hashes = Vec::with_capacity(spans.len());
    for of_span in nodes(spans) {
        let (own, others) = rest.split_at_checked(of_span.len()).unwrap_or_default();
        rest = others;
        hashes.extend(Span::hash(own));
    }
    hashes
}

/// A leaf that must be there.
pub(super) fn gone(seq: u64) -> DbError {
    let seq = signed(seq);
    DbError::Other(format!("leaf {seq} of the audit log is gone"))
}
