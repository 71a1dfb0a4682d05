/** New stamps for what is left of the queue, after the server said that the device's clock is ahead. */
import { nextStamp } from '../clock/stamping.js'
import type { Environment } from '../environment.js'
import type { Tx } from '../store/ledger.js'
import type { Stamp } from '../wire/types.js'
import { allItems, inDoubt, keyOf, renamed } from './queue.js'

/**
 * In order, bases along, operation ids kept. A record with an item in doubt is left for the answer that tells:
 * what the server may have taken must not come again as something else, and what follows it must stay behind it.
 */
export function restampQueue(tx: Tx, env: Environment): Map<Stamp, Stamp[]> {
  const doubt = inDoubt(tx)
  const items = allItems(tx)
  const left = new Set(items.filter((item) => doubt.has(item.change.opId)).map((item) => item.change.id))
  const names = new Map<Stamp, Stamp[]>()
  for (const item of items) {
    if (left.has(item.change.id)) continue
    const hlc = nextStamp(tx, env)
    names.set(item.change.hlc, [hlc])
    tx.put('queue', keyOf(item), { ...item, change: { ...renamed(item.change, names), hlc } })
  }
  return names
}
