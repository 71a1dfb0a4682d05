/** The golden vectors of the contract, as far as a phone computes the same things. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CLOCK_START, observe, reading, tick } from '../../src/clock/clock.js'
import { formatStamp, parseStamp, stampHex } from '../../src/clock/stamp.js'
import { EMPTY, mergeFields, type Registers } from '../../src/records/registers.js'
import { applyUpsert, newRequest } from '../../src/records/request-view.js'
import { approvalId, canonicalContent, revisionOf } from '../../src/wire/canonical.js'
import { checkFields, checkStamp, checkUuid, InvalidEdit } from '../../src/wire/check.js'
import { canonicalTime } from '../../src/wire/time.js'
import type { Content, RequestChange, Stamp, VoteChange, WireFields } from '../../src/wire/types.js'

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url), 'utf8')) as T
}

describe('stamps', () => {
  const { sorted, invalid } = vectors<{
    sorted: { bytes: string; counter: number; millis: number; node: string; text: string }[]
    invalid: string[]
  }>('stamps')

  test.each(sorted)('$text has its parts and bytes', ({ text, bytes, ...parts }) => {
    expect(parseStamp(text)).toEqual(parts)
    expect(formatStamp(parts)).toBe(text)
    expect(stampHex(parts)).toBe(bytes)
  })

  test('their text sorts as they do', () => {
    const texts = sorted.map((stamp) => stamp.text)
    expect([...texts].reverse().sort()).toEqual(texts)
  })

  test.each(invalid)('%j is no stamp', (text) => {
    expect(parseStamp(text)).toBeNull()
  })
})

test('the clock gives what the vectors say, step by step', () => {
  const { node, steps } = vectors<{
    node: string
    steps: { gives: Stamp; observe: Stamp | null; wallMs: number }[]
  }>('clock')
  let state = CLOCK_START
  for (const step of steps) {
    state = step.observe === null ? tick(state, step.wallMs) : observe(state, step.observe, step.wallMs)
    expect(reading(state, node)).toBe(step.gives)
  }
})

describe('times', () => {
  const { valid, invalid } = vectors<{ valid: { canonical: string; text: string }[]; invalid: string[] }>(
    'times',
  )

  test.each(valid)('$text is $canonical', ({ text, canonical }) => {
    expect(canonicalTime(text)).toBe(canonical)
  })

  test.each(invalid)('%j is no time', (text) => {
    expect(canonicalTime(text)).toBeNull()
  })
})

describe('revisions', () => {
  const { requestId, revisions } = vectors<{
    requestId: string
    revisions: { approvals: string[]; canonical: string; fields: Partial<Content>; revision: string }[]
  }>('revisions')

  test.each(revisions)('$revision', ({ approvals, canonical, fields, revision }) => {
    expect(canonicalContent(fields)).toBe(canonical)
    expect(revisionOf(fields)).toBe(revision)
    expect([1, 2, 3].map((level) => approvalId(requestId, revision, level))).toEqual(approvals)
  })
})

describe('merges', () => {
  const { merges } = vectors<{
    merges: {
      name: string
      content: Content
      stamps: Record<string, Stamp>
      edits: { fields: WireFields; hlc: Stamp; won: string[]; same: string[]; superseded: string[] }[]
    }[]
  }>('merges')

  test.each(merges)('$name', ({ content, stamps, edits }) => {
    let held: Registers = { content: EMPTY, stamps: {} }
    for (const { fields, hlc, won, same, superseded } of edits) {
      const merged = mergeFields(held, fields, hlc)
      expect(new Set(merged.won)).toEqual(new Set(won))
      expect(new Set(merged.same)).toEqual(new Set(same))
      expect(new Set(merged.superseded)).toEqual(new Set(superseded))
      held = merged
    }
    expect(held.content).toEqual(content)
    expect(held.stamps).toEqual(stamps)
  })
})

describe('texts: what the server applies as sent, the phone shows so itself', () => {
  const { texts } = vectors<{
    texts: {
      name: string
      writes: {
        heads: Stamp[]
        hlc: Stamp
        justification: WireFields['justification']
        outcome: string
        shows: string | null
      }[]
    }[]
  }>('texts')

  test.each(texts)('$name', ({ writes }) => {
    let record = newRequest('01890000-0000-7000-8000-0000000000aa', 'owner', '2026-11-22T10:00:00.000000Z')
    for (const { heads, hlc, justification, outcome, shows } of writes) {
      if (outcome === 'applied') {
        const fields = { justification: justification ?? null }
        const { won, ...next } = applyUpsert(record, { opId: '', type: 'upsert', id: record.id, hlc, fields })
        expect(won).toEqual(['justification'])
        expect(next.justificationHeads).toEqual(heads)
        expect(next.justification).toBe(shows)
        record = next
      } else {
        // Anything else comes with the record, which replaces ours.
        record = {
          ...record,
          justification: shows,
          justificationHeads: heads,
          stamps: { justification: heads[heads.length - 1] ?? '' },
        }
      }
    }
  })
})

describe('broken items', () => {
  const { items } = vectors<{
    items: { code: string; detail: string; item: (RequestChange & { fields?: WireFields }) | null }[]
  }>('broken-items')
  // A number that JSON writes as 125000.0 is the integer 125000 in every JavaScript; which currencies there are
  // the server knows; and items without a type or an id cannot be made here.
  const beyond = ['a number that is no 64-bit integer', '"QQQ"']
  const ours = items.filter(({ item, detail }) => {
    const text = JSON.stringify(item)
    return item?.fields !== undefined && !beyond.some((word) => detail.includes(word) || text.includes(word))
  })

  test('most of them are about fields', () => {
    expect(ours.length).toBeGreaterThanOrEqual(15)
  })

  test.each(ours)('$detail', ({ item, code, detail }) => {
    const found = (() => {
      try {
        checkUuid('opId', item?.opId)
        checkUuid('id', item?.id)
        checkStamp('hlc', item?.hlc)
        checkFields((item?.fields ?? {}) as Record<string, unknown>)
        return null
      } catch (error) {
        return error
      }
    })()
    expect(found).toBeInstanceOf(InvalidEdit)
    const { code: ourCode, field } = found as InvalidEdit
    expect(ourCode).toBe(code)
    expect(detail).toContain(field)
  })
})

test('batches: every item of the vectors is one of our types, as it stands', () => {
  const { requests, approvals } = vectors<{
    requests: { json: { changes: RequestChange[] } }
    approvals: { json: { changes: VoteChange[] } }
  }>('batches')
  for (const change of [...requests.json.changes, ...approvals.json.changes]) {
    checkUuid('opId', change.opId)
    checkUuid('id', change.id)
    checkStamp('hlc', change.hlc)
    if (change.type === 'upsert') checkFields(change.fields as Record<string, unknown>)
  }
})
