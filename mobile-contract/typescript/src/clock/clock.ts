/** The hybrid logical clock as a pure function of its state: never goes back, whatever the wall clock does. */
import type { Stamp } from '../wire/types.js'
import { COUNTER_MAX, formatStamp, MILLIS_MAX, parseStamp } from './stamp.js'

/** The last reading given. */
export interface ClockState {
  millis: number
  counter: number
}
export const CLOCK_START: ClockState = { millis: 0, counter: 0 }

/** A counter that overflows borrows the next millisecond; at the end of time the clock stands still. */
function next(millis: number, counter: number): ClockState {
  if (counter <= COUNTER_MAX) return { millis, counter }
  return millis < MILLIS_MAX ? { millis: millis + 1, counter: 0 } : { millis, counter: COUNTER_MAX }
}

function clamp(wallMs: number): number {
  return Math.min(Math.max(Math.trunc(wallMs), 0), MILLIS_MAX)
}

/** The state after one event of our own at this wall clock. */
export function tick(state: ClockState, wallMs: number): ClockState {
  const wall = clamp(wallMs)
  return wall > state.millis ? { millis: wall, counter: 0 } : next(state.millis, state.counter + 1)
}

/** The state after hearing of a stamp: greater than it, than our own last and not behind the wall clock. */
export function observe(state: ClockState, stamp: Stamp, wallMs: number): ClockState {
  const heard = parseStamp(stamp)
  if (heard === null) return state
  const wall = clamp(wallMs)
  const millis = Math.max(wall, state.millis, heard.millis)
  const ours = millis === state.millis ? state.counter : -1
  const theirs = millis === heard.millis ? heard.counter : -1
  return next(millis, Math.max(ours, theirs) + 1)
}

export function reading(state: ClockState, node: string): Stamp {
  return formatStamp({ ...state, node })
}
