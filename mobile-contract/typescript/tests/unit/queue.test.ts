/** What a person sees of the queue, and can do about it, while it does not get through. */
import { expect, test } from 'vitest'
import { Device } from '../support/fake-device.js'
import { allApplied, answer, emptyPage, settled, USER } from '../support/fake-world.js'

/** A device one of whose changes the server has put off again and again. */
async function puttingOff(): Promise<{ device: Device; opId: string; accept(): void }> {
  const device = await Device.signedIn(false)
  const honest = device.answers
  device.answers = (request) => {
    if (request.method === 'GET') return answer(200, emptyPage())
    const applied = JSON.parse(allApplied(request).body)
    const waitingFor = { kind: 'category', id: USER.id }
    for (const result of applied.results)
      Object.assign(result, { verdict: 'deferred', detail: 'not here yet', waitingFor })
    return answer(200, applied)
  }
  await device.client.requests.create({ title: 'Trade fair' })
  device.client.start()
  // 2, 4, 8, 16 and 32 s: it is put off for a minute now.
  await device.time.pass(63_000)
  device.calls.length = 0
  const opId = device.client.queue.list()[0]?.change.opId ?? ''
  return { device, opId, accept: () => Object.assign(device, { answers: honest }) }
}

test('an item that was put off many times stays, and says how often and what for', async () => {
  const { device, opId } = await puttingOff()
  expect(device.client.queue.list()).toMatchObject([
    {
      change: { opId },
      attempts: 6,
      detail: 'not here yet',
      waitingFor: { kind: 'category', id: USER.id },
    },
  ])
  expect(device.client.status()).toMatchObject({ phase: 'idle', queued: 1, notices: 0 })
})

test('it is retried at once when a person asks for it, as it was', async () => {
  const { device, opId, accept } = await puttingOff()
  accept()
  expect(await device.client.queue.retry(opId)).toBe(true)
  await settled()
  expect(device.calls.map((call) => call.method)).toEqual(['POST'])
  expect(JSON.parse(device.calls[0]?.body ?? '{}').changes).toMatchObject([{ opId }])
  expect(device.client.status()).toMatchObject({ queued: 0, notices: 0 })
  expect(await device.client.queue.retry(opId)).toBe(false)
})

test('it is discarded when a person asks for it, and nothing of it is sent any more', async () => {
  const { device, opId } = await puttingOff()
  expect(await device.client.queue.discard(opId)).toBe(true)
  await device.time.pass(600_000)
  expect(device.calls.filter((call) => call.method === 'POST')).toEqual([])
  expect(device.client.status()).toMatchObject({ queued: 0, notices: 0 })
  expect(device.client.requests.list()).toEqual([])
})

test('a long round tells how far it is', async () => {
  const device = await Device.signedIn(false)
  let pages = 3
  device.answers = (request) => {
    if (request.method === 'POST')
      return answer(200, { ...JSON.parse(allApplied(request).body), hasMore: true })
    if (!request.url.includes('/updates')) return answer(200, emptyPage())
    pages -= 1
    const changes = Array.from({ length: 10 }, (_, at) => ({
      kind: 'remove',
      id: `${USER.id.slice(0, -2)}${pages}${at}`,
    }))
    return answer(200, { ...emptyPage(), changes, hasMore: pages > 0 })
  }
  for (let at = 0; at < 700; at += 1) await device.client.requests.create({ title: `Request ${at}` })
  const told: string[] = []
  device.client.subscribe(() => {
    const { progress } = device.client.status()
    const line = progress === null ? '' : `${progress.service} ${progress.phase} ${progress.done}`
    if (line !== '' && told[told.length - 1] !== line) told.push(line)
  })
  await device.client.sync()
  expect(told).toEqual([
    'requests push 500',
    'requests push 700',
    'requests pull 10',
    'requests pull 20',
    'requests pull 30',
  ])
  expect(device.client.status().progress).toBeNull()
})
