import { describe, expect, it } from 'vitest'
import { balanceOf, formatMinor, formatMoney, formatShort, parseMinor, sumByCurrency } from './money'

const usd = (amount_minor: string) => ({ amount_minor, ccy: 'USD' })

describe('money', () => {
  it('places the decimal point by the exponent of the currency', () => {
    expect(formatMinor('123456', 'USD')).toBe('1,234.56')
    expect(formatMinor('123456', 'JPY')).toBe('123,456')
    expect(formatMinor('123456', 'KWD')).toBe('123.456')
    expect(formatMoney('5', 'KWD')).toBe('0.005 KWD')
  })

  it('keeps every digit of amounts that a float would round', () => {
    expect(formatMinor('9223372036854775807', 'USD')).toBe('92,233,720,368,547,758.07')
    expect(formatMinor('-9007199254740993', 'USD')).toBe('−90,071,992,547,409.93')
  })

  it('shows what it cannot read instead of a wrong number', () => {
    expect(parseMinor('1e5')).toBeNull()
    expect(parseMinor('')).toBeNull()
    expect(formatMinor('12.5', 'USD')).toBe('12.5')
  })

  it('writes negative zero and small negatives with one sign', () => {
    expect(formatMinor('-0', 'EUR')).toBe('0.00')
    expect(formatMinor('-7', 'EUR')).toBe('−0.07')
    expect(formatMinor('-1000', 'JPY')).toBe('−1,000')
  })

  it('shortens headlines downwards only', () => {
    expect(formatShort('99999999', 'USD')).toBe('999,999.99')
    expect(formatShort('128999999', 'USD')).toBe('1.28 m')
    expect(formatShort('-250000000000', 'USD')).toBe('−2.50 bn')
  })

  it('adds each currency for itself', () => {
    const sums = sumByCurrency([usd('10'), usd('-3'), { amount_minor: '8', ccy: 'JPY' }])
    expect([...sums]).toEqual([['USD', 7n], ['JPY', 8n]])
  })

  it('calls two sets balanced only in one currency and to the last minor unit', () => {
    expect(balanceOf([], [])).toEqual({ kind: 'empty' })
    expect(balanceOf([usd('5')], [])).toEqual({ kind: 'one-sided' })
    expect(balanceOf([usd('5'), usd('6')], [usd('11')])).toEqual({ kind: 'balanced', ccy: 'USD' })
    expect(balanceOf([usd('5')], [usd('6')])).toEqual({ kind: 'off', ccy: 'USD', difference: -1n })
    expect(balanceOf([usd('5')], [{ amount_minor: '5', ccy: 'EUR' }])).toEqual({
      kind: 'mixed',
      currencies: ['EUR', 'USD'],
    })
  })
})
