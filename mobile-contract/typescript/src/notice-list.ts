/** The notices, as the app shows them. */
import type { Environment } from './environment.js'
import { retryNotice } from './queue/mend.js'
import type { Ledger } from './store/index.js'
import type { Notice } from './store/tables.js'

export class Notices {
  private all: { version: number; list: readonly Notice[] } | null = null

  constructor(
    private readonly ledger: Ledger,
    private readonly env: Environment,
    private readonly queued: () => void,
  ) {}

  /** Oldest first. The same array until something changes. */
  list(): readonly Notice[] {
    const { version } = this.ledger
    if (this.all?.version !== version) {
      const list = [...this.ledger.entries('notices')].map(([, notice]) => notice)
      list.sort((one, other) => one.atMs - other.atMs || (one.id < other.id ? -1 : 1))
      this.all = { version, list }
    }
    return this.all.list
  }

  /** It was read: it goes, and with it the values that were refused or lost. */
  async acknowledge(id: string): Promise<void> {
    await this.ledger.change((tx) => tx.remove('notices', id))
  }

  /** Gives up what was refused: the same as having read it. */
  discard(id: string): Promise<void> {
    return this.acknowledge(id)
  }

  /** Does it again, on top of what stands now. @throws NotPossible: it stays */
  async retry(id: string): Promise<void> {
    await this.ledger.change((tx) => {
      const notice = tx.get('notices', id)
      if (notice !== undefined) retryNotice(tx, this.env, notice)
    })
    this.queued()
  }
}
