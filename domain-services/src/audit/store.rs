//! The SQL of the log: leaves and checkpoints are inserted and read, and nothing else.

use super::tree::{Frontier, Hash, Node, frontier};
use crate::db::{DbError, On, Tx, ValueRows, sql, sql_by_engine, sql_lite, sql_pg};
use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// A leaf about to be written.
pub(super) struct NewLeaf {
    pub(super) seq: i64,
    pub(super) body: String,
    /// Its hash, and those of the subtrees that it completes.
    pub(super) hashes: Vec<u8>,
}

/// A leaf as it is stored.
#[derive(sqlx::FromRow)]
pub(super) struct LeafRow {
    pub(super) seq: i64,
    pub(super) body: String,
    pub(super) hashes: Vec<u8>,
}

impl LeafRow {
    /// The hash that is stored of the leaf itself.
    pub(super) fn hash(&self) -> Result<Hash, DbError> {
        hash_at(self.seq, &self.hashes, 0)
    }
}

/// A checkpoint as it is stored.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct CheckpointRow {
    pub(super) size: i64,
    pub(super) at_us: i64,
    pub(super) note: String,
}

/// Holds the end of the log until commit. On SQLite a transaction that writes is alone anyway.
pub(super) async fn lock_end(tx: &mut Tx) -> Result<(), DbError> {
    if !tx.is_sqlite() {
        sql("select pg_advisory_xact_lock(hashtextextended('athena audit log', 0))")
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// How many leaves there are, and how many the newest checkpoint covers.
pub(super) async fn sizes(on: impl Into<On<'_>>) -> Result<(u64, Option<u64>), DbError> {
    let (size, covered): (i64, Option<i64>) = sql(
        "select (select coalesce(max(seq) + 1, 0) from leaf), (select max(size) from checkpoint)",
    )
    .fetch_one(on)
    .await?;
    Ok((unsigned(size), covered.map(unsigned)))
}

/// The end of the log, read in one statement: the right edge of the tree over all leaves, and how many the
/// newest checkpoint covers.
pub(super) async fn read_end(on: impl Into<On<'_>>) -> Result<(Frontier, u64), DbError> {
    // Bit n of the size stands for a complete subtree of height n; its hash is kept with its last leaf.
    let rows: Vec<(i64, Vec<u8>, Option<i64>)> = sql_by_engine(
        "select seq, hashes, (select max(size) from checkpoint) from leaf where seq = any (array(
             select ((log.size >> height) << height) - 1
             from (select coalesce(max(seq) + 1, 0) as size from leaf) as log,
                  generate_series(0, 62) as height
             where (log.size >> height) & 1 = 1))
         order by seq",
        "select seq, hashes, (select max(size) from checkpoint) from leaf where seq in (
             with recursive level(height) as
                 (values (0) union all select height + 1 from level where height < 62)
             select ((log.size >> height) << height) - 1
             from (select coalesce(max(seq) + 1, 0) as size from leaf) as log, level
             where (log.size >> height) & 1 = 1)
         order by seq",
    )
    .fetch_all(on)
    .await?;
    let size = rows.last().map_or(0, |(seq, ..)| unsigned(*seq) + 1);
    let covered = rows.last().and_then(|(_, _, covered)| *covered);
    let nodes = frontier(size).nodes();
    let hashes: Result<Vec<Hash>, DbError> = rows
        .iter()
        .zip(&nodes)
        .map(|((seq, stored, _), node)| hash_at(*seq, stored, node.level))
        .collect();
    let frontier =
        (rows.len() == nodes.len()).then(|| hashes.map(|hashes| Frontier::of(size, hashes)));
    let frontier = frontier.transpose()?.flatten().ok_or_else(holes)?;
    Ok((frontier, covered.map_or(0, unsigned)))
}

fn holes() -> DbError {
    DbError::Other("the log's right edge has holes".to_owned())
}

/// The right edge of the tree over the first `size` leaves.
pub(super) async fn read_frontier(on: impl Into<On<'_>>, size: u64) -> Result<Frontier, DbError> {
    let hashes = hashes(on, &frontier(size).nodes()).await?;
    Frontier::of(size, hashes).ok_or_else(holes)
}

/// The stored hashes of these subtrees, in their order, in one statement.
pub(super) async fn hashes(on: impl Into<On<'_>>, nodes: &[Node]) -> Result<Vec<Hash>, DbError> {
    hashes_if_there(on, nodes).await?
}

/// The same. What is missing in the log is told apart from a database that fails.
pub(super) async fn hashes_if_there(
    on: impl Into<On<'_>>,
    nodes: &[Node],
) -> Result<Result<Vec<Hash>, DbError>, DbError> {
    if nodes.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let seqs: HashSet<u64> = nodes.iter().map(|node| node.seq()).collect();
    let seqs = serde_json::to_string(&seqs).map_err(not_encoded)?;
    let rows: Vec<(i64, Vec<u8>)> = sql_by_engine(
        "select seq, hashes from leaf where seq = any
           (array(select value::bigint from jsonb_array_elements_text($1::jsonb) as value))",
        "select seq, hashes from leaf where seq in (select value from json_each($1))",
    )
    .bind(seqs)
    .fetch_all(on)
    .await?;
    let by_seq: HashMap<u64, Vec<u8>> = rows
        .into_iter()
        .map(|(seq, hashes)| (unsigned(seq), hashes))
        .collect();
    let find = |node: &Node| {
        let seq = node.seq();
        let stored = by_seq
            .get(&seq)
            .ok_or_else(|| DbError::Other(format!("leaf {seq} of the audit log is gone")))?;
        hash_at(signed(seq), stored, node.level)
    };
    Ok(nodes.iter().map(find).collect())
}

fn hash_at(seq: i64, stored: &[u8], level: u32) -> Result<Hash, DbError> {
    let level = usize::try_from(level).unwrap_or(usize::MAX);
    let hash = stored.chunks_exact(32).nth(level);
    hash.and_then(|hash| hash.try_into().ok())
        .ok_or_else(|| DbError::Other(format!("leaf {seq} of the audit log has lost its hashes")))
}

const LEAF_COLUMNS: usize = 3;
/// Leaves of one statement of SQLite: as many as a delivery of the bus within the process has at most.
const LEAVES_MAX: usize = 512;

static LEAVES: LazyLock<ValueRows> = LazyLock::new(|| {
    let into = "insert into leaf (seq, body, hashes)";
    ValueRows::new(into, LEAF_COLUMNS, "", LEAVES_MAX)
});

/// Appends leaves, in one statement for a delivery (on SQLite, for 512).
pub(super) async fn insert_leaves(tx: &mut Tx, leaves: &[NewLeaf]) -> Result<(), DbError> {
    if tx.is_sqlite() {
        for leaves in leaves.chunks(LEAVES_MAX) {
            let (text, arguments) = leaf_values(leaves).map_err(not_encoded)?;
            sql_lite(text, arguments).execute(&mut *tx).await?;
        }
        return Ok(());
    }
    let mut arguments = PgArguments::default();
    let seqs: Vec<i64> = leaves.iter().map(|leaf| leaf.seq).collect();
    let bodies: Vec<&str> = leaves.iter().map(|leaf| leaf.body.as_str()).collect();
    let hashes: Vec<&[u8]> = leaves.iter().map(|leaf| leaf.hashes.as_slice()).collect();
    arguments.add(seqs).map_err(not_encoded)?;
    arguments.add(bodies).map_err(not_encoded)?;
    arguments.add(hashes).map_err(not_encoded)?;
    let insert = sql_pg(
        "insert into leaf (seq, body, hashes)
         select * from unnest($1::bigint[], $2::text[], $3::bytea[])",
        arguments,
    );
    insert.execute(tx).await.map(|_| ())
}

fn leaf_values(leaves: &[NewLeaf]) -> Result<(&'static str, SqliteArguments), BoxDynError> {
    let (text, mut arguments) = LEAVES.of(leaves.len())?;
    for leaf in leaves {
        arguments.add(leaf.seq)?;
        arguments.add(leaf.body.as_str())?;
        arguments.add(leaf.hashes.as_slice())?;
    }
    LEAVES.fill(leaves.len(), &mut arguments)?;
    Ok((text, arguments))
}

/// The newest checkpoint of at most so many leaves.
pub(super) async fn checkpoint(
    on: impl Into<On<'_>>,
    size_max: u64,
) -> Result<Option<CheckpointRow>, DbError> {
    sql("select size, at_us, note from checkpoint where size <= $1 order by size desc limit 1")
        .bind(signed(size_max))
        .fetch_optional(on)
        .await
}

/// Keeps a checkpoint. Of one size there is one: on PostgreSQL another node may have been faster.
pub(super) async fn insert_checkpoint(tx: &mut Tx, size: u64, note: String) -> Result<(), DbError> {
    let now_us = tx.ids().now_us();
    sql_by_engine(
        "insert into checkpoint (size, at_us, note) values ($1, $2, $3) on conflict (size) do nothing",
        "insert into checkpoint (size, at_us, note) select $1, $2, $3
         where not exists (select 1 from checkpoint where size = $1)",
    )
    .bind(signed(size))
    .bind(now_us)
    .bind(note)
    .execute(tx)
    .await
    .map(|_| ())
}

/// One leaf.
pub(super) async fn find(on: impl Into<On<'_>>, seq: u64) -> Result<Option<LeafRow>, DbError> {
    sql("select seq, body, hashes from leaf where seq = $1")
        .bind(signed(seq))
        .fetch_optional(on)
        .await
}

/// The leaves `from .. to`, in order.
pub(super) async fn range(
    on: impl Into<On<'_>>,
    from: u64,
    to: u64,
) -> Result<Vec<LeafRow>, DbError> {
    sql("select seq, body, hashes from leaf where seq >= $1 and seq < $2 order by seq")
        .bind(signed(from))
        .bind(signed(to))
        .fetch_all(on)
        .await
}

fn not_encoded(error: impl std::fmt::Display) -> DbError {
    DbError::Other(format!("leaves do not encode: {error}"))
}

/// A number of leaves as the database has it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of leaves out of the database, which checks that it is not negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
