import { describe, expect, it } from 'vitest'
import type { Match, Txn } from '../api/types'
import { reasonsOf } from './evidence'

const txn = (over: Partial<Txn>): Txn => ({
  txn_id: '1', source_id: 's', ext_id: null, booking_date: '2026-01-30', value_date: null, amount_minor: '-1050', ccy: 'USD',
  reference: 'INV-0012', counterparty: 'Oak Ltd', description: null, kind: null, ...over,
})
const match = (over: Partial<Match>): Match => ({
  id: 'm', run_id: 'r', kind: 'one_to_one', status: 'confirmed', score: null, pass: 'reference and amount', ccy: 'USD', left_sum: '-1050',
  right_sum: '-1050', variance_minor: '0', ambiguous: false, reason: null, created_by: null, confirmed_by: null, left: [txn({})], right: [txn({})],
  evidence: [], ...over,
})

describe('why two rows match', () => {
  it('puts the names and values of the engine into words', () => {
    const reasons = reasonsOf(match({
      evidence: [
        { name: 'block ext_id', left: 'A', right: 'A', value: 'equal', pass: true },
        { name: 'amount_tol', left: '-10.50', right: '-10.51', value: '1', pass: true },
        { name: 'date_window', left: '2026-01-30', right: '2026-02-02', value: '-3', pass: false },
      ],
    }))
    expect(reasons.map((r) => [r.name, r.left, r.difference, r.passed])).toEqual([
      ['Same end-to-end id', 'A', 'equal', true],
      ['Amount, within tolerance', '−10.50', '0.01', true],
      ['Booking date, within window', '2026-01-30', '3 days', false],
    ])
  })

  it('compares the rows themselves where nothing was recorded', () => {
    const reasons = reasonsOf(match({ right: [txn({ reference: 'inv 0012', booking_date: '2026-01-31', counterparty: 'Elm Ltd' })] }))
    expect(Object.fromEntries(reasons.map((r) => [r.name, [r.difference, r.passed]]))).toEqual({
      Amount: ['0.00', true],
      Currency: ['Equal', true],
      'Booking date': ['1 day', null],
      Reference: ['Equal but for spelling', true],
      Counterparty: ['Different', null],
    })
  })

  it('has nothing to lay side by side for a group of rows', () => {
    expect(reasonsOf(match({ right: [txn({}), txn({})] }))).toEqual([])
  })
})
