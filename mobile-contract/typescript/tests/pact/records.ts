/** Records as the phone holds them, and what it needs of those in an answer. */
import { MatchersV3 } from '@pact-foundation/pact'
import type { Approval, Request } from '../../src/index.js'
import { ofState, serverTime, stamp, uuid } from './contract.js'
import { APPROVER, USER } from './phone.js'

const { equal, eachValueMatches, integer, regex, string } = MatchersV3

const AT = '2025-01-01T09:00:00.000001Z'
/** When another phone of the same person wrote the draft that this one has pulled. */
export const WRITTEN_BY_ANOTHER = '2025-01-01T08:00:00.000Z-0000-0000000000000abc'
const REVISION = 'sha256:94ce72d59b02194b0ea7e17718fc1636ea2cabf4e60a6896d9c9c94e593dc886'

export function request(id: string, more: Partial<Request> = {}): Request {
  return {
    id,
    ownerId: USER.id,
    title: 'Trade fair',
    amount: null,
    categoryId: null,
    reasonId: null,
    departmentId: null,
    region: null,
    neededBy: null,
    justification: null,
    justificationHeads: [],
    status: 'draft',
    final: false,
    finalAt: null,
    revision: null,
    stamps: { title: WRITTEN_BY_ANOTHER },
    deleted: false,
    createdAt: AT,
    updatedAt: AT,
    submittedAt: null,
    ...more,
  }
}

/** A request that is this one in what the phone shows; the rest by its form. */
export function requestLike(example: Request) {
  const { id, title, status, final, deleted, stamps, revision } = example
  const [one = WRITTEN_BY_ANOTHER] = Object.values(stamps)
  return {
    id: uuid(id),
    ownerId: uuid(USER.id),
    title: equal(title),
    status: equal(status),
    final,
    deleted,
    stamps: eachValueMatches(stamps, stamp(one) as never),
    justificationHeads: [],
    createdAt: serverTime(),
    updatedAt: serverTime(),
    ...(revision === null ? { revision: null } : { revision: regex('^sha256:[0-9a-f]{64}$', REVISION) }),
  }
}

export function approval(id: string, requestId: string): Approval {
  return {
    id,
    requestId,
    level: 1,
    revision: REVISION,
    status: 'open',
    sealed: false,
    sealsAt: null,
    basisAt: AT,
    quorum: 1,
    approverIds: [APPROVER.id],
    votes: [],
    dissent: [],
    request: {
      id: requestId,
      ownerId: '01890000-0000-7000-8000-00000000000b',
      ownerName: 'Sam',
      submittedAt: AT,
      title: 'Trade fair',
      amount: { minor: 125000, currency: 'EUR' },
      categoryId: '01890000-0000-7000-8000-00000000000c',
      reasonId: '01890000-0000-7000-8000-00000000000d',
      departmentId: null,
      region: null,
      neededBy: null,
      justification: null,
    },
    updatedAt: AT,
  }
}

export function approvalLike(example: Approval, more: Record<string, unknown> = {}) {
  return {
    id: ofState('approvalId', example.id),
    requestId: uuid(example.requestId),
    level: 1,
    revision: ofState('revision', example.revision),
    status: equal(example.status),
    sealed: false,
    quorum: 1,
    approverIds: [ofState('userId', APPROVER.id)],
    votes: [],
    dissent: [],
    request: {
      id: uuid(example.requestId),
      ownerId: uuid(example.request.ownerId),
      ownerName: string('Sam'),
      submittedAt: serverTime(),
      title: equal('Trade fair'),
      amount: { minor: integer(125000), currency: equal('EUR') },
    },
    updatedAt: serverTime(),
    ...more,
  }
}
