/** The records as the server said them last. */
import type { Reader, Tx } from '../store/ledger.js'
import type { Meta } from '../store/tables.js'
import type { Approval, Request, Service } from '../wire/types.js'

/** Nobody has signed in on this store yet. */
export class NobodySignedIn extends Error {
  override readonly name = 'NobodySignedIn'
  constructor() {
    super('sign in first: what is queued belongs to the person who made it')
  }
}

/** @throws NobodySignedIn */
export function userOf(reader: Reader): Meta['user'] {
  const user = reader.meta('user')
  if (user === undefined) throw new NobodySignedIn()
  return user
}

/** The server's answers come in the order of its commits, so the last one is the newest. */
export function putRecord(tx: Tx, service: Service, record: Request | Approval): void {
  if (service === 'approvals') tx.put('approvals', record.id, record as Approval)
  else if ((record as Request).deleted) tx.remove('requests', record.id)
  else tx.put('requests', record.id, record as Request)
}
