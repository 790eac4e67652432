/** Folds the frames of a run into what the live view shows. Pure, so that a replay changes nothing. */
import type { Frame, RulePass, RunStats } from '../api/types'

export interface PassProgress {
  readonly name: string
  readonly state: 'waiting' | 'running' | 'done'
  /** Matches, confirmed and suggested, that this pass has found so far. */
  readonly found: number
}

export interface LiveRun {
  readonly passes: readonly PassProgress[]
  /** Rows walked, summed over the passes: with five passes a row counts five times. */
  readonly processed: number
  readonly total: number
  readonly matched: number
  readonly suggested: number
  readonly rowsPerSecond: number
  readonly etaMs: number | null
  readonly phase: 'waiting' | 'running' | 'done' | 'failed'
  readonly detail: string | null
  /** Matches found before the running pass began. */
  readonly before: number
}

/** What the server calls the time before the first pass. */
const LOADING = 'loading'

/** Before the first frame: the passes of the rule set, none begun. */
export function waitingRun(passes: readonly RulePass[]): LiveRun {
  return {
    passes: passes.map(({ name }) => ({ name, state: 'waiting', found: 0 })),
    processed: 0, total: 0, matched: 0, suggested: 0, rowsPerSecond: 0, etaMs: null,
    phase: 'waiting', detail: null, before: 0,
  }
}

/** A run that was over before anybody looked. */
export function finishedRun(stats: RunStats): LiveRun {
  const total = stats.left_rows + stats.right_rows
  return {
    passes: stats.passes.map((p) => ({ name: p.name, state: 'done', found: p.matches })),
    processed: total, total, matched: stats.confirmed, suggested: stats.suggested,
    rowsPerSecond: stats.rows_per_s, etaMs: 0, phase: 'done', detail: null, before: 0,
  }
}

/** The view after one more frame. `processed` never falls, whatever order frames arrive in. */
export function withFrame(live: LiveRun, frame: Frame): LiveRun {
  const total = Math.max(frame.total, live.total)
  const found = frame.matched + frame.suggested
  const next: LiveRun = {
    ...live,
    total,
    processed: Math.max(live.processed, Math.min(frame.processed, total)),
    matched: frame.matched,
    suggested: frame.suggested,
    rowsPerSecond: frame.rows_per_s,
    etaMs: frame.eta_ms,
    phase: frame.pass === LOADING ? 'waiting' : 'running',
  }
  if (frame.type === 'error') return { ...next, phase: 'failed', detail: frame.detail ?? null }
  if (frame.type === 'done') {
    return { ...next, phase: 'done', etaMs: 0, processed: total, passes: live.passes.map((p) => ({ ...p, state: 'done' })) }
  }
  const passes = withPass(live, frame, found)
  return { ...next, passes, before: frame.type === 'pass_done' ? found : live.before }
}

function withPass(live: LiveRun, frame: Frame, found: number): readonly PassProgress[] {
  const name = frame.pass
  if (!name || name === LOADING) return live.passes
  const state = frame.type === 'pass_done' ? 'done' : 'running'
  const mine: PassProgress = { name, state, found: Math.max(0, found - live.before) }
  const at = live.passes.findIndex((p) => p.name === name)
  if (at < 0) return [...live.passes, mine]
  // Passes run in order: one that has begun says that those before it are over.
  return live.passes.map((p, i) => (i === at ? mine : i < at && p.state !== 'done' ? { ...p, state: 'done' } : p))
}
