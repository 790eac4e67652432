// Rows for the mock: two small books with a truth that follows from how they were made, and a matching
// rule just clever enough to find it. The real engine is in `core`; nothing here is shipped.

/** A seeded generator (mulberry32), so that two runs of the journey see the same files. */
function random(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const PARTIES = ['Aldgate Freight Ltd', 'Brightwater GmbH', 'Cobalt Systems Inc', 'Dunmore & Sons', 'Everly Foods Pvt', 'Fennimore Shipping', 'Gotanda Seiki KK', 'Hallmark Timber']
const CURRENCIES = [['USD', 2], ['USD', 2], ['EUR', 2], ['EUR', 2], ['INR', 2], ['JPY', 0], ['KWD', 3]]
const HEADER = 'ext_id,booking_date,value_date,amount,currency,reference,counterparty,description,kind'

function decimal(minor, exponent) {
  const digits = String(Math.abs(minor)).padStart(exponent + 1, '0')
  const text = exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`
  return minor < 0 ? `-${text}` : text
}

/** `{left, right, truth}` as CSV text. A few rows of each kind of trouble, the rest clean. */
export function makeFiles(rows, seed = 7) {
  const next = random(seed)
  const left = [HEADER]
  const right = [HEADER]
  const truth = ['side,ext_id,state,match_id']
  for (let i = 0; i < rows; i += 1) {
    const [ccy, exponent] = CURRENCIES[Math.floor(next() * CURRENCIES.length)]
    const minor = Math.floor(next() ** 3 * 5_000_000) + 100
    const signed = next() < 0.35 ? -minor : minor
    const day = `2026-01-${String(1 + Math.floor(next() * 28)).padStart(2, '0')}`
    const party = PARTIES[Math.floor(next() * PARTIES.length)]
    const n = String(i).padStart(6, '0')
    const line = (side, amount) =>
      `${side}-${n},${day},,${decimal(amount, exponent)},${ccy},INV 2026-${n},${party},Payment of invoice ${n},transfer`
    const dice = next()
    if (dice < 0.03) {
      left.push(line('L', signed))
      truth.push(`left,L-${n},unmatched,`)
    } else if (dice < 0.06) {
      right.push(line('R', signed))
      truth.push(`right,R-${n},unmatched,`)
    } else {
      const drift = dice < 0.1
      left.push(line('L', signed))
      right.push(line('R', drift ? signed + 1 : signed))
      const state = drift ? 'suggested' : 'matched'
      truth.push(`left,L-${n},${state},m${n}`, `right,R-${n},${state},m${n}`)
    }
  }
  return { left: `${left.join('\n')}\n`, right: `${right.join('\n')}\n`, truth: `${truth.join('\n')}\n` }
}

/** Rows of an uploaded file: accepted ones and the errors of the others. */
export function readFile(text, sourceId, firstId) {
  const txns = []
  const errors = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (i === 0 || line === '') continue
    const [ext_id, booking_date, , amount, ccy, reference, counterparty, description, kind] = line.split(',')
    const exponent = { JPY: 0, KWD: 3 }[ccy] ?? 2
    const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount ?? '')
    if (!parts || (parts[3] ?? '').length !== exponent) {
      errors.push({ line: i + 1, column: 'amount', code: 'bad_amount', detail: `${JSON.stringify(amount ?? '')} is not an amount in ${ccy ?? '?'}` })
      continue
    }
    const minor = BigInt(`${parts[1]}${parts[2]}${parts[3] ?? ''}`).toString()
    txns.push({ txn_id: String(firstId + txns.length), source_id: sourceId, ext_id, booking_date, value_date: null, amount_minor: minor, ccy, reference, counterparty, description, kind })
  }
  return { txns, errors }
}

/** Pairs by reference and currency: equal amounts are confirmed, one unit apart is suggested. */
export function pairUp(left, right) {
  const open = new Map(right.map((r) => [`${r.ccy} ${r.reference}`, r]))
  const pairs = []
  for (const l of left) {
    const key = `${l.ccy} ${l.reference}`
    const r = open.get(key)
    if (!r) continue
    const variance = BigInt(l.amount_minor) - BigInt(r.amount_minor)
    if (variance < -1n || variance > 1n) continue
    open.delete(key)
    pairs.push({ left: l, right: r, variance, status: variance === 0n ? 'confirmed' : 'suggested' })
  }
  return pairs
}
