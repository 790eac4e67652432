/** How counts, shares, dates and durations are written, the same everywhere and in every locale. */

const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,234`. */
export function formatCount(n: number): string {
  return COUNT.format(n)
}

/** `98.7 %`; never `100 %` while something is missing, never `0 %` while something is there. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0) return '–'
  const tenths = Math.round((part / whole) * 1000)
  const honest = Math.min(Math.max(tenths, part > 0 ? 1 : 0), part < whole ? 999 : 1000)
  return `${(honest / 10).toFixed(1)} %`
}

/** `one row`, `2,000 rows`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`
}

const DAY = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric', timeZone: 'UTC' })
const INSTANT = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false,
})

/** An ISO date, `2026-01-31`, as `31 Jan 2026`. Anything else comes back as it was. */
export function formatDate(iso: string | null | undefined): string {
  if (!iso) return '–'
  const at = new Date(iso.length === 10 ? `${iso}T00:00:00Z` : iso)
  return Number.isNaN(at.getTime()) ? iso : DAY.format(at)
}

/** A date for narrow columns: `31 Jan 26`. */
export function formatDay(iso: string | null | undefined): string {
  return formatDate(iso).replace(/ \d\d(\d\d)$/, ' $1')
}

/** An instant in the reader's own time zone, without the year. */
export function formatInstant(iso: string | null | undefined): string {
  if (!iso) return '–'
  const at = new Date(iso)
  return Number.isNaN(at.getTime()) ? iso : INSTANT.format(at)
}

/** `850 ms`, `12.3 s`, `4 min 05 s`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/** `532 B`, `1.4 KB`, `12.0 MB` (powers of ten, as file managers show them). */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} KB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** `missing_in_left` as `Missing in left`. */
export function humanise(code: string): string {
  const words = code.replaceAll(/[_-]+/g, ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
