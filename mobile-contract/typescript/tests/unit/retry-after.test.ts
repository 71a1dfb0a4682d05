/** Until the server's `Retry-After` is over nothing goes, whoever asks; our own back-off a person cuts short. */
import { describe, expect, test } from 'vitest'
import { Device } from '../support/fake-device.js'
import { allApplied, answer, emptyPage, settled, TOKENS, USER } from '../support/fake-world.js'

/** One that was told to stay away for 30 s, with one change queued. */
async function held(status: 429 | 503, automatic = true): Promise<Device> {
  const device = await Device.signedIn(automatic)
  device.time.byte = 0x00
  const honest = device.answers
  device.answers = (request) => {
    if (!request.url.includes('/requests/')) return honest(request)
    device.answers = honest
    return answer(status, { code: 'later', detail: 'later' }, { 'retry-after': '30' })
  }
  await device.client.requests.create({ title: 'Trade fair' })
  if (automatic) device.client.start()
  else await device.client.sync()
  await settled()
  device.calls.length = 0
  expect(device.client.status()).toMatchObject({ phase: 'waiting', queued: 1, error: { status } })
  return device
}

function expectSent(device: Device): void {
  expect(device.calls.filter((call) => call.method === 'POST').length).toBe(1)
  expect(device.client.status()).toMatchObject({ phase: 'idle', queued: 0, error: null })
}

const ASKING: [string, (device: Device) => unknown][] = [
  ['a person', (device) => device.client.sync()],
  ['a poke', (device) => device.stream.last.onEvent('poke')],
  ['the app that comes online again', (device) => [false, true].map((on) => device.client.setOnline(on))],
  ['the app that comes to the foreground', (device) => [device.client.pause(), device.client.start()]],
  ['somebody who signs in again', (device) => device.client.signIn(USER, TOKENS)],
  ['an edit', (device) => device.client.requests.create({ title: 'Another' })],
]

describe.each([429, 503] as const)('after %d with Retry-After', (status) => {
  test.each(ASKING)('%s waits, and it goes by itself as soon as it is over', async (_who, ask) => {
    const device = await held(status)
    await device.time.pass(25_000)
    await ask(device)
    await settled()
    await device.time.pass(4_999)
    expect(device.calls).toEqual([])
    expect(device.stream.opened.length).toBe(1)
    expect(device.client.status().phase).toBe('waiting')
    await device.time.pass(1)
    expectSent(device)
  })
})

test('a stream that ends meanwhile is opened again when it is over', async () => {
  const device = await held(503)
  device.stream.last.onEnd(503)
  await device.time.pass(29_999)
  expect(device.stream.opened.length).toBe(1)
  await device.time.pass(1)
  expect(device.stream.opened.length).toBe(2)
})

describe.each([429, 503] as const)('a stream that is refused with %d and Retry-After', (status) => {
  /** One whose stream is told to stay away for 30 s, with nothing to do. */
  async function refused(): Promise<Device> {
    const device = await Device.signedIn(true)
    device.time.byte = 0x00
    device.client.start()
    await settled()
    device.calls.length = 0
    device.stream.last.onEnd(status, '30')
    return device
  }

  test('is opened again when it is over, and not before', async () => {
    const device = await refused()
    await device.time.pass(29_999)
    expect(device.stream.opened.length).toBe(1)
    await device.time.pass(1)
    expect(device.stream.opened.length).toBe(2)
  })

  test('holds back everything else of the device, too', async () => {
    const device = await refused()
    await device.client.requests.create({ title: 'Trade fair' })
    await device.client.sync()
    await device.time.pass(29_999)
    expect(device.calls).toEqual([])
    expect(device.client.status()).toMatchObject({ phase: 'waiting', queued: 1, error: { status } })
    await device.time.pass(1)
    expectSent(device)
  })

  test('holds back a back-off that would be over sooner', async () => {
    const device = await Device.signedIn(true)
    device.time.byte = 0xff
    const honest = device.answers
    device.answers = () => answer(503, { code: 'unavailable', detail: 'no hint' })
    await device.client.requests.create({ title: 'Trade fair' })
    device.client.start()
    await settled()
    device.answers = honest
    device.calls.length = 0
    device.time.byte = 0x00
    device.stream.last.onEnd(status, '30')
    await device.time.pass(29_999)
    expect(device.calls).toEqual([])
    await device.time.pass(1)
    expectSent(device)
  })
})

test('without timers a person is told to wait, and goes when it is over', async () => {
  const device = await held(429, false)
  await device.time.pass(29_999)
  expect(await device.client.sync()).toMatchObject({ phase: 'waiting', queued: 1 })
  expect(device.calls).toEqual([])
  await device.time.pass(1)
  await device.client.sync()
  expectSent(device)
})

test('a clock that is set back makes nobody wait longer than the server asked for', async () => {
  const device = await held(429, false)
  device.time.nowMs -= 86_400_000
  await device.client.sync()
  await device.time.pass(29_999)
  await device.client.sync()
  expect(device.calls).toEqual([])
  await device.time.pass(1)
  await device.client.sync()
  expectSent(device)
})

test('a back-off of our own a person cuts short', async () => {
  const device = await Device.signedIn(false)
  device.time.byte = 0xff
  device.answers = () => answer(503, { code: 'unavailable', detail: 'no hint' })
  await device.client.requests.create({ title: 'Trade fair' })
  device.client.start()
  await settled()
  expect(device.client.status()).toMatchObject({ phase: 'waiting', queued: 1 })
  device.calls.length = 0
  device.answers = (request) => (request.method === 'POST' ? allApplied(request) : answer(200, emptyPage()))
  await device.client.sync()
  expectSent(device)
})

test('the news that a failed round was to fetch is not forgotten over an edit', async () => {
  const device = await Device.signedIn(true)
  await device.client.signIn({ ...USER, roles: ['sales', 'approver'] }, TOKENS)
  device.client.start()
  for (const line of device.stream.opened) line.onOpen()
  await settled()
  const honest = device.answers
  device.answers = () => answer(503, { code: 'unavailable', detail: 'later' }, { 'retry-after': '5' })
  device.stream.last.onEvent('poke')
  await settled()
  device.answers = honest
  device.calls.length = 0
  await device.client.requests.create({ title: 'Meanwhile' })
  await device.time.pass(10_000)
  expectSent(device)
  expect(device.calls.some((call) => call.url.includes('/approvals/updates'))).toBe(true)
})
