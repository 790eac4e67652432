/** How runs are named and summed up wherever they are listed. */
import type { Run, RunStatus, StateCounts } from '../api/types'
import { Link } from '../app/router'
import { formatCount, formatDuration, formatInstant, formatShare } from '../lib/format'
import { Badge, Split, type Tone } from './basics'

const STATUS: Readonly<Record<RunStatus, { name: string; tone: Tone }>> = {
  created: { name: 'Queued', tone: 'quiet' },
  matching: { name: 'Matching', tone: 'info' },
  review: { name: 'In review', tone: 'warn' },
  certified: { name: 'Certified', tone: 'good' },
  failed: { name: 'Failed', tone: 'bad' },
  cancelled: { name: 'Cancelled', tone: 'quiet' },
}

export function RunBadge({ status }: { status: RunStatus }) {
  const { name, tone } = STATUS[status]
  return <Badge tone={tone}>{name}</Badge>
}

export function isLive(run: Run): boolean {
  return run.status === 'created' || run.status === 'matching'
}

export function runTitle(run: Run): string {
  return `${run.left.name} against ${run.right.name}`
}

/** Rows of both sides in each state. */
export function bothSides(run: Run): StateCounts | null {
  const stats = run.stats
  if (!stats) return null
  const add = (key: keyof StateCounts) => stats.left[key] + stats.right[key]
  return { matched: add('matched'), suggested: add('suggested'), duplicate: add('duplicate'), unmatched: add('unmatched') }
}

export function segmentsOf(counts: StateCounts) {
  return [
    { label: 'matched', value: counts.matched, tone: 'matched' as const },
    { label: 'suggested', value: counts.suggested, tone: 'suggested' as const },
    { label: 'duplicate', value: counts.duplicate, tone: 'duplicate' as const },
    { label: 'unmatched', value: counts.unmatched, tone: 'unmatched' as const },
  ]
}

/** Runs as a table; the title of each is the way in. */
export function RunTable({ runs }: { runs: readonly Run[] }) {
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr><th scope="col">Run</th><th scope="col">Status</th><th scope="col" className="wide">Rows by state</th><th scope="col" className="right">Matched</th><th scope="col" className="right">Open</th><th scope="col" className="right">Took</th></tr>
        </thead>
        <tbody>
          {runs.map((run) => {
            const counts = bothSides(run)
            const all = run.stats ? run.stats.left_rows + run.stats.right_rows : 0
            return (
              <tr key={run.id}>
                <td>
                  <Link className="row-link" href={`/runs/${run.id}`}>{runTitle(run)}</Link>
                  <p className="sub">{formatInstant(run.created_at)} · {run.created_by}{run.dry_run && ' · dry run'}</p>
                </td>
                <td><RunBadge status={run.status} /></td>
                <td className="wide">{counts ? <Split label={runTitle(run)} segments={segmentsOf(counts)} /> : <span className="sub">{run.error ?? '–'}</span>}</td>
                <td className="right num">{counts ? formatShare(counts.matched, all) : '–'}</td>
                <td className="right num">{counts ? formatCount(counts.unmatched + counts.suggested + counts.duplicate) : '–'}</td>
                <td className="right num">{run.stats ? formatDuration(run.stats.duration_ms) : '–'}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
