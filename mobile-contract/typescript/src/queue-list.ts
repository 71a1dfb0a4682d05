/** The queue, as the app shows it: what is on its way, and why something is not through yet. */
import { discardItem, hasten } from './queue/mend.js'
import { allItems } from './queue/queue.js'
import type { Ledger } from './store/index.js'
import type { QueueItem } from './store/tables.js'

export class Queue {
  private all: { version: number; list: readonly QueueItem[] } | null = null

  constructor(
    private readonly ledger: Ledger,
    private readonly queued: () => void,
  ) {}

  /** In the order in which it is sent. The same array until something changes. */
  list(): readonly QueueItem[] {
    const { version } = this.ledger
    if (this.all?.version !== version) this.all = { version, list: allItems(this.ledger) }
    return this.all.list
  }

  /** Sends it with the next round, however long it was to wait. */
  async retry(opId: string): Promise<boolean> {
    const found = await this.ledger.change((tx) => hasten(tx, opId))
    this.queued()
    return found
  }

  /** Takes it back. @throws InFlight if the server may have it */
  discard(opId: string): Promise<boolean> {
    return this.ledger.change((tx) => discardItem(tx, opId))
  }
}
