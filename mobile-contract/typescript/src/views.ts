/** Views of one table, made when asked for and kept until a row or the queue changes. */
import { allItems } from './queue/queue.js'
import type { Ledger } from './store/index.js'
import type { QueueItem } from './store/tables.js'
import type { Approval, Request, Service } from './wire/types.js'

interface Viewed {
  id: string
  updatedAt: string
  intent: string | null
}
interface Kept<R, V> {
  record: R | undefined
  items: readonly QueueItem[]
  view: V | null
}

export class Views<R extends Request | Approval, V extends Viewed> {
  private kept = new Map<string, Kept<R, V>>()
  private all: { version: number; list: readonly V[] } | null = null

  constructor(
    private readonly ledger: Ledger,
    private readonly service: Service,
    private readonly make: (record: R | undefined, items: readonly QueueItem[]) => V | null,
  ) {}

  get(id: string): V | null {
    const items = allItems(this.ledger).filter(
      (item) => item.service === this.service && item.change.id === id,
    )
    return this.view(id, this.ledger.get(this.service, id) as R | undefined, items)
  }

  /** Without what is being deleted; newest first. */
  list(): readonly V[] {
    const { version } = this.ledger
    if (this.all?.version === version) return this.all.list
    const items = new Map<string, QueueItem[]>()
    for (const item of allItems(this.ledger)) {
      if (item.service !== this.service) continue
      const before = items.get(item.change.id)
      if (before === undefined) items.set(item.change.id, [item])
      else before.push(item)
    }
    const rows = new Map<string, R | undefined>(this.ledger.entries(this.service) as Iterable<[string, R]>)
    for (const id of items.keys()) if (!rows.has(id)) rows.set(id, undefined)
    const list: V[] = []
    const kept = new Map<string, Kept<R, V>>()
    for (const [id, record] of rows) {
      const view = this.view(id, record, items.get(id) ?? [])
      kept.set(id, { record, items: items.get(id) ?? [], view })
      if (view !== null && view.intent !== 'delete') list.push(view)
    }
    list.sort((one, other) =>
      one.updatedAt < other.updatedAt ? 1 : one.updatedAt > other.updatedAt ? -1 : 0,
    )
    this.kept = kept
    this.all = { version, list }
    return list
  }

  private view(id: string, record: R | undefined, items: readonly QueueItem[]): V | null {
    const before = this.kept.get(id)
    const same =
      before !== undefined &&
      before.record === record &&
      before.items.length === items.length &&
      before.items.every((item, at) => item === items[at])
    if (same) return before.view
    const view = this.make(record, items)
    this.kept.set(id, { record, items, view })
    return view
  }
}
