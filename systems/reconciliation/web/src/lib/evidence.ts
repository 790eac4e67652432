/** Why two rows are a match, as a table that a person can read. */
import type { Evidence, Match, Txn } from '../api/types'
import { formatDate, humanise, plural } from './format'
import { formatMinor, parseMinor } from './money'

export interface Reason {
  readonly name: string
  readonly left: string
  readonly right: string
  readonly difference: string
  /** Null where a field was only looked at and decided nothing. */
  readonly passed: boolean | null
}

const FIELDS: Readonly<Record<string, string>> = {
  ccy: 'currency', ext_id: 'end-to-end id', booking_date: 'booking date', value_date: 'value date',
}
const NAMES: Readonly<Record<string, string>> = {
  amount_tol: 'Amount, within tolerance',
  date_window: 'Booking date, within window',
}

/** What the server recorded; for a match it found unambiguous it records nothing, and the rows speak. */
export function reasonsOf(match: Match): Reason[] {
  if (match.evidence.length > 0) return match.evidence.map((e) => recorded(e, match.ccy))
  const [left, right] = [match.left[0], match.right[0]]
  return match.left.length === 1 && match.right.length === 1 && left && right ? compared(left, right) : []
}

function recorded(e: Evidence, ccy: string): Reason {
  const money = e.name.includes('amount')
  return {
    name: nameOf(e.name),
    left: valueOf(e.left, money, ccy),
    right: valueOf(e.right, money, ccy),
    difference: e.name === 'date_window' ? daysOf(e.value) : valueOf(e.value, money, ccy),
    passed: e.pass,
  }
}

/** `block reference` is a key that both rows share; `exact amount` is a comparison. */
function nameOf(name: string): string {
  const [what = '', ...rest] = name.split(' ')
  const field = FIELDS[rest.join(' ')] ?? rest.join(' ')
  if (what === 'block' && field !== '') return `Same ${field}`
  if (what === 'exact' && field !== '') return `${humanise(field)}, exact`
  return NAMES[name] ?? humanise(name)
}

/** Whole minor units become an amount; decimals, dates and words stay, but for the width of the sign. */
function valueOf(value: string | null, money: boolean, ccy: string): string {
  if (value === null || value === '') return '–'
  if (!money) return value
  return parseMinor(value) === null ? value.replace(/^-/, '−') : formatMinor(value, ccy)
}

function daysOf(value: string | null): string {
  return value !== null && /^-?\d+$/.test(value) ? plural(Math.abs(Number(value)), 'day') : value ?? '–'
}

function compared(left: Txn, right: Txn): Reason[] {
  const [a, b] = [parseMinor(left.amount_minor), parseMinor(right.amount_minor)]
  const days = Math.round((Date.parse(left.booking_date) - Date.parse(right.booking_date)) / 86_400_000)
  return [
    {
      name: 'Amount', left: formatMinor(left.amount_minor, left.ccy), right: formatMinor(right.amount_minor, right.ccy),
      difference: a === null || b === null ? '–' : formatMinor(a - b, left.ccy), passed: a === b ? true : null,
    },
    words('Currency', left.ccy, right.ccy),
    {
      name: 'Booking date', left: formatDate(left.booking_date), right: formatDate(right.booking_date),
      difference: plural(Math.abs(days), 'day'), passed: days === 0 ? true : null,
    },
    words('Reference', left.reference, right.reference),
    words('Counterparty', left.counterparty, right.counterparty),
  ]
}

/** Spelling apart: `INV-0012` and `inv 0012` name the same invoice. */
function words(name: string, left: string | null, right: string | null): Reason {
  const bare = (text: string | null) => (text ?? '').toUpperCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
  const same = bare(left) !== '' && bare(left) === bare(right)
  const difference = left === right && same ? 'Equal' : same ? 'Equal but for spelling' : 'Different'
  return { name, left: left || '–', right: right || '–', difference, passed: same ? true : null }
}
