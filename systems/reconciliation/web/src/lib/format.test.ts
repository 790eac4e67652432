import { describe, expect, it } from 'vitest'
import { formatBytes, formatDate, formatDay, formatDuration, formatShare, humanise, plural } from './format'

describe('figures in words', () => {
  it('never rounds a share up to all or down to nothing', () => {
    expect(formatShare(99_999, 100_000)).toBe('99.9 %')
    expect(formatShare(1, 100_000)).toBe('0.1 %')
    expect(formatShare(100, 100)).toBe('100.0 %')
    expect(formatShare(0, 100)).toBe('0.0 %')
    expect(formatShare(0, 0)).toBe('–')
  })

  it('writes durations in the unit a person would use', () => {
    expect(formatDuration(850)).toBe('850 ms')
    expect(formatDuration(12_345)).toBe('12.3 s')
    expect(formatDuration(245_000)).toBe('4 min 05 s')
    expect(formatDuration(Number.NaN)).toBe('–')
  })

  it('does not move a date across time zones', () => {
    expect(formatDate('2026-01-31')).toBe('31 Jan 2026')
    expect(formatDate('not a date')).toBe('not a date')
    expect(formatDate(null)).toBe('–')
    expect(formatDay('2026-01-31')).toBe('31 Jan 26')
  })

  it('counts, sizes and names', () => {
    expect(plural(1, 'row')).toBe('1 row')
    expect(plural(2500, 'match', 'matches')).toBe('2,500 matches')
    expect(formatBytes(1_400)).toBe('1.4 KB')
    expect(humanise('missing_in_left')).toBe('Missing in left')
  })
})
