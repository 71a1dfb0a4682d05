/**
 * Looks at values before they are queued, so that a person hears of a mistake while typing and not hours later.
 * The server checks again and its word counts; the codes are its codes.
 */
import { parseStamp } from '../clock/stamp.js'
import { dayMs } from './time.js'
import { FIELDS, type Field } from './types.js'

export const TITLE_CHARS_MAX = 200
export const REGION_CHARS_MAX = 64
export const JUSTIFICATION_CHARS_MAX = 10_000
export const COMMENT_CHARS_MAX = 2_000
export const AMOUNT_MINOR_MAX = 1e15

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const LONE_SURROGATE = /[\ud800-\udfff]/u

/** A value that the server would refuse; `code` is what it would have said. */
export class InvalidEdit extends Error {
  override readonly name = 'InvalidEdit'
  constructor(
    readonly code: 'invalid_value' | 'unknown_field',
    readonly field: string,
    message: string,
  ) {
    super(message)
  }
}

function refuse(field: string, what: string): never {
  throw new InvalidEdit('invalid_value', field, `${field} ${what}`)
}

/** Characters are code points. */
export function checkText(field: string, value: unknown, max: number, min = 0): void {
  if (typeof value !== 'string') refuse(field, 'must be a string')
  if (value.includes('\0')) refuse(field, 'must not contain NUL')
  if (LONE_SURROGATE.test(value)) refuse(field, 'must not contain half a character')
  if (value.length < min) refuse(field, 'must not be empty; null clears')
  if (value.length > max && [...value].length > max) refuse(field, `must have at most ${max} characters`)
}

export function checkUuid(field: string, value: unknown): void {
  if (typeof value !== 'string' || !UUID.test(value)) refuse(field, 'must be a UUID of 36 characters')
}

export function checkStamp(field: string, value: unknown): void {
  const parts = typeof value === 'string' ? parseStamp(value) : null
  if (parts === null) refuse(field, 'must be a stamp')
  if (parts.millis === 0 && parts.counter === 0 && /^0+$/.test(parts.node))
    refuse(field, 'must not be the zero stamp')
}

function checkAmount(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(field, 'must be an object with minor and currency, or null')
  const { minor, currency } = value as { minor?: unknown; currency?: unknown }
  if (!Number.isSafeInteger(minor) || (minor as number) < 1 || (minor as number) > AMOUNT_MINOR_MAX)
    refuse(`${field}.minor`, `must be an integer from 1 to ${AMOUNT_MINOR_MAX}`)
  // Which currencies there are changes more often than apps do: the server knows.
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency))
    refuse(`${field}.currency`, 'must be an ISO 4217 code of three capital letters')
}

function checkDay(field: string, value: unknown): void {
  const parts = typeof value === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(value) : null
  const day = parts === null ? null : dayMs(Number(parts[1]), Number(parts[2]), Number(parts[3]))
  if (day === null) refuse(field, 'must be a day of the form 2026-12-01 or null')
}

function checkJustification(field: string, value: unknown): void {
  if (typeof value === 'string') {
    checkText(field, value, JUSTIFICATION_CHARS_MAX)
    return
  }
  if (typeof value !== 'object' || value === null) refuse(field, 'must be a string or null')
  const { text, base } = value as { text?: unknown; base?: unknown }
  checkText(`${field}.text`, text, JUSTIFICATION_CHARS_MAX)
  if (!Array.isArray(base)) refuse(`${field}.base`, 'is missing')
  for (const stamp of base) checkStamp(`${field}.base`, stamp)
}

const CHECKS: Record<Field, (field: string, value: unknown) => void> = {
  title: (field, value) => checkText(field, value, TITLE_CHARS_MAX, 1),
  region: (field, value) => checkText(field, value, REGION_CHARS_MAX),
  amount: checkAmount,
  categoryId: checkUuid,
  reasonId: checkUuid,
  departmentId: checkUuid,
  neededBy: checkDay,
  justification: checkJustification,
}

/** @throws InvalidEdit naming the first field that is wrong. */
export function checkFields(fields: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(fields)) {
    if (!(FIELDS as readonly string[]).includes(field))
      throw new InvalidEdit('unknown_field', field, `${field} is no field of a request`)
    if (value !== null) CHECKS[field as Field](field, value)
  }
}
