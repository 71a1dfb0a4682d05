//! Does a push cost more when there is much stored already? The same batches at two sizes of the table.

use super::push::Push;
use super::{Name, Workload};
use crate::Result;
use crate::report::{Against, Line};
use crate::stage::Stage;
use crate::stats::Round;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

const FEW: i64 = 10_000;
const MANY: i64 = 1_000_000;

/// Old drafts of the phones' own users, with ids of their time, straight into the product's table.
const FILL: &str = "\
insert into request.request (id, owner_id, at_us, created_us, title, amount_minor, currency, category_id, \
  reason_id, department_id, region, needed_by, justification, stamps, status, last_op, last_digest) \
select (lpad(to_hex(1600000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' \
    || substr(md5(n::text), 4, 15))::uuid, \
  ($1::uuid[])[1 + n % cardinality($1::uuid[])], 1600000000000000 + n, 1600000000000000 + n, title, amount_minor, \
  currency, category_id, reason_id, department_id, region, needed_by, justification, stamps, status, last_op, \
  last_digest \
from generate_series($2::bigint, $3::bigint) n, \
  (select * from request.request where owner_id = any($1) limit 1) as sample";

pub(super) async fn run(stage: &Stage) -> Result<Line> {
    let url = stage.options.pg.as_ref().ok_or("the history needs --pg")?;
    let mut connection = PgConnection::connect(url).await?;
    let mut push = Push::set(stage, false).await?;
    push.product().await?;
    let stored: i64 = sqlx::query_scalar("select count(*) from request.request")
        .fetch_one(&mut connection)
        .await?;
    let owners = push.user_ids();
    fill(&mut connection, &owners, 1, FEW - stored).await?;
    let few = rounds(stage, &mut push).await?;
    fill(&mut connection, &owners, FEW, MANY).await?;
    let many = rounds(stage, &mut push).await?;
    Line::of(Name::History, &many, &few, Against::Before, stage)
}

async fn rounds(stage: &Stage, push: &mut Push<'_>) -> Result<Vec<Round>> {
    push.product().await?;
    let mut rounds = Vec::new();
    for _ in 0..stage.options.rounds.max(1) {
        rounds.push(push.product().await?);
    }
    Ok(rounds)
}

async fn fill(connection: &mut PgConnection, owners: &[Uuid], from: i64, to: i64) -> Result<()> {
    if from <= to {
        sqlx::query(FILL)
            .bind(owners)
            .bind(from)
            .bind(to)
            .execute(&mut *connection)
            .await?;
    }
    connection.execute("vacuum analyze request.request").await?;
    connection.execute("checkpoint").await?;
    Ok(())
}
