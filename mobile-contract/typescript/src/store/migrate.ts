/** The format of the rows, and the way from older ones. A landed step is never changed. */
import { type Row, StoreFailed, type Write } from './store.js'

export const FORMAT_VERSION = 2

type Step = (rows: readonly Row[]) => Write[]

/**
 * Format 1 had no times on queued items, kept the back-off as `retryAtMs`, and a notice could not say who had
 * decided.
 */
const toTwo: Step = (rows) =>
  rows.flatMap((row) => {
    const old = JSON.parse(row.value) as Record<string, unknown>
    if (row.table === 'queue') {
      const { retryAtMs = 0, ...rest } = old
      const added = { madeAtMs: 0, attempts: 0, code: null, detail: null, waitingFor: null }
      return [{ ...row, value: JSON.stringify({ ...added, ...rest, notBeforeMs: retryAtMs }) }]
    }
    if (row.table === 'notices') return [{ ...row, value: JSON.stringify({ by: [], ...old }) }]
    return []
  })

/** `STEPS[n]` leads from format n + 1 to n + 2. */
const STEPS: readonly Step[] = [toTwo]

/** The writes that bring these rows to the present format. @throws StoreFailed if they are of a newer one. */
export function migrate(rows: readonly Row[]): Write[] {
  const found = rows.find((row) => row.table === 'meta' && row.key === 'format')
  const format = {
    table: 'meta' as const,
    key: 'format',
    value: JSON.stringify({ version: FORMAT_VERSION }),
  }
  if (found === undefined && rows.length > 0)
    throw new StoreFailed(null, 'the rows do not say in which format they are')
  const version =
    found === undefined ? FORMAT_VERSION : (JSON.parse(found.value) as { version: number }).version
  if (version > FORMAT_VERSION)
    throw new StoreFailed(null, `the rows are of format ${version}, newer than this app's ${FORMAT_VERSION}`)
  if (version === FORMAT_VERSION) return found === undefined ? [format] : []

  const now = new Map(rows.map((row) => [`${row.table}/${row.key}`, row]))
  const writes = new Map<string, Write>()
  for (const step of STEPS.slice(version - 1)) {
    for (const write of step([...now.values()])) {
      const id = `${write.table}/${write.key}`
      writes.set(id, write)
      if (write.value === null) now.delete(id)
      else now.set(id, { ...write, value: write.value })
    }
  }
  return [...writes.values(), format]
}
