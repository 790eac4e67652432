import { useEffect, useReducer, useRef, useState } from 'react'
import * as api from '../api/routes'
import { watchRun } from '../api/socket'
import type { Frame, RulePass, Run } from '../api/types'
import { formatCount, formatDuration, formatShare } from '../lib/format'
import { waitingRun, withFrame, type LiveRun, type PassProgress } from '../lib/progress'
import { Card, Note, Progress } from '../ui/basics'
import { Icon } from '../ui/icons'

/** When the stream says nothing (a lost server), the run itself is asked this often. */
const ASK_AGAIN_MS = 5_000

/** The last state stays in sight for a moment, so that the end of a quick run can be seen. */
const LINGER_MS = 1_200

type Event = { frame: Frame } | { passes: readonly RulePass[] }

function step(live: LiveRun, event: Event): LiveRun {
  if ('frame' in event) return withFrame(live, event.frame)
  return live.phase === 'waiting' ? waitingRun(event.passes) : live
}

/** Follows the run by WebSocket and says when it has begun and when it is over. */
export function LiveView({ run, onBegin, onEnd }: { run: Run; onBegin: () => void; onEnd: () => void }) {
  const [live, dispatch] = useReducer(step, [], waitingRun)
  const [connected, setConnected] = useState(true)
  const end = useRef(onEnd)
  end.current = onEnd
  const begun = live.phase !== 'waiting'
  useEffect(() => {
    if (begun && run.status === 'created') onBegin()
  }, [begun, run.status, onBegin])
  const ruleSetId = run.rule_set.id

  useEffect(() => {
    let linger: ReturnType<typeof setTimeout> | undefined
    const abort = new AbortController()
    // The names of the passes to come are a nicety: without them bars appear as passes begin.
    api.rules(abort.signal).then(
      ({ items }) => dispatch({ passes: items.find((r) => r.id === ruleSetId)?.passes ?? [] }),
      () => undefined,
    )
    const stop = watchRun(run.id, {
      onFrame: (frame) => dispatch({ frame }),
      onConnection: setConnected,
      onEnd: () => { linger = setTimeout(() => end.current(), LINGER_MS) },
    })
    const ask = setInterval(() => {
      api.run(run.id, abort.signal).then(
        (now) => { if (now.status !== 'created' && now.status !== 'matching') end.current() },
        () => undefined,
      )
    }, ASK_AGAIN_MS)
    return () => {
      abort.abort()
      stop()
      clearTimeout(linger)
      clearInterval(ask)
    }
  }, [run.id, ruleSetId])

  return (
    <div className="live" data-testid="live" data-phase={live.phase}>
      {!connected && <Note tone="warn" title="The live connection is lost">Trying again. The run itself goes on.</Note>}
      <Card>
        <div className="live-head">
          <p className="live-share num">{live.total > 0 ? formatShare(live.processed, live.total) : '–'}</p>
          <p className="sub">{headline(live)}</p>
          {live.total > 0 ? <Progress label="Rows processed" value={live.processed} max={live.total} /> : <Progress label="Preparing" />}
        </div>
        <dl className="live-facts">
          <div><dt>Rows walked</dt><dd>{formatCount(live.processed)} <small>of {formatCount(live.total)}</small></dd></div>
          <div><dt>Confirmed</dt><dd>{formatCount(live.matched)}</dd></div>
          <div><dt>Suggested</dt><dd>{formatCount(live.suggested)}</dd></div>
          <div><dt>Rows per second</dt><dd>{formatCount(live.rowsPerSecond)}</dd></div>
          <div><dt>Time left</dt><dd>{live.etaMs === null ? '–' : live.etaMs < 1_000 ? 'under 1 s' : formatDuration(live.etaMs)}</dd></div>
        </dl>
      </Card>
      <Card title="Passes"><PassBars passes={live.passes} rows={live.total / Math.max(1, live.passes.length)} /></Card>
    </div>
  )
}

function headline(live: LiveRun): string {
  if (live.phase === 'waiting') return 'Loading the rows of both sides…'
  if (live.phase === 'done') return 'Done. Opening the result…'
  if (live.phase === 'failed') return live.detail ?? 'The run failed.'
  const now = live.passes.find((p) => p.state === 'running')
  return now ? `Pass: ${now.name}` : 'Preparing the next pass…'
}

/** One lane for each pass. A full lane would pair every row: two rows make a match. */
export function PassBars({ passes, rows }: { passes: readonly PassProgress[]; rows: number }) {
  const most = Math.max(1, rows / 2, ...passes.map((p) => p.found))
  if (passes.length === 0) return <p className="sub">The passes appear as they begin.</p>
  return (
    <ol className="lanes">
      {passes.map((pass) => (
        <li key={pass.name} className={`lane lane-${pass.state}`}>
          <span className="lane-state"><Icon name={pass.state === 'done' ? 'check' : pass.state === 'running' ? 'arrow' : 'dot'} /></span>
          <span className="lane-name">{pass.name}<span className="sr-only">, {pass.state}</span></span>
          <svg className="lane-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
            <rect className="split-ground" width="1000" height="10" />
            <rect className="lane-fill" width={pass.found === 0 ? 0 : Math.max(4, (pass.found / most) * 1000)} height="10" />
          </svg>
          <span className="lane-found num">{pass.state === 'waiting' ? '–' : formatCount(pass.found)}</span>
        </li>
      ))}
    </ol>
  )
}
