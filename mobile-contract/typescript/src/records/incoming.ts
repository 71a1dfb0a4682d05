/** Takes in what a pull brought. */
import type { Environment } from '../environment.js'
import type { Tx } from '../store/ledger.js'
import type { Page, Service } from '../wire/types.js'
import { putRecord } from './records.js'
import { finishResync, reconcile } from './resync.js'

export function applyPage(tx: Tx, env: Environment, service: Service, page: Page): void {
  const cursor = tx.meta(`cursor/${service}`) ?? { lastSync: null, resync: false }
  for (const change of page.changes) {
    if (change.kind === 'remove') {
      tx.remove(service, change.id)
      if (cursor.resync) tx.remove('seen', `${service}/${change.id}`)
      continue
    }
    // Later servers may have kinds that mean nothing to us.
    if (change.kind !== 'upsert') continue
    const { record } = change
    if (cursor.resync) {
      reconcile(tx, env, service, record)
      tx.put('seen', `${service}/${record.id}`, { at: null })
    }
    putRecord(tx, service, record)
  }
  const done = cursor.resync && !page.hasMore
  if (done) finishResync(tx, env, service)
  tx.setMeta(`cursor/${service}`, {
    lastSync: page.lastSync ?? cursor.lastSync,
    resync: cursor.resync && !done,
  })
}

/** From the beginning: the server does not know where we were. The queue is none of this one's business. */
export function beginResync(tx: Tx, service: Service): void {
  for (const [key] of tx.entries('seen')) if (key.startsWith(`${service}/`)) tx.remove('seen', key)
  tx.setMeta(`cursor/${service}`, { lastSync: null, resync: true })
}
