/**
 * The phone's side of Athena Budget: a durable queue, a local state that shows what is queued, and a sync that
 * loses nothing, sends nothing twice in effect, and says why when something does not count.
 */
export type { Approvals } from './approvals.js'
export type { Catalogue } from './catalogue.js'
export { type Client, type ClientOptions, openClient, type Status } from './client.js'
export { type Environment, environment } from './environment.js'
export { Refused, Unreachable } from './net/api.js'
export { memoryVault, SignedOut, type Tokens, type Vault } from './net/session.js'
export {
  type Fetch,
  fetchStream,
  fetchTransport,
  type HttpRequest,
  type HttpResponse,
  type OpenStream,
  type StreamRequest,
  type Transport,
  xhrStream,
} from './net/transport.js'
export { NotPossible } from './queue/edit.js'
export { InFlight } from './queue/mend.js'
export type { VoteTaken } from './queue/vote.js'
export type { ApprovalView } from './records/approval-view.js'
export { NobodySignedIn } from './records/records.js'
export type { RequestView } from './records/request-view.js'
export { memoryStore } from './store/memory.js'
export { type Row, type Store, StoreFailed, type Write } from './store/store.js'
export type { Notice, NoticeKind, QueueItem, TableName } from './store/tables.js'
export type { Phase } from './sync/loop.js'
export { type Progress, WrongUser } from './sync/round.js'
export type { TextEditor } from './text.js'
export { approvalId, revisionOf } from './wire/canonical.js'
export { InvalidEdit } from './wire/check.js'
export type * from './wire/types.js'
