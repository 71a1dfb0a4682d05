/** Stamps of the hybrid logical clock (Kulkarni et al. 2014) in their text form, which sorts as they do. */
import type { Stamp } from '../wire/types.js'

/** 9999-12-31T23:59:59.999Z: the last millisecond that the text form can name. */
export const MILLIS_MAX = 253402300799999
export const COUNTER_MAX = 0xffff

const FORM = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)-([0-9a-f]{4})-([0-9a-f]{16})$/

/** A stamp taken apart: Unix milliseconds, 16-bit counter, node of 16 hex digits. */
export interface Parts {
  millis: number
  counter: number
  node: string
}

export function formatStamp({ millis, counter, node }: Parts): Stamp {
  return `${new Date(millis).toISOString()}-${counter.toString(16).padStart(4, '0')}-${node}`
}

/** The parts of a stamp, or null if the text is none. */
export function parseStamp(text: string): Parts | null {
  const found = FORM.exec(text)
  const [, time, counter, node] = found ?? []
  if (time === undefined || counter === undefined || node === undefined) return null
  const millis = Date.parse(time)
  // A day that does not exist (29 February) either fails to parse or is read as another day.
  if (!(millis >= 0) || new Date(millis).toISOString() !== time) return null
  return { millis, counter: Number.parseInt(counter, 16), node }
}

/** The 16 bytes of the binary wire, in hex: 48 bits of milliseconds, 16 of counter, 64 of node. */
export function stampHex({ millis, counter, node }: Parts): string {
  return millis.toString(16).padStart(12, '0') + counter.toString(16).padStart(4, '0') + node
}

/** The greatest of some stamps, or null of none. */
export function latest(stamps: readonly Stamp[]): Stamp | null {
  return stamps.reduce<Stamp | null>((max, stamp) => (max === null || stamp > max ? stamp : max), null)
}
