/** Where the rows are kept. An adapter knows nothing of what they mean. */
import type { TableName } from './tables.js'

/** A row to be written, or (value null) removed. `value` is JSON text. */
export interface Write {
  table: TableName
  key: string
  value: string | null
}
export interface Row {
  table: TableName
  key: string
  value: string
}

/**
 * One client at a time uses a store. A method that throws or rejects stops the client for good: it never goes
 * on in memory with what the device has not kept.
 */
export interface Store {
  /** Opens (making it if need be) and reads everything. */
  open(): Promise<Row[]>
  /** All of it or nothing, durable when it returns. */
  commit(writes: readonly Write[]): Promise<void>
  close(): Promise<void>
}

/** The device could not keep something, so the client has stopped. Nothing that was reported as done is lost. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed'
  constructor(
    readonly reason: unknown,
    message = `the device's storage failed: ${reason instanceof Error ? reason.message : String(reason)}`,
  ) {
    super(message)
  }
}
