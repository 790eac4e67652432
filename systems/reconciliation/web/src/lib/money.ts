/**
 * Money as the API sends it: a string of minor units and an ISO 4217 code. All arithmetic is
 * done on `bigint`; a float never touches an amount, because 0.1 + 0.2 is not a rounding
 * question in a ledger.
 */

/** Currencies whose minor unit is not a hundredth. Everything else has two decimals. */
const EXPONENTS: Readonly<Record<string, number>> = {
  BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0, RWF: 0, UGX: 0,
  UYI: 0, VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0,
  BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3,
  CLF: 4, UYW: 4,
}

/** U+2212: the sign that typesets as wide as a digit, so that columns of figures line up. */
const MINUS = '−'

/** Digits after the decimal point in the currency. */
export function exponentOf(ccy: string): number {
  return EXPONENTS[ccy] ?? 2
}

/** The minor units as a number, or null when the text is not an integer. */
export function parseMinor(text: string): bigint | null {
  return /^[+-]?\d+$/.test(text) ? BigInt(text) : null
}

function groupThousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `12345`, `USD` gives `123.45`. Text that is no integer comes back as it was. */
export function formatMinor(minor: string | bigint, ccy: string): string {
  const units = typeof minor === 'bigint' ? minor : parseMinor(minor)
  if (units === null) return String(minor)
  const exponent = exponentOf(ccy)
  const digits = (units < 0n ? -units : units).toString().padStart(exponent + 1, '0')
  const whole = groupThousands(digits.slice(0, digits.length - exponent))
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`
  return `${units < 0n ? MINUS : ''}${whole}${fraction}`
}

/** The amount followed by its currency: `123.45 USD`. */
export function formatMoney(minor: string | bigint, ccy: string): string {
  return `${formatMinor(minor, ccy)} ${ccy}`
}

const SCALES: readonly (readonly [bigint, string])[] = [
  [1_000_000_000_000n, 'tn'],
  [1_000_000_000n, 'bn'],
  [1_000_000n, 'm'],
]

/** For headlines: `1.28 m` from a million up, every digit below. Truncates, never rounds up. */
export function formatShort(minor: string, ccy: string): string {
  const units = parseMinor(minor)
  if (units === null) return minor
  const size = units < 0n ? -units : units
  const whole = size / 10n ** BigInt(exponentOf(ccy))
  const scale = SCALES.find(([from]) => whole >= from)
  if (!scale) return formatMinor(units, ccy)
  const hundredths = (whole * 100n) / scale[0]
  const sign = units < 0n ? MINUS : ''
  return `${sign}${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')} ${scale[1]}`
}

/** A line that carries money. */
export interface Amount {
  readonly amount_minor: string
  readonly ccy: string
}

/** Sums by currency. Amounts that are no integers are left out; the server refuses them anyway. */
export function sumByCurrency(lines: Iterable<Amount>): Map<string, bigint> {
  const sums = new Map<string, bigint>()
  for (const line of lines) {
    const units = parseMinor(line.amount_minor)
    if (units !== null) sums.set(line.ccy, (sums.get(line.ccy) ?? 0n) + units)
  }
  return sums
}

/** How two hand-picked sets of lines compare. */
export type Balance =
  | { readonly kind: 'empty' }
  | { readonly kind: 'one-sided' }
  | { readonly kind: 'mixed'; readonly currencies: readonly string[] }
  | { readonly kind: 'balanced'; readonly ccy: string }
  | { readonly kind: 'off'; readonly ccy: string; readonly difference: bigint }

/** Whether left and right carry the same money. A match never crosses currencies. */
export function balanceOf(left: readonly Amount[], right: readonly Amount[]): Balance {
  if (left.length === 0 && right.length === 0) return { kind: 'empty' }
  const currencies = [...new Set([...left, ...right].map((line) => line.ccy))].sort()
  const ccy = currencies[0]
  if (currencies.length > 1 || ccy === undefined) return { kind: 'mixed', currencies }
  if (left.length === 0 || right.length === 0) return { kind: 'one-sided' }
  const difference = (sumByCurrency(left).get(ccy) ?? 0n) - (sumByCurrency(right).get(ccy) ?? 0n)
  return difference === 0n ? { kind: 'balanced', ccy } : { kind: 'off', ccy, difference }
}
