/** An app that is killed at every place where it waits, one after the other, and opened again. */
import { expect, test } from 'vitest'
import { openClient } from '../../src/index.js'
import { Life } from '../support/mortal.js'
import {
  call,
  type Organisation,
  organisation,
  PASSWORD,
  serverUrl,
  tokenOf,
} from '../support/organisation.js'
import { Phone } from '../support/phone.js'

const STEPS = ['create', 'edit', 'text', 'sync', 'submit', 'sync'] as const

/** Does what is not done yet, by what the device shows, and says how far it came. */
async function live(
  phone: Phone,
  of: Organisation,
  id: string,
  life: Life,
  done: Set<number>,
): Promise<void> {
  const client = await openClient({
    baseUrl: serverUrl(),
    store: life.store(phone.store()),
    transport: life.transport(phone.transport),
    environment: phone.environment,
    deviceId: phone.deviceId,
    vault: life.vault(phone.vault),
  })
  if (client.status().user === null || (await phone.vault.load()) === null)
    await client.login(phone.owner.email, PASSWORD)
  const { categoryId, reasonId } = of
  for (const [at, step] of STEPS.entries()) {
    if (done.has(at)) continue
    const view = client.requests.get(id)
    if (step === 'create' && view === null)
      await client.requests.create(
        { title: 'One', amount: { minor: 500, currency: 'EUR' }, categoryId, reasonId },
        id,
      )
    if (step === 'edit') await client.requests.edit(id, { title: 'Two' })
    if (step === 'text' && view?.justification === null) await client.requests.openText(id).set('Because.')
    if (step === 'submit' && view?.intent === null && view.status === 'draft')
      await client.requests.submit(id)
    if (step === 'sync') await client.sync()
    done.add(at)
  }
  phone.client = client
}

async function story(of: Organisation, diesAt: number): Promise<number> {
  const phone = new Phone(of.sales)
  const life = new Life(diesAt)
  const id = `01890000-0000-7000-8000-${String(diesAt).padStart(6, '0')}${Math.random().toString(16).slice(2, 8).padEnd(6, '0')}`
  const done = new Set<number>()
  await Promise.race([live(phone, of, id, life, done), life.death])
  await live(phone, of, id, new Life(0), done)
  await phone.client.sync()

  expect(phone.client.status(), `killed at ${diesAt}`).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  const token = await tokenOf(of.sales.email)
  const record = await call<Record<string, unknown>>(token, 'GET', `/api/v1/requests/${id}`)
  expect(record, `killed at ${diesAt}`).toMatchObject({
    title: 'Two',
    justification: 'Because.',
    status: 'pending_l1',
  })
  expect(phone.client.requests.get(id), `killed at ${diesAt}`).toMatchObject(record)
  const { items } = await call<{ items: { event: string }[] }>(token, 'GET', `/api/v1/requests/${id}/status`)
  expect(items.filter((item) => item.event === 'submitted').length, `killed at ${diesAt}`).toBe(1)
  return life.passed
}

test('killed at any place, the app goes on where it was: nothing is lost, nothing counts twice', async () => {
  const of = await organisation(3)
  const places = await story(of, 0)
  expect(places).toBeGreaterThan(20)
  for (let at = 1; at <= places; at += 1) await story(of, at)
})
