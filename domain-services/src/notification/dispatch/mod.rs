//! Sends what is due: takes rows for a while, sends outside any transaction, notes what came of it.
//!
//! Any number of nodes may do it at once. A row is one node's as long as its lease lasts; a node that
//! dies gives its rows back by letting it run out.

mod outcome;
mod prepare;

use super::backoff;
use super::breaker::Breaker;
use super::channel::{Channels, Outgoing, Receipt, Refusal, Target};
use super::model::Channel;
use super::service::NotificationService;
use super::store::{self, Change, Expected, Logged};
use crate::db::DbError;
use futures_util::future::join_all;
use outcome::{Outcome, Told, outcome};
use prepare::{Prepared, Step, prepare};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a row belongs to the node that sends it.
const LEASE_US: i64 = 60 * 1_000_000;
/// How long sending may take: well within the lease.
const SEND_MAX: Duration = Duration::from_secs(30);
/// How long it is tried to note what was sent: with [`SEND_MAX`], within the lease.
const NOTE_MAX: Duration = Duration::from_secs(20);
/// Between two such tries.
const NOTE_PAUSE: Duration = Duration::from_millis(500);
/// Rows of one turn.
const CLAIM_MAX: i64 = 16;
/// Turns of one channel at a time: so many times [`CLAIM_MAX`] messages are on their way at most.
const WORKERS: usize = 2;
/// How often a queue is looked at without being woken: by another node's rows, by what is due later.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Sends notifications. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Parts>);

struct Parts {
    service: NotificationService,
    channels: Channels,
    breakers: [Mutex<Breaker>; 3],
    /// Calls the other workers of a channel.
    busy: [watch::Sender<()>; 3],
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// A dispatcher of this service's queue to these channels.
    #[must_use]
    pub fn new(service: NotificationService, channels: Channels) -> Self {
        Self(Arc::new(Parts {
            service,
            channels,
            breakers: std::array::from_fn(|_| Mutex::default()),
            busy: std::array::from_fn(|_| watch::Sender::new(())),
        }))
    }

    /// Runs until `stop`; what is on its way then is waited for, as long as the caller waits.
    pub async fn run(self, stop: CancellationToken) {
        let workers = Channel::ALL
            .into_iter()
            .flat_map(|channel| (0..WORKERS).map(move |number| (channel, number)))
            .map(|(channel, number)| {
                let busy = self.0.busy[channel.index()].subscribe();
                if number == 0 {
                    tokio::spawn(self.clone().watch(channel, stop.clone()))
                } else {
                    tokio::spawn(self.clone().help(channel, busy, stop.clone()))
                }
            });
        for worker in workers.collect::<Vec<_>>() {
            let _ = worker.await;
        }
    }

    /// The worker that looks: when something was queued here, and every now and then.
    async fn watch(self, channel: Channel, stop: CancellationToken) {
        let mut queued = self.0.service.watch_queue();
        while !stop.is_cancelled() {
            queued.mark_unchanged();
            if self.turn_or_tell(channel, true).await > 0 {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tokio::time::timeout(LOOK_EVERY, queued.changed()) => {}
            }
        }
    }

    /// A worker that helps while there is more than one turn's worth. It looks at nothing by itself: an
    /// empty queue costs one look a channel.
    async fn help(self, channel: Channel, mut busy: watch::Receiver<()>, stop: CancellationToken) {
        while let Some(Ok(())) = stop.run_until_cancelled(busy.changed()).await {
            while !stop.is_cancelled() && self.turn_or_tell(channel, false).await > 0 {}
        }
    }

    async fn turn_or_tell(&self, channel: Channel, calls_help: bool) -> usize {
        match self.turn_calling(channel, None, calls_help).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, channel = channel.name(), "notifications wait");
                metrics::counter!("athena_notification_turns_failed_total", "channel" => channel.name())
                    .increment(1);
                0
            }
        }
    }

    /// Takes what is due on a channel at `now_us` (none: by the database's clock), up to a handful, and
    /// sends it. Returns how many rows that were.
    ///
    /// # Errors
    /// The database's. Rows that were taken are free again when their lease has run out.
    pub async fn turn(&self, channel: Channel, now_us: Option<i64>) -> Result<usize, DbError> {
        self.turn_calling(channel, now_us, false).await
    }

    async fn turn_calling(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        calls_help: bool,
    ) -> Result<usize, DbError> {
        // By this node's clock, which may differ: whether a row is due is asked again when it is taken.
        let about_us = now_us.unwrap_or_else(|| self.0.service.db().ids().now_us() + LEASE_US);
        if !store::is_due(self.0.service.db(), channel, about_us).await? {
            return Ok(0);
        }
        let permitted = self.breaker(channel).permit(CLAIM_MAX, self.now_us(now_us));
        if permitted == 0 {
            return Ok(0);
        }
        let steps = self.claim(channel, now_us, permitted).await;
        let steps = match steps {
            Ok(steps) => steps,
            Err(error) => {
                self.breaker(channel).unused();
                return Err(error);
            }
        };
        let taken = steps.taken;
        if calls_help && i64::try_from(taken) == Ok(CLAIM_MAX) {
            self.0.busy[channel.index()].send_replace(());
        }
        if steps.ready.is_empty() {
            self.breaker(channel).unused();
        }
        let sent = steps.ready.into_iter().map(|prepared| async {
            let told = self.send(channel, &prepared).await;
            (prepared, told)
        });
        let sent = join_all(sent).await;
        self.note(channel, now_us, sent).await?;
        if taken > 0 {
            self.0.service.wake.ring();
        }
        Ok(taken)
    }

    fn breaker(&self, channel: Channel) -> MutexGuard<'_, Breaker> {
        self.0.breakers[channel.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Breakers are this node's own, and so is their clock.
    fn now_us(&self, given: Option<i64>) -> i64 {
        given.unwrap_or_else(|| self.0.service.db().ids().now_us())
    }

    /// Takes rows and looks at their state again, in one transaction: what is no longer true, or cannot
    /// be sent, is settled in it.
    async fn claim(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        limit: i64,
    ) -> Result<Claimed, DbError> {
        self.0
            .service
            .db()
            .write(move |tx| {
                Box::pin(async move {
                    let now_us = match now_us {
                        Some(now_us) => now_us,
                        None => tx.now_us().await?,
                    };
                    let lease_us = now_us + LEASE_US;
                    let rows = store::claim(tx, channel, now_us, lease_us, limit).await?;
                    let facts = store::facts(tx, channel, &rows).await?;
                    let mut claimed = Claimed {
                        taken: rows.len(),
                        ready: Vec::new(),
                    };
                    let mut settled = Vec::new();
                    for row in rows {
                        match prepare(channel, row, &facts, now_us) {
                            Step::Send(prepared) => claimed.ready.push(*prepared),
                            Step::PutBack(back) => store::put_back(tx, back).await?,
                            Step::Settle(change) => {
                                count(channel, change.outcome, change.reason.as_deref());
                                settled.push((Expected::Queued, *change));
                            }
                        }
                    }
                    store::change(tx, now_us, &settled).await?;
                    Ok(claimed)
                })
            })
            .await
    }

    /// Sends one message to all its targets at once.
    async fn send(&self, channel: Channel, prepared: &Prepared) -> Told {
        let deliver = self.0.channels.of(channel);
        let each = prepared.targets.iter().map(|target| async {
            let sent = tokio::time::timeout(SEND_MAX, deliver.deliver(&prepared.message, target));
            let told = sent
                .await
                .unwrap_or_else(|_| Err(Refusal::unanswered("no answer in time")));
            (target.clone(), told)
        });
        join_all(each).await
    }

    /// Notes what came of the messages of a turn, together. One that the database will not have does not
    /// keep it from the others.
    async fn note(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        sent: Vec<(Prepared, Told)>,
    ) -> Result<(), DbError> {
        if sent.is_empty() {
            return Ok(());
        }
        let noted: Vec<Noted> = sent
            .into_iter()
            .map(|(prepared, told)| self.judge(channel, now_us, prepared, told))
            .collect();
        match self.write_for_a_while(channel, now_us, &noted).await {
            Err(error) if !error.is_unavailable() && noted.len() > 1 => {
                let mut outcome = Ok(());
                for one in noted {
                    outcome = self.write(channel, now_us, vec![one]).await.and(outcome);
                }
                outcome
            }
            outcome => outcome,
        }
    }

    /// Writes, and where the database is away, again and again while the rows are this node's: what has been
    /// sent and is not noted is sent once more.
    async fn write_for_a_while(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        noted: &[Noted],
    ) -> Result<(), DbError> {
        let begun = Instant::now();
        loop {
            match self.write(channel, now_us, noted.to_vec()).await {
                Err(error) if error.is_unavailable() && begun.elapsed() < NOTE_MAX => {
                    tracing::warn!(%error, channel = channel.name(), "what was sent is not noted yet");
                    tokio::time::sleep(NOTE_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn judge(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        prepared: Prepared,
        told: Told,
    ) -> Noted {
        self.count_for_breaker(channel, now_us, &told);
        let logged = logged(&prepared.message, &told);
        let drawn = u64::from_be_bytes(self.0.service.db().ids().bytes());
        let lease_us = prepared.lease_us;
        let id = prepared.message.id;
        let outcome = outcome(channel, prepared, told);
        count(channel, outcome.word, outcome.reason.as_deref());
        if let Some(detail) = &outcome.detail {
            tracing::warn!(%id, channel = channel.name(), outcome = outcome.word, detail, "a notification was not taken");
        }
        Noted {
            id,
            lease_us,
            drawn,
            outcome,
            logged,
        }
    }

    async fn write(
        &self,
        channel: Channel,
        now_us: Option<i64>,
        noted: Vec<Noted>,
    ) -> Result<(), DbError> {
        self.0
            .service
            .db()
            .write(move |tx| {
                let noted = noted.clone();
                Box::pin(async move {
                    let now_us = match now_us {
                        Some(now_us) => now_us,
                        None => tx.now_us().await?,
                    };
                    let changes: Vec<_> = noted.iter().map(|one| one.change(now_us)).collect();
                    store::change(tx, now_us, &changes).await?;
                    let logged: Vec<_> =
                        noted.iter().filter_map(|one| one.logged.as_ref()).collect();
                    store::keep_logged(tx, now_us, channel.name(), &logged).await?;
                    let gone = noted.into_iter().flat_map(|one| one.outcome.gone);
                    store::drop_tokens(tx, gone.collect()).await
                })
            })
            .await
    }

    fn count_for_breaker(&self, channel: Channel, now_us: Option<i64>, told: &Told) {
        // Whether it is down, and the longest time that it asks for.
        let mut down = None;
        for (_, told) in told {
            if let Err(Refusal::Later {
                provider_is_down: true,
                after,
                ..
            }) = told
            {
                down = Some(down.flatten().max(*after));
            }
        }
        let now_us = self.now_us(now_us);
        let mut breaker = self.breaker(channel);
        match down {
            None => breaker.succeeded(),
            Some(after) if breaker.failed(now_us, after) => tracing::error!(
                channel = channel.name(),
                "the provider is away; its notifications wait"
            ),
            Some(_) => {}
        }
        let open = f64::from(u8::from(breaker.is_open()));
        metrics::gauge!("athena_notification_breaker_open", "channel" => channel.name()).set(open);
    }
}

/// What came of a message.
#[derive(Clone)]
struct Noted {
    id: Uuid,
    lease_us: i64,
    /// For the jitter of another try.
    drawn: u64,
    outcome: Outcome,
    logged: Option<Logged>,
}

impl Noted {
    fn change(&self, now_us: i64) -> (Expected, Change) {
        let outcome = &self.outcome;
        let due_us = outcome.again.map(|again| {
            now_us.saturating_add(backoff::pause_us(outcome.tries, self.drawn, again.after))
        });
        // Another node may have taken the row over when the lease ran out; that this one succeeded counts
        // all the same.
        let expected = match due_us {
            Some(_) => Expected::Leased(self.lease_us),
            None => Expected::Queued,
        };
        let change = Change {
            id: self.id,
            status: outcome.status,
            reason: outcome.reason.clone(),
            outcome: outcome.word,
            detail: outcome.detail.clone(),
            due_us,
            provider_id: outcome.provider_id.clone(),
            taken_by: outcome.taken_by.clone(),
            may_have_left: outcome.may_have_left,
        };
        (expected, change)
    }
}

struct Claimed {
    taken: usize,
    ready: Vec<Prepared>,
}

fn count(channel: Channel, outcome: &'static str, reason: Option<&str>) {
    metrics::counter!("athena_notifications_total", "channel" => channel.name(), "outcome" => outcome)
        .increment(1);
    if outcome == "failed" {
        let reason = reason.unwrap_or("unknown").to_owned();
        metrics::counter!("athena_notifications_failed_total", "channel" => channel.name(), "reason" => reason)
            .increment(1);
    }
}

/// What the log channel is to keep.
fn logged(message: &Outgoing, told: &Told) -> Option<Logged> {
    let is_logged =
        |told: &Result<Receipt, Refusal>| told.as_ref().is_ok_and(|told| told.is_logged);
    let targets: Vec<&Target> = told
        .iter()
        .filter(|(_, told)| is_logged(told))
        .map(|(target, _)| target)
        .collect();
    let addresses: Vec<&str> = targets.iter().map(|target| target.shown()).collect();
    (!addresses.is_empty()).then(|| Logged {
        id: message.id,
        address: addresses.join(", "),
        rendered: message.rendered.clone(),
    })
}
