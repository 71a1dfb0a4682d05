/** Decisions of the engine that no server has a say in. */
import { describe, expect, test } from 'vitest'
import { correctedOffset } from '../../src/clock/offset.js'
import { retryAfterMs } from '../../src/net/backoff.js'
import { eventNames } from '../../src/net/transport.js'
import { isDue, putOffMs, selectBatch } from '../../src/queue/select.js'
import type { Reader } from '../../src/store/ledger.js'
import type { QueueItem } from '../../src/store/tables.js'
import { utf8, utf8Bytes } from '../../src/wire/utf8.js'

function item(seq: number, id: string, title = 'x', notBeforeMs = 0): QueueItem {
  const hlc = '2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718'
  return {
    seq,
    service: 'requests',
    change: { opId: `op-${seq}`, type: 'upsert', id, hlc, fields: { title } },
    madeAtMs: 0,
    attempts: 0,
    notBeforeMs,
    code: null,
    detail: null,
    waitingFor: null,
  }
}

function queueOf(items: QueueItem[]): Reader {
  return {
    get: () => undefined,
    meta: () => undefined,
    entries: () => items.map((one) => [String(one.seq), one]) as never,
  }
}

describe('a batch', () => {
  const seqs = (batch: QueueItem[]) => batch.map((one) => one.seq)

  test('holds at most 500, in order', () => {
    const items = Array.from({ length: 700 }, (_, at) => item(at, `r${at}`))
    expect(seqs(selectBatch(queueOf(items), 'requests', () => true))).toEqual(seqs(items.slice(0, 500)))
  })

  test('holds at most a mebibyte, counted in bytes of UTF-8', () => {
    const items = Array.from({ length: 300 }, (_, at) => item(at, `r${at}`, '✈'.repeat(3_000)))
    const batch = selectBatch(queueOf(items), 'requests', () => true)
    const bytes = Buffer.byteLength(JSON.stringify({ changes: batch.map((one) => one.change) }))
    expect(bytes).toBeLessThanOrEqual(1024 * 1024)
    expect(bytes).toBeGreaterThan(1000 * 1024)
  })

  test('takes one item however large', () => {
    const items = [item(1, 'a', 'x'.repeat(2_000_000)), item(2, 'b')]
    expect(seqs(selectBatch(queueOf(items), 'requests', () => true))).toEqual([1])
  })

  test('an item that waits holds back the later ones of its record alone', () => {
    const items = [item(1, 'a', 'x', 500), item(2, 'b'), item(3, 'a'), item(4, 'c')]
    expect(seqs(selectBatch(queueOf(items), 'requests', (one) => isDue(one, 0)))).toEqual([2, 4])
  })

  test('a clock that was set back does not make an item wait for a year', () => {
    const year = 365 * 86_400_000
    expect(isDue(item(1, 'a', 'x', year + 4_000), 0)).toBe(true)
    expect(isDue(item(1, 'a', 'x', 4_000), 0)).toBe(false)
  })
})

test.each(['', 'abc', '\u007f\u0080é', '\u07ff\u0800✈\uffff', '😀\u{10ffff}', 'a😀é✈\u0000'])(
  '%j has as many bytes as it takes',
  (text) => {
    expect(utf8Bytes(text)).toBe(Buffer.byteLength(text))
    expect(Buffer.from(utf8(text))).toEqual(Buffer.from(text))
  },
)

test('put off for 2, 4, 8, 16, 32, 60, 60 … seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 50].map(putOffMs)).toEqual([2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1000))
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T10:00:00Z')
  test.each([
    ['30', 30_000],
    ['Sun, 22 Nov 2026 10:00:10 GMT', 10_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['soon', 0],
    ['999999999', 3_600_000],
    [null, 0],
  ])('%s is %d ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms)
  })
})

describe('the offset of the clock', () => {
  test('an answer that fits what we think changes nothing, however slow the line', () => {
    expect(correctedOffset(0, 1_000, 91_000, 90_900)).toBe(0)
  })
  test('a clock an hour ahead is put behind the server, never ahead of it', () => {
    const server = 1_000_000
    const offset = correctedOffset(0, server + 3_600_000, server + 3_602_000, server + 1_500)
    expect(server + 3_602_000 + offset).toBeLessThanOrEqual(server + 2_000)
    expect(offset).toBe(-3_600_500)
  })
  test('a clock that was set while we waited says nothing', () => {
    expect(correctedOffset(7, 2_000, 1_000, 1_500)).toBe(7)
  })
})

test('server-sent events, in whatever pieces they come', () => {
  const text = ': hello\n\nevent: poke\ndata: {}\n\nevent: other\r\ndata: {}\r\n\r\ndata: {}\n\n'
  const expected = ['', 'poke', 'other', 'message']
  for (let size = 1; size <= text.length; size += 1) {
    const names: string[] = []
    const feed = eventNames((name) => names.push(name))
    for (let at = 0; at < text.length; at += size) feed(text.slice(at, at + size))
    expect(names).toEqual(expected)
  }
})
