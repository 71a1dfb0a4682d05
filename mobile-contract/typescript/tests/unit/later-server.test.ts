/** Words of a later server: what is not known is never success, blocks nothing, and breaks nothing. */
import { expect, test } from 'vitest'
import { Device } from '../support/fake-device.js'
import { allApplied, answer, emptyPage } from '../support/fake-world.js'

/** A device with two drafts, the first of which was given this verdict. */
async function judged(strange: object): Promise<{ device: Device; first: string; second: string }> {
  const device = await Device.signedIn(false)
  const first = await device.client.requests.create({ title: 'strange' })
  const second = await device.client.requests.create({ title: 'other' })
  const honest = device.answers
  device.answers = (request) => {
    if (request.method === 'GET') return honest(request)
    device.answers = honest
    const body = JSON.parse(allApplied(request).body)
    Object.assign(body.results[0], strange)
    return answer(200, body)
  }
  await device.client.sync()
  expect(device.client.requests.get(second)?.queued).toBe(0)
  return { device, first, second }
}

test('an unknown verdict that says retryable stays, and goes again as it was', async () => {
  const { device, first } = await judged({ verdict: 'postponed', code: null, retryable: true })
  const [item] = device.client.queue.list()
  expect(item).toMatchObject({ change: { id: first }, code: 'postponed', attempts: 1 })
  expect(device.client.notices.list()).toEqual([])
  device.calls.length = 0
  await device.client.sync()
  const [push] = device.calls.filter((call) => call.method === 'POST')
  expect(JSON.parse(push?.body ?? '{}').changes).toEqual([item?.change])
  expect(device.client.status()).toMatchObject({ phase: 'idle', queued: 0 })
})

test.each([
  [{ code: 'full_moon', retryable: false }, 'full_moon'],
  [{ code: null, retryable: false }, 'postponed'],
  [{ code: null, retryable: undefined }, 'postponed'],
])('an unknown verdict with %j is refused for good, and shown', async (said, shown) => {
  const { device, first } = await judged({ verdict: 'postponed', ...said })
  expect(device.client.queue.list()).toEqual([])
  const [notice] = device.client.notices.list()
  expect(notice).toMatchObject({ kind: 'refused', recordId: first, code: shown })
  expect(notice?.change).toMatchObject({ fields: { title: 'strange' } })
})

test('an unknown kind of change is passed over, with a push and in a pull', async () => {
  const device = await Device.signedIn(false)
  const kinds = [{ kind: 'archive', id: 'whatever', because: { moon: 'full' } }]
  device.answers = (request) => {
    if (request.method === 'GET') return answer(200, { ...emptyPage(), changes: kinds })
    return answer(200, { ...JSON.parse(allApplied(request).body), changes: kinds })
  }
  const id = await device.client.requests.create({ title: 'mine' })
  await device.client.sync()
  await device.client.sync()
  expect(device.client.status()).toMatchObject({ phase: 'idle', queued: 0, notices: 0 })
  expect(device.client.requests.list().map((request) => request.id)).toEqual([id])
  const pushes = device.calls.filter((call) => call.method === 'POST')
  expect(pushes.length).toBe(1)
})
