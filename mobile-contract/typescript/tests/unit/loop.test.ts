/** When the client calls: back-off, Retry-After, streams and polling, with the device's time in our hands. */
import { describe, expect, test } from 'vitest'
import { Device } from '../support/fake-device.js'
import { allApplied, answer, emptyPage, settled, USER } from '../support/fake-world.js'

describe('an idle phone', () => {
  test('with a live stream makes no request at all', async () => {
    const device = await Device.signedIn(true)
    device.client.start()
    device.stream.last.onOpen()
    device.stream.last.onEvent('poke')
    await settled()
    device.calls.length = 0
    for (let second = 0; second < 600; second += 1) {
      if (second % 25 === 0) device.stream.last.onEvent('')
      await device.time.pass(1_000)
    }
    expect(device.calls).toEqual([])
    expect(device.stream.opened.length).toBe(1)
    expect(device.client.status()).toMatchObject({ live: true, phase: 'idle' })
  })

  test('polls about once a minute while there is no stream, and stops when there is one', async () => {
    const device = await Device.signedIn(true)
    device.client.start()
    await settled()
    device.calls.length = 0
    device.stream.last.onEnd(null)
    await device.time.pass(600_000)
    expect(device.calls.length).toBeGreaterThanOrEqual(8)
    expect(device.calls.length).toBeLessThanOrEqual(14)
    device.stream.last.onOpen()
    await settled()
    device.calls.length = 0
    await device.time.pass(59_000)
    expect(device.calls).toEqual([])
  })

  test('a stream that says nothing for a minute is opened again; a poke pulls once', async () => {
    const device = await Device.signedIn(true)
    device.client.start()
    device.stream.last.onOpen()
    await settled()
    await device.time.pass(61_000)
    expect(device.stream.closed).toBe(1)
    await device.time.pass(5_000)
    expect(device.stream.opened.length).toBe(2)
    device.stream.last.onOpen()
    await settled()
    device.calls.length = 0
    device.stream.last.onEvent('poke')
    await settled()
    expect(device.calls.map((call) => call.method)).toEqual(['GET'])
  })

  test('a paused client does nothing by itself', async () => {
    const device = await Device.signedIn(false)
    device.client.start()
    await settled()
    device.client.pause()
    device.calls.length = 0
    await device.client.requests.create({ title: 'Later' })
    await device.time.pass(600_000)
    expect(device.calls).toEqual([])
  })
})

describe('after a failure', () => {
  test('it waits longer and longer, at most a minute, and an edit does not make it hurry', async () => {
    const device = await Device.signedIn(false)
    // Full jitter at its end: the whole of each interval.
    device.time.byte = 0xff
    const at: number[] = []
    device.answers = () => {
      at.push(device.time.nowMs)
      throw new Error('no network')
    }
    await device.client.requests.create({ title: 'x' })
    device.client.start()
    await settled()
    await device.time.pass(400_000)
    const gaps = at.slice(1).map((time, index) => Math.round((time - (at[index] ?? 0)) / 1000))
    // Polling asks too, which ends a wait early: what is between the first is the back-off alone.
    expect(gaps.slice(0, 4)).toEqual([2, 4, 8, 16])
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60)
    const before = at.length
    await device.client.requests.create({ title: 'y' })
    await settled()
    expect(at.length).toBe(before)
    expect(device.client.status()).toMatchObject({ phase: 'waiting', queued: 2 })
  })

  test('jitter spreads it over the whole interval', async () => {
    const device = await Device.signedIn(false)
    device.time.byte = 0x00
    let tries = 0
    device.answers = (request) => {
      if (!request.url.includes('/requests/')) return answer(200, emptyPage())
      tries += 1
      if (tries > 3) return answer(200, emptyPage())
      throw new Error('no network')
    }
    device.client.start()
    await device.time.pass(0)
    expect(tries).toBe(4)
  })

  test('it never comes before Retry-After', async () => {
    const device = await Device.signedIn(false)
    device.time.byte = 0x00
    let tries = 0
    device.answers = (request) => {
      if (!request.url.includes('/requests/')) return answer(200, emptyPage())
      tries += 1
      return tries === 1
        ? answer(429, { code: 'rate_limited', detail: 'slow down' }, { 'retry-after': '30' })
        : answer(200, emptyPage())
    }
    device.client.start()
    await device.time.pass(29_999)
    expect(tries).toBe(1)
    await device.time.pass(1)
    expect(tries).toBe(2)
    expect(device.client.status().phase).toBe('idle')
  })

  test('an answer that takes more than a minute counts as none', async () => {
    const device = await Device.signedIn(false)
    device.time.byte = 0xff
    device.answers = () => new Promise(() => {})
    await device.client.requests.create({ title: 'x' })
    device.client.start()
    await device.time.pass(60_000)
    expect(device.client.status()).toMatchObject({
      phase: 'waiting',
      queued: 1,
      error: { name: 'Unreachable' },
    })
    device.answers = (request) => (request.method === 'POST' ? allApplied(request) : answer(200, emptyPage()))
    await device.time.pass(3_000)
    expect(device.client.status()).toMatchObject({ phase: 'idle', queued: 0 })
  })
})

describe('what the server puts off', () => {
  test('goes again after 2, 4, 8 … 60 s, alone, and at the next poke', async () => {
    const device = await Device.signedIn(false)
    const at: number[] = []
    device.answers = (request) => {
      if (request.method === 'GET') return answer(200, emptyPage())
      at.push(device.time.nowMs)
      const applied = JSON.parse(allApplied(request).body)
      for (const result of applied.results)
        Object.assign(result, { verdict: 'deferred', waitingFor: { kind: 'category', id: USER.id } })
      return answer(200, applied)
    }
    await device.client.requests.create({ title: 'x' })
    device.client.start()
    await device.time.pass(200_000)
    const gaps = at.slice(1).map((time, index) => (time - (at[index] ?? 0)) / 1000)
    expect(gaps.slice(0, 4)).toEqual([2, 4, 8, 16])
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60)
    expect(device.client.requests.list()[0]?.waiting).not.toBeNull()
    const before = at.length
    await device.client.sync()
    expect(at.length).toBe(before + 1)
  })
})

describe('one at a time', () => {
  test('however many events ask for a sync, one batch is in flight', async () => {
    const device = await Device.signedIn(false)
    let flying = 0
    let most = 0
    device.answers = async (request) => {
      flying += 1
      most = Math.max(most, flying)
      await settled()
      flying -= 1
      return request.method === 'POST' ? allApplied(request) : answer(200, emptyPage())
    }
    device.client.start()
    for (let at = 0; at < 20; at += 1) {
      await device.client.requests.create({ title: `x${at}` })
      void device.client.sync()
      device.client.setOnline(false)
      device.client.setOnline(true)
    }
    await device.client.sync()
    await device.client.sync()
    expect(most).toBe(1)
    expect(device.client.status().queued).toBe(0)
    const sent = device.calls
      .filter((call) => call.method === 'POST')
      .flatMap((call) => JSON.parse(call.body ?? '{}').changes.map((change: { opId: string }) => change.opId))
    expect(new Set(sent).size).toBe(sent.length)
  })

  test('one expired token is renewed once', async () => {
    const device = await Device.signedIn(true)
    let refreshes = 0
    device.answers = async (request) => {
      if (request.url.endsWith('/auth/refresh')) {
        refreshes += 1
        await settled()
        return answer(200, {
          accessToken: 'new',
          refreshToken: 'next',
          expiresIn: 900,
          tokenType: 'Bearer',
          user: USER,
        })
      }
      return request.headers.authorization === 'Bearer new'
        ? answer(200, emptyPage())
        : answer(401, { code: 'token_expired', detail: 'expired' })
    }
    device.client.start()
    device.stream.last.onEnd(401)
    await settled()
    await device.time.pass(0)
    expect(refreshes).toBe(1)
    expect(device.client.status().phase).toBe('idle')
    await device.time.pass(3_000)
    expect(device.stream.last.headers.authorization).toBe('Bearer new')
  })
})
