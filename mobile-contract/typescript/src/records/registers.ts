/** Fields as last-writer-wins registers, as the server merges them. */
import { bytesToHex } from '@noble/hashes/utils.js'
import { type Content, FIELDS, type Field, type Stamp, type WireFields } from '../wire/types.js'
import { utf8 } from '../wire/utf8.js'

export interface Registers {
  content: Content
  stamps: Partial<Record<Field, Stamp>>
}
export interface Outcome {
  won: Field[]
  same: Field[]
  superseded: Field[]
}

export const EMPTY: Content = {
  title: null,
  amount: null,
  categoryId: null,
  reasonId: null,
  departmentId: null,
  region: null,
  neededBy: null,
  justification: null,
}

/** The value's canonical bytes as hex, which sorts as they do. */
function canonicalHex(value: unknown): string {
  const plain =
    typeof value === 'object' && value !== null
      ? { currency: (value as { currency: string }).currency, minor: (value as { minor: number }).minor }
      : value
  return bytesToHex(utf8(JSON.stringify(plain)))
}

export function plainText(value: WireFields['justification']): string | null {
  return typeof value === 'object' && value !== null ? value.text : (value ?? null)
}

/** Whether two values of a field say the same. */
export function sameValue(one: unknown, other: unknown): boolean {
  return one === other || canonicalHex(one ?? null) === canonicalHex(other ?? null)
}

/** One edit: the greater stamp wins each field; equal stamps (a cloned phone) resolve by canonical bytes. */
export function mergeFields(held: Registers, fields: WireFields, hlc: Stamp): Registers & Outcome {
  const content: Record<string, unknown> = { ...held.content }
  const stamps = { ...held.stamps }
  const outcome: Outcome = { won: [], same: [], superseded: [] }
  for (const field of FIELDS) {
    const sent = fields[field]
    if (sent === undefined) continue
    const value = field === 'justification' ? plainText(sent as WireFields['justification']) : sent
    const at = stamps[field]
    if (at === hlc && sameValue(value, content[field])) {
      outcome.same.push(field)
    } else if (at === undefined || hlc > at || (hlc === at && wins(value, content[field]))) {
      content[field] = value
      stamps[field] = hlc
      outcome.won.push(field)
    } else {
      outcome.superseded.push(field)
    }
  }
  return { content: content as unknown as Content, stamps, ...outcome }
}

function wins(value: unknown, held: unknown): boolean {
  return canonicalHex(value) > canonicalHex(held ?? null)
}
