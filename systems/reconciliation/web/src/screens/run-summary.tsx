import type { Run, RunStats, Side, StateCounts } from '../api/types'
import { Link } from '../app/router'
import { formatCount, formatDuration, formatShare } from '../lib/format'
import { formatMinor } from '../lib/money'
import { finishedRun } from '../lib/progress'
import { Card, Split, StateBadge } from '../ui/basics'
import { Icon } from '../ui/icons'
import { segmentsOf } from '../ui/run-bits'
import { PassBars } from './run-live'

/** The result of a run on one page: every row in one state, on both sides. */
export function Summary({ run, stats }: { run: Run; stats: RunStats }) {
  return (
    <div className="summary" data-testid="summary">
      <div className="pair">
        <SideCard side="left" name={run.left.name} rows={stats.left_rows} counts={stats.left} />
        <SideCard side="right" name={run.right.name} rows={stats.right_rows} counts={stats.right} />
      </div>
      {!run.dry_run && (
        <div className="next-step">
          <p><strong>{formatCount(stats.matches)} matches</strong> in {formatDuration(stats.duration_ms)}, {formatCount(stats.rows_per_s)} rows per second. {stats.suggested > 0 ? `${formatCount(stats.suggested)} wait for a decision.` : 'None waits for a decision.'}</p>
          <Link className="button button-primary" href={`/runs/${run.id}/workspace`}><span>Open workspace</span><Icon name="arrow" /></Link>
        </div>
      )}
      <div className="pair">
        <Card title="Found by pass"><PassBars passes={finishedRun(stats).passes} rows={stats.left_rows + stats.right_rows} /></Card>
        <Card title="Value by currency"><ValueTable stats={stats} /></Card>
      </div>
    </div>
  )
}

function SideCard({ side, name, rows, counts }: { side: Side; name: string; rows: number; counts: StateCounts }) {
  const segments = segmentsOf(counts)
  return (
    <Card className={`side-card side-card-${side}`} title={<><span className={`side-dot side-dot-${side}`} />{name}</>} actions={<span className="sub num">{formatCount(rows)} rows</span>}>
      <Split label={name} segments={segments} />
      <dl className="state-counts">
        {segments.map((s) => (
          <div key={s.tone}>
            <dt><StateBadge state={s.tone} /></dt>
            <dd data-testid={`${side}-${s.tone}`}>{formatCount(s.value)}<small>{formatShare(s.value, rows)}</small></dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

function ValueTable({ stats }: { stats: RunStats }) {
  return (
    <div className="table-wrap">
      <table className="table">
        <thead><tr><th scope="col">Currency</th><th scope="col" className="right">Matched</th><th scope="col" className="right">Open</th></tr></thead>
        <tbody>
          {stats.by_ccy.map((v) => (
            <tr key={v.ccy}>
              <th scope="row">{v.ccy}</th>
              <td className="right num">{formatMinor(v.matched_minor, v.ccy)}</td>
              <td className="right num">{formatMinor(v.unreconciled_minor, v.ccy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
