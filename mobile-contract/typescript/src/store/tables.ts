/** What is kept on the device, row by row. Values are plain JSON and are replaced, never changed in place. */
import type { ClockState } from '../clock/clock.js'
import type {
  Approval,
  Category,
  Department,
  Field,
  Reason,
  Request,
  Role,
  Service,
  Stamp,
  WaitingFor,
  WireChange,
} from '../wire/types.js'

/** One change that the server has not settled yet. */
export interface QueueItem {
  /** Its place; the queue is worked off in this order. */
  seq: number
  service: Service
  change: WireChange
  /** When it was made, by the device's clock (Unix milliseconds). */
  madeAtMs: number
  /** How often the server has put it off. */
  attempts: number
  /** Not before this (Unix milliseconds of the device); 0: at once. */
  notBeforeMs: number
  /** Why it was put off the last time, in the server's words. */
  code: string | null
  detail: string | null
  waitingFor: WaitingFor | null
  /** Queued again by a resync, not by a person: if it is refused, nobody is told. */
  resync?: boolean
}

/** Something a person should be told, until it is acknowledged. */
export interface Notice {
  id: string
  kind: NoticeKind
  service: Service
  recordId: string
  /** When the server said it, by the device's clock (Unix milliseconds). */
  atMs: number
  /** The server's code and sentence, where it refused. */
  code: string | null
  detail: string | null
  /** What was wanted; can be sent again (`retry`) or given up (`discard`). Null for news. */
  change: WireChange | null
  /** The fields that lost, and what stands in their place. */
  superseded: string[]
  stands: Record<string, unknown>
  /** Who had decided already, for `already`. */
  by: { approverId: string; vote: string; acceptedAt: string }[]
}
/**
 * `refused`: not taken, for good. `superseded`: taken, but a later value stands. `already`: somebody had decided
 * the same before. `reverted`: the server was restored from a backup and has forgotten a command.
 */
export type NoticeKind = 'refused' | 'superseded' | 'already' | 'reverted'

/** Rows of their own, so that a frequent change writes little. */
export interface Meta {
  format: { version: number }
  /** The nodes this device's stamps have had; the last is the present one. */
  install: { deviceId: string; nodes: string[] }
  clock: ClockState & { offsetMs: number }
  user: { id: string; name: string; roles: Role[] }
  seq: { next: number }
  /** Sent, and not answered yet: these may have been taken. */
  inflight: { opIds: string[] }
  'cursor/requests': Cursor
  'cursor/approvals': Cursor
}
export interface Cursor {
  /** The last answer's, as it came; null before the first pull. */
  lastSync: string | null
  /** A pull from the beginning that is under way: the rows of `seen` say what it has brought. */
  resync: boolean
}

export interface Tables {
  meta: Meta[keyof Meta]
  queue: QueueItem
  requests: Request
  approvals: Approval
  notices: Notice
  /** Ids that a resync has brought so far, `<service>/<id>`. */
  seen: { at: Stamp | null }
  /** By list. */
  catalogue: CatalogueRow
}
export type CatalogueList = 'categories' | 'reasons' | 'departments'
/** A whole list as the server has it, and the tag that says which version that is. */
export interface CatalogueRow {
  etag: string | null
  items: (Category | Reason | Department)[]
}
export type TableName = keyof Tables
export const TABLES: readonly TableName[] = [
  'meta',
  'queue',
  'requests',
  'approvals',
  'notices',
  'seen',
  'catalogue',
]

export type FieldValues = Partial<Record<Field, unknown>>
