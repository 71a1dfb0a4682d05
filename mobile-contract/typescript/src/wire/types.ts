/** The bodies of the interface as this client uses them. What the server says is generated (`api.ts`). */
import type { components } from './api.js'

type Schemas = components['schemas']

export type Request = Schemas['Request']
export type RequestStatus = Schemas['RequestStatus']
export type Approval = Schemas['Approval']
export type ApprovalStatus = Schemas['ApprovalStatus']
export type CastVote = Schemas['CastVote']
export type Money = Schemas['Money']
export type User = Schemas['User']
export type Role = Schemas['Role']
export type Session = Schemas['Session']
export type Problem = Schemas['Problem']
export type Verdict = Schemas['Verdict']
export type WaitingFor = Schemas['WaitingFor']
export type VoteKind = Schemas['VoteKind']
export type VoteWord = Schemas['VoteWord']
export type Category = Schemas['Category']
export type Reason = Schemas['Reason']
export type Department = Schemas['Department']

/** A hybrid logical clock reading: `2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718`, ordered as text. */
export type Stamp = string

/** The two kinds of records, each with its own queue order, feed and stream. */
export type Service = 'requests' | 'approvals'
export const SERVICES: readonly Service[] = ['requests', 'approvals']

/** What a request is made of. `null` clears a field. */
export interface Content {
  title: string | null
  amount: Money | null
  categoryId: string | null
  reasonId: string | null
  departmentId: string | null
  region: string | null
  /** A day, `2026-12-01`. */
  neededBy: string | null
  justification: string | null
}
export type Field = keyof Content
/** In the order in which the server names them. */
export const FIELDS: readonly Field[] = [
  'title',
  'amount',
  'categoryId',
  'reasonId',
  'departmentId',
  'region',
  'neededBy',
  'justification',
]

/** A text with the stamps of the edits it was made from. */
export interface TextEdit {
  text: string
  base: Stamp[]
}
export type WireFields = Partial<Omit<Content, 'justification'>> & {
  justification?: string | null | TextEdit
}

interface Named {
  opId: string
  id: string
  hlc: Stamp
}
export interface UpsertChange extends Named {
  type: 'upsert'
  fields: WireFields
}
export interface SubmitChange extends Named {
  type: 'submit'
  /** Field → the stamp shown; the heads for the text. The server seals nothing else. */
  seen?: Record<string, Stamp | Stamp[]>
}
export interface PlainChange extends Named {
  type: 'withdraw' | 'delete'
}
export interface VoteChange extends Named {
  type: VoteKind
  revision: string
  comment?: string
}
export type RequestChange = UpsertChange | SubmitChange | PlainChange
export type WireChange = RequestChange | VoteChange

/** The fate of one item, of either service. */
export interface Result {
  opId?: string | null
  id?: string | null
  verdict: Verdict
  code?: string | null
  detail?: string | null
  retryable: boolean
  superseded: string[]
  waitingFor?: WaitingFor | null
  updatedAt?: string | null
  record?: Request | Approval | null
}
export type FeedChange = { kind: 'upsert'; record: Request | Approval } | { kind: 'remove'; id: string }

/** A page of a feed. */
export interface Page {
  serverTime: string
  lastSync: string | null
  hasMore: boolean
  changes: FeedChange[]
}
/** The answer to a batch. */
export interface Answer extends Page {
  hlc: Stamp
  clockOffsetMs: number | null
  results: Result[]
}

/** The server's limits on one batch. */
export const CHANGES_MAX = 500
export const BATCH_BYTES_MAX = 1024 * 1024
