/** What an answer does to the queue: every verdict of the contract, in one change of the rows. */
import { correctedOffset } from '../clock/offset.js'
import { hear } from '../clock/stamping.js'
import type { Environment } from '../environment.js'
import { newId } from '../ids.js'
import { addNotice, noticeOfRefusal, standing } from '../notices.js'
import { putRecord, userOf } from '../records/records.js'
import { applyUpsert, newRequest } from '../records/request-view.js'
import type { Tx } from '../store/ledger.js'
import type { QueueItem } from '../store/tables.js'
import type { Answer, Request, Result, Service, Stamp, UpsertChange, Verdict } from '../wire/types.js'
import { allItems, inDoubt, keyOf, renamed } from './queue.js'
import { restampQueue } from './restamp.js'
import { putOffMs } from './select.js'

/** How an item ended, for an editor that goes on from it: the stamps its next edit is based on. */
export interface Settled {
  opId: string
  base: Stamp[]
}
export interface Times {
  sentAtMs: number
  heardAtMs: number
}

const SUCCESSES: ReadonlySet<Verdict> = new Set<Verdict>(['applied', 'merged', 'duplicate'])

/** Whether the answer is one to this batch, item by item. A half one is as good as none. */
export function answers(sent: readonly QueueItem[], answer: Answer): boolean {
  return (
    Array.isArray(answer.results) &&
    answer.results.length === sent.length &&
    sent.every((item, at) => answer.results[at]?.opId?.toLowerCase() === item.change.opId)
  )
}

/** Whether the server refused a stamp for lying in its future: then the whole queue is stamped anew. */
export function clockIsAhead(answer: Answer): boolean {
  return answer.results.some((result) => result.code === 'clock_ahead' && result.retryable)
}

/** Takes the answer's verdicts in, and its clock. The pull that came along is taken in by `applyPage`, after this. */
export function settle(
  tx: Tx,
  env: Environment,
  service: Service,
  sent: readonly QueueItem[],
  answer: Answer,
  times: Times,
): Settled[] {
  const opIds = new Set(sent.map((item) => item.change.opId))
  tx.setMeta('inflight', { opIds: [...inDoubt(tx)].filter((opId) => !opIds.has(opId)) })

  const settling = new Settling(tx, env, service, answer)
  sent.forEach((item, at) => {
    const result = answer.results[at]
    if (result !== undefined) settling.take(item, result)
  })
  settling.rebase()

  const ahead = clockIsAhead(answer)
  const offsetMs = tx.meta('clock')?.offsetMs ?? 0
  const serverMs = Date.parse(answer.serverTime)
  hear(tx, env, answer.hlc, correctedOffset(offsetMs, times.sentAtMs, times.heardAtMs, serverMs), ahead)
  if (ahead) restampQueue(tx, env)
  return settling.settled
}

class Settling {
  readonly settled: Settled[] = []
  /** Text edits that were refused → what they were based on: what came after them was based on them. */
  private readonly refusedTexts = new Map<Stamp, Stamp[]>()
  private readonly orphans: QueueItem[] = []
  /** Records that the answer shows as they stand after the whole batch. */
  private readonly shown: Set<string>

  constructor(
    private readonly tx: Tx,
    private readonly env: Environment,
    private readonly service: Service,
    answer: Answer,
  ) {
    this.shown = new Set(answer.results.flatMap(({ record }) => (record ? [record.id] : [])))
  }

  take(item: QueueItem, result: Result): void {
    if (result.record) putRecord(this.tx, this.service, result.record)
    if (SUCCESSES.has(result.verdict)) this.accept(item, result)
    else if (result.verdict === 'deferred') this.putOff(item, result)
    else this.takeRefusal(item, result)
  }

  private takeRefusal(item: QueueItem, result: Result): void {
    // The word of a later server is never success, and is shown as it is.
    const known = result.verdict === 'rejected'
    const named = known ? result : { ...result, code: result.code ?? result.verdict }
    if (result.retryable === true) this.putOff(item, named)
    else this.refuse(item, named)
  }

  /** Whatever was based on a refused text is now based on what that one was based on. */
  rebase(): void {
    if (this.refusedTexts.size === 0) return
    for (const item of allItems(this.tx)) {
      const change = renamed(item.change, this.refusedTexts)
      if (change !== item.change && item.change.type === 'upsert')
        this.tx.put('queue', keyOf(item), { ...item, change })
    }
    for (const orphan of this.orphans) {
      // A new operation: the server remembers that the old one was refused.
      const change = { ...renamed(orphan.change, this.refusedTexts), opId: newId(this.env) }
      this.tx.put('queue', keyOf(orphan), { ...orphan, change })
      this.settled.push({ opId: orphan.change.opId, base: [change.hlc] })
    }
  }

  private putOff(item: QueueItem, result: Result): void {
    // What waits for an earlier item of its record goes when that one does.
    const follows = result.waitingFor?.kind === 'op'
    const attempts = item.attempts + 1
    // A wrong clock is put right by this very answer: once, there is nothing to wait for.
    const atOnce = follows || (result.code === 'clock_ahead' && item.attempts === 0)
    this.tx.put('queue', keyOf(item), {
      ...item,
      attempts,
      notBeforeMs: atOnce ? 0 : this.env.nowMs() + putOffMs(attempts),
      code: result.code ?? null,
      detail: result.detail ?? null,
      waitingFor: result.waitingFor ?? null,
    })
  }

  private refuse(item: QueueItem, result: Result): void {
    const { change } = item
    const text = change.type === 'upsert' ? change.fields.justification : undefined
    const base = typeof text === 'object' && text !== null ? text.base : []
    if (result.code === 'unknown_base' && base.some((stamp) => this.refusedTexts.has(stamp))) {
      this.orphans.push(item)
      return
    }
    this.tx.remove('queue', keyOf(item))
    if (text !== undefined) {
      const flat = base.flatMap((stamp) => this.refusedTexts.get(stamp) ?? [stamp])
      this.refusedTexts.set(change.hlc, flat)
      this.settled.push({ opId: change.opId, base: flat })
    }
    // What a resync queued again and somebody had deleted: the deletion is no news to anyone.
    if (item.resync === true && (result.code === 'deleted' || result.code === 'not_found')) return
    noticeOfRefusal(this.tx, this.env, item, result)
  }

  private accept(item: QueueItem, result: Result): void {
    const { change } = item
    this.tx.remove('queue', keyOf(item))
    if (change.type === 'upsert') this.acceptUpsert(change, result)
    if (result.superseded.length > 0 && item.resync !== true) {
      addNotice(this.tx, this.env, {
        kind: 'superseded',
        service: this.service,
        recordId: change.id,
        change,
        superseded: result.superseded,
        stands: standing(item, result.record),
      })
    }
  }

  private acceptUpsert(change: UpsertChange, result: Result): void {
    const superseded = result.superseded.includes('justification')
    if (change.fields.justification !== undefined)
      this.settled.push({ opId: change.opId, base: superseded ? [] : [change.hlc] })
    if (this.shown.has(change.id)) return
    // A plain `applied` comes without the record: it is what we have, with this laid over it.
    const at = result.updatedAt ?? new Date(this.env.nowMs()).toISOString()
    const held = this.tx.get('requests', change.id) ?? newRequest(change.id, userOf(this.tx).id, at)
    const { won: _, ...record } = applyUpsert(held, change)
    this.tx.put('requests', change.id, { ...record, updatedAt: at } satisfies Request)
  }
}
