/** After the storm: what must be true whatever happened. */
import { expect } from 'vitest'
import type { Approval, Request } from '../../src/index.js'
import { call, tokenOf } from '../support/organisation.js'
import { online } from '../support/phone.js'
import type { Story } from './run.js'
import type { SimulatedPhone, World } from './world.js'

const ROUNDS_MAX = 40

interface Page<T> {
  changes: ({ kind: 'upsert'; record: T } | { kind: 'remove'; id: string })[]
  hasMore: boolean
  lastSync: string
}

export async function checkWorld(world: World, story: Story): Promise<void> {
  for (const phone of world.phones) await phone.release()
  await quiesce(world)
  for (const phone of world.phones) {
    if (phone.role === 'sales') await sameRequests(phone)
    else await sameApprovals(phone)
  }
  await onceEach(world, story)
}

/** Until nothing is queued and nothing changes any more on any phone. */
async function quiesce({ phones }: World): Promise<void> {
  let quiet = 0
  let before = ''
  for (let round = 0; round < ROUNDS_MAX && quiet < 2; round += 1) {
    for (const phone of phones) {
      await phone.open(0)
      await phone.sync(online, true)
    }
    const now = JSON.stringify(
      phones.map((phone) => [phone.client.requests.list(), phone.client.approvals.list()]),
    )
    const empty = phones.every((phone) => phone.client.queue.list().length === 0)
    quiet = empty && now === before ? quiet + 1 : 0
    before = now
    // Services hear of each other by events, a moment later.
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  for (const phone of phones) {
    const { phase, error } = phone.client.status()
    expect({ name: phone.name, phase, error, queue: phone.client.queue.list() }).toEqual({
      name: phone.name,
      phase: 'idle',
      error: null,
      queue: [],
    })
  }
}

async function everything<T extends { id: string }>(
  phone: SimulatedPhone,
  service: string,
): Promise<Map<string, T>> {
  const token = await tokenOf(phone.phone.owner.email)
  const records = new Map<string, T>()
  let since = ''
  for (;;) {
    const page = await call<Page<T>>(token, 'GET', `/api/v1/${service}/updates?limit=1000${since}`)
    for (const change of page.changes)
      if (change.kind === 'upsert') records.set(change.record.id, change.record)
    if (!page.hasMore) return records
    since = `&lastSync=${encodeURIComponent(page.lastSync)}`
  }
}

/** What is kept on the phone, not what is shown: nothing is queued, so both are the same. */
function kept<T extends { id: string }>(phone: SimulatedPhone, table: string): Map<string, T> {
  const rows = [...phone.phone.rows.values()].filter((row) => row.table === table)
  return new Map(rows.map((row) => [row.key, JSON.parse(row.value) as T]))
}

async function sameRequests(phone: SimulatedPhone): Promise<void> {
  const server = await everything<Request>(phone, 'requests')
  expect(kept<Request>(phone, 'requests'), `${phone.name}'s requests`).toEqual(server)
}

async function sameApprovals(phone: SimulatedPhone): Promise<void> {
  const server = await everything<Approval>(phone, 'approvals')
  expect(kept<Approval>(phone, 'approvals'), `${phone.name}'s approvals`).toEqual(server)
}

/** Each command has one effect, and no value that somebody typed is gone without a trace. */
async function onceEach({ of, phones }: World, story: Story): Promise<void> {
  const token = await tokenOf(of.sales.email)
  const sales = phones.find((phone) => phone.role === 'sales')
  const told = JSON.stringify(phones.map((phone) => phone.client.notices.list()))
  for (const view of sales?.client.requests.list() ?? []) {
    const { items } = await call<{ items: { event: string }[] }>(
      token,
      'GET',
      `/api/v1/requests/${view.id}/status`,
    )
    const count = (event: string) => items.filter((item) => item.event === event).length
    expect([view.id, count('created')]).toEqual([view.id, 1])
    expect([view.id, count('submitted')]).toEqual([view.id, view.submittedAt === null ? 0 : 1])
    expect([view.id, count('withdrawn')]).toEqual([view.id, view.status === 'withdrawn' ? 1 : 0])
    const trace = JSON.stringify([view, items]) + told
    const lost = story.typed.filter(
      ({ id, value }) => id === view.id && !story.replaced.has(value) && !trace.includes(value),
    )
    expect(JSON.stringify(lost), `values that left no trace in ${trace}\nlost`).toBe('[]')
  }
}
