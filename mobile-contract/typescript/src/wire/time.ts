/** RFC 3339 times in one form, so that they compare as text: UTC with six decimals. */

const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/** `2026-11-22T11:30:00+01:30` → `2026-11-22T10:00:00.000000Z`; null if the text is no time. */
export function canonicalTime(text: string): string | null {
  const found = FORM.exec(text)
  if (found === null) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number)
  const [zoneHour, zoneMinute] = [Number(found[9] ?? 0), Number(found[10] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return null
  const local = dayMs(year, month, day)
  if (local === null) return null
  const zone = (found[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute)
  const date = new Date(local + ((hour * 60 + minute - zone) * 60 + second) * 1000)
  const utcYear = date.getUTCFullYear()
  if (year === 0 || utcYear < 1 || utcYear > 9999) return null
  const micros = (found[7] ?? '').slice(0, 6).padEnd(6, '0')
  return `${date.toISOString().slice(0, 19)}.${micros}Z`
}

/** Midnight of a day that exists, in Unix milliseconds. */
export function dayMs(year: number, month: number, day: number): number | null {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return exists ? date.getTime() : null
}
