import { describe, expect, it } from 'vitest'
import type { Frame } from '../api/types'
import { waitingRun, withFrame } from './progress'

const passes = ['exact', 'tolerance'].map((name) => ({ name, kind: 'one_to_one', outcome: 'confirmed' }))
const frame = (over: Partial<Frame>): Frame => ({
  seq: 1, type: 'progress', pass: 'exact', processed: 0, total: 100, matched: 0, suggested: 0,
  rows_per_s: 10, eta_ms: 5, ...over,
})

describe('the live view of a run', () => {
  it('counts for each pass what it found itself', () => {
    let live = waitingRun(passes)
    live = withFrame(live, frame({ processed: 40, matched: 30 }))
    live = withFrame(live, frame({ type: 'pass_done', processed: 50, matched: 40 }))
    live = withFrame(live, frame({ pass: 'tolerance', processed: 80, matched: 42, suggested: 3 }))
    expect(live.passes).toEqual([
      { name: 'exact', state: 'done', found: 40 },
      { name: 'tolerance', state: 'running', found: 5 },
    ])
  })

  it('never lets the bar go back', () => {
    const live = withFrame(withFrame(waitingRun(passes), frame({ processed: 60 })), frame({ processed: 20 }))
    expect(live.processed).toBe(60)
  })

  it('takes a later pass as the end of those before it, even if a frame was lost', () => {
    const live = withFrame(withFrame(waitingRun(passes), frame({})), frame({ pass: 'tolerance' }))
    expect(live.passes[0]?.state).toBe('done')
  })

  it('ends with every pass done, or with the reason of the failure', () => {
    const done = withFrame(waitingRun(passes), frame({ type: 'done', pass: null, processed: 90 }))
    expect(done.phase).toBe('done')
    expect(done.processed).toBe(100)
    expect(done.passes.every((p) => p.state === 'done')).toBe(true)
    const failed = withFrame(waitingRun(passes), frame({ type: 'error', detail: 'out of disk' }))
    expect([failed.phase, failed.detail]).toEqual(['failed', 'out of disk'])
  })

  it('does not take the loading of rows for a pass', () => {
    const live = withFrame(waitingRun(passes), frame({ pass: 'loading', total: 0 }))
    expect(live.phase).toBe('waiting')
    expect(live.passes.map((p) => p.name)).toEqual(['exact', 'tolerance'])
  })

  it('shows a pass that the rule set did not announce', () => {
    expect(withFrame(waitingRun([]), frame({ pass: 'extra' })).passes[0]?.name).toBe('extra')
  })
})
