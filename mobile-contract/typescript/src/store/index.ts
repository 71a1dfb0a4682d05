export type { Ledger, Reader, Tx } from './ledger.js'
export { openLedger } from './ledger.js'
export { type Row, type Store, StoreFailed, type Write } from './store.js'
