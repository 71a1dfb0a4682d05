/** One round with the server: push what is queued, batch by batch, and pull what is new. */
import type { Environment } from '../environment.js'
import { Refused, Unreachable } from '../net/api.js'
import { type SessionKeeper, SignedOut } from '../net/session.js'
import { addNotice } from '../notices.js'
import { allItems, inDoubt, keyOf } from '../queue/queue.js'
import { isDue, LIMITS, type Limits, selectBatch } from '../queue/select.js'
import { answers, clockIsAhead, type Settled, settle } from '../queue/settle.js'
import { applyPage, beginResync } from '../records/incoming.js'
import { userOf } from '../records/records.js'
import type { Ledger } from '../store/ledger.js'
import type { QueueItem } from '../store/tables.js'
import { type Answer, type Page, type Role, SERVICES, type Service } from '../wire/types.js'
import { pullCatalogue } from './catalogue-pull.js'

/** Failures in a row after which batches become smaller: a line that never carries a large one may carry a small. */
const FAILURES_BEFORE_NARROWING = 3
/** Successes in a row after which they become larger again. */
const SUCCESSES_BEFORE_WIDENING = 4
/** Batches refused as a whole are halved down to one item, which is then refused by itself. */
const NARROWED_MIN = 1

/** What a round is doing: items sent, or records pulled, so far. */
export interface Progress {
  service: Service
  phase: 'push' | 'pull' | 'resync'
  done: number
}

export interface RoundOptions {
  /** Do not wait for what was put off: the server has said that something changed, or a person asks. */
  eager: boolean
  /** Look for news even if nothing is queued. */
  pull: boolean
  /** Look whether the catalogue has changed. */
  catalogue: boolean
}

/** Another person is signed in than the one whose queue this is. */
export class WrongUser extends Error {
  override readonly name = 'WrongUser'
  constructor(message = 'this device holds the work of another person: nothing of it was sent') {
    super(message)
  }
}

export class Round {
  private limits: Limits = LIMITS
  private failures = 0
  private successes = 0

  constructor(
    private readonly env: Environment,
    private readonly ledger: Ledger,
    private readonly session: SessionKeeper,
    private readonly onSettled: (settled: Settled[]) => void,
    private readonly onProgress: (progress: Progress) => void,
  ) {}

  /** Everything that is due now. @throws Unreachable, Refused, SignedOut, WrongUser, StoreFailed */
  async run(options: RoundOptions): Promise<void> {
    const { id, roles } = userOf(this.ledger)
    // Before anything is marked as sent: without a token nothing leaves.
    if (this.session.userId === null) throw new SignedOut('nobody is signed in')
    if (this.session.userId !== id) throw new WrongUser()
    for (const service of SERVICES) {
      if (!mayUse(roles, service) && !allItems(this.ledger).some((item) => item.service === service)) continue
      await this.one(service, options)
    }
    // Last: what people did comes before what they may choose from.
    if (options.catalogue) await pullCatalogue(this.ledger, this.session)
  }

  private async one(service: Service, options: RoundOptions): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.pushAndPull(service, options)
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== 'resync_required' || attempt > 0) throw error
        await this.ledger.change((tx) => beginResync(tx, service))
      }
    }
  }

  private async pushAndPull(service: Service, { eager, pull }: RoundOptions): Promise<void> {
    let more = pull
    let done = 0
    // Each once a round, however eager – and once more where the first answer made us stamp the queue anew.
    const tried = new Set<string>()
    let restamped = false
    const mayGo = (item: QueueItem) =>
      !tried.has(item.change.opId) && (eager || isDue(item, this.env.nowMs()))
    for (;;) {
      const batch = selectBatch(this.ledger, service, mayGo, this.limits)
      if (batch.length === 0) break
      const answer = await this.push(service, batch)
      if (answer === null) continue
      if (answer.restamped && !restamped) restamped = true
      else for (const { change } of batch) tried.add(change.opId)
      if (answer.pulled) more = answer.hasMore
      done += batch.length
      this.onProgress({ service, phase: 'push', done })
    }
    if (more || this.ledger.meta(`cursor/${service}`)?.resync === true) await this.pull(service)
  }

  /** Null if the batch was refused as a whole: the next one is smaller. */
  private async push(
    service: Service,
    batch: QueueItem[],
  ): Promise<{ pulled: boolean; hasMore: boolean; restamped: boolean } | null> {
    const opIds = batch.map((item) => item.change.opId)
    const before = inDoubt(this.ledger)
    const doubt = [...new Set([...before, ...opIds])]
    // Durable before it is sent: after a restart these are known to be possibly taken.
    if (doubt.length !== before.size)
      await this.ledger.change((tx) => tx.setMeta('inflight', { opIds: doubt }))

    const cursor = this.ledger.meta(`cursor/${service}`) ?? { lastSync: null, resync: false }
    const sentAtMs = this.env.nowMs()
    const body = {
      deviceId: this.ledger.meta('install')?.deviceId ?? null,
      userId: userOf(this.ledger).id,
      clientTime: new Date(sentAtMs).toISOString(),
      ...(cursor.resync ? {} : { lastSync: cursor.lastSync }),
      changes: batch.map((item) => item.change),
    }
    const answer = await this.send(service, batch, before, body)
    if (answer === null) return null
    const times = { sentAtMs, heardAtMs: this.env.nowMs() }
    const settled = await this.ledger.change((tx) => {
      const done = settle(tx, this.env, service, batch, answer, times)
      if (!cursor.resync) applyPage(tx, this.env, service, answer)
      return done
    })
    this.onSettled(settled)
    const restamped = clockIsAhead(answer)
    return { pulled: !cursor.resync, hasMore: answer.hasMore, restamped }
  }

  private async send(
    service: Service,
    batch: QueueItem[],
    before: ReadonlySet<string>,
    body: unknown,
  ): Promise<Answer | null> {
    try {
      const path = `/api/v1/${service}/sync`
      const answer = (await this.session.call({ method: 'POST', path, body })).body as Answer
      if (!answers(batch, answer)) throw new Unreachable('the answer is not one to this batch')
      this.widen()
      return answer
    } catch (error) {
      if (error instanceof Unreachable) this.narrowIfStuck(batch.length)
      if (!(error instanceof Refused)) throw error
      if (error.status < 500) await this.undoubt(batch, before)
      if (error.code === 'wrong_user') throw new WrongUser()
      if (error.status !== 400 && error.status !== 413) throw error
      await this.refusedWhole(batch, error)
      return null
    }
  }

  /** The server has said that it took nothing. */
  private async undoubt(batch: QueueItem[], before: ReadonlySet<string>): Promise<void> {
    const nothing = new Set(batch.map((item) => item.change.opId).filter((opId) => !before.has(opId)))
    await this.ledger.change((tx) =>
      tx.setMeta('inflight', { opIds: [...inDoubt(tx)].filter((opId) => !nothing.has(opId)) }),
    )
  }

  /** Smaller batches until the one item is alone that the server will not even read; that one is refused here. */
  private async refusedWhole(batch: QueueItem[], error: Refused): Promise<void> {
    const [only] = batch
    if (batch.length > NARROWED_MIN || only === undefined) {
      this.limits = { ...LIMITS, changes: Math.max(NARROWED_MIN, Math.floor(batch.length / 2)) }
      return
    }
    await this.ledger.change((tx) => {
      const { service, change } = only
      tx.remove('queue', keyOf(only))
      const about = { service, recordId: change.id, change, code: error.code, detail: error.message }
      addNotice(tx, this.env, { kind: 'refused', ...about })
    })
  }

  private narrowIfStuck(sent: number): void {
    this.failures += 1
    this.successes = 0
    if (this.failures % FAILURES_BEFORE_NARROWING === 0)
      this.limits = { ...LIMITS, changes: Math.max(16, Math.floor(sent / 2)) }
  }

  private widen(): void {
    this.failures = 0
    this.successes += 1
    if (this.successes % SUCCESSES_BEFORE_WIDENING === 0)
      this.limits = { ...LIMITS, changes: Math.min(LIMITS.changes, this.limits.changes * 2) }
  }

  private async pull(service: Service): Promise<void> {
    let done = 0
    for (let hasMore = true; hasMore; ) {
      const { lastSync, resync } = this.ledger.meta(`cursor/${service}`) ?? { lastSync: null, resync: false }
      const since = lastSync === null ? '' : `&lastSync=${encodeURIComponent(lastSync)}`
      const path = `/api/v1/${service}/updates?limit=1000${since}`
      const page = (await this.session.call({ method: 'GET', path })).body as Page
      if (!Array.isArray(page?.changes)) throw new Unreachable('the answer is not a page')
      await this.ledger.change((tx) => applyPage(tx, this.env, service, page))
      done += page.changes.length
      this.onProgress({ service, phase: resync ? 'resync' : 'pull', done })
      hasMore = page.hasMore
    }
  }
}

/** Sales people have requests, approvers have approvals. */
export function mayUse(roles: readonly Role[], service: Service): boolean {
  return roles.includes(service === 'requests' ? 'sales' : 'approver')
}
