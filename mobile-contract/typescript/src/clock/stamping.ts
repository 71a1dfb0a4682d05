/** Gives the stamps of this device: the clock's state is kept in the same change as what it stamps. */
import type { Environment } from '../environment.js'
import { newNode } from '../ids.js'
import type { Reader, Tx } from '../store/ledger.js'
import type { Stamp } from '../wire/types.js'
import { CLOCK_START, type ClockState, observe, reading, tick } from './clock.js'

function clockOf(reader: Reader): ClockState & { offsetMs: number } {
  return reader.meta('clock') ?? { ...CLOCK_START, offsetMs: 0 }
}

/** The server's time as far as this device can tell, Unix milliseconds. */
export function wallMs(reader: Reader, env: Environment): number {
  return env.nowMs() + clockOf(reader).offsetMs
}

export function nodesOf(reader: Reader): readonly string[] {
  return reader.meta('install')?.nodes ?? []
}

/** A stamp greater than any of this device and than those given: what is stamped comes after them. */
export function nextStamp(tx: Tx, env: Environment, after: readonly Stamp[] = []): Stamp {
  const clock = clockOf(tx)
  const wall = env.nowMs() + clock.offsetMs
  const heard = after.reduce<ClockState>((state, stamp) => observe(state, stamp, wall), clock)
  const state = tick(heard, wall)
  tx.setMeta('clock', { ...state, offsetMs: clock.offsetMs })
  const nodes = nodesOf(tx)
  const node = nodes[nodes.length - 1]
  if (node === undefined) throw new Error('the install has no node yet')
  return reading(state, node)
}

/** Hears the server's clock in an answer. `forget`: starts from it, whatever the clock said before. */
export function hear(tx: Tx, env: Environment, server: Stamp, offsetMs: number, forget: boolean): void {
  const before = forget ? CLOCK_START : clockOf(tx)
  tx.setMeta('clock', { ...observe(before, server, forget ? 0 : env.nowMs() + offsetMs), offsetMs })
}

/** A new node: at install, at each login, and where the rows come from another device's backup. */
export function drawNode(tx: Tx, env: Environment, deviceId: string): void {
  tx.setMeta('install', { deviceId, nodes: [...nodesOf(tx), newNode(env)] })
}
