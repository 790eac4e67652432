import * as api from '../api/routes'
import type { CurrencyValue, Dashboard } from '../api/types'
import { Link } from '../app/router'
import { useCan } from '../app/session'
import { formatCount } from '../lib/format'
import { formatMinor, formatShort, parseMinor } from '../lib/money'
import { useResource } from '../lib/use-resource'
import { Card, Empty, ErrorNote, PageHead, Skeleton, Split } from '../ui/basics'
import { Icon } from '../ui/icons'
import { RunTable } from '../ui/run-bits'

export function DashboardScreen() {
  const { data, error, reload } = useResource('dashboard', api.dashboard)
  const may = useCan()
  return (
    <>
      <PageHead
        title="Dashboard"
        lead="Where the books stand after the last runs."
        actions={may('runs.start') && (
          <>
            <Link className="button button-plain" href="/upload"><Icon name="upload" /><span>Upload files</span></Link>
            <Link className="button button-primary" href="/runs/new"><Icon name="runs" /><span>Start a run</span></Link>
          </>
        )}
      />
      <ErrorNote error={error} onRetry={reload} />
      {!data && !error && <Skeleton lines={6} />}
      {data && data.runs === 0 && (
        <Card>
          <Empty icon="runs" title="Nothing has been reconciled yet">
            <p>{may('uploads.write') ? 'Upload a file for each side, then start the first run.' : 'The figures appear here after the first run.'}</p>
            {may('uploads.write') && <Link className="button button-primary" href="/upload"><Icon name="upload" /><span>Upload files</span></Link>}
          </Empty>
        </Card>
      )}
      {data && data.runs > 0 && <Figures data={data} />}
    </>
  )
}

function Figures({ data }: { data: Dashboard }) {
  return (
    <div className="dash">
      <Rate rate={data.match_rate} runs={data.runs} exceptions={data.exceptions_open} />
      <Card title="Value by currency" className="dash-value"><Values values={data.value} /></Card>
      <Card title="Open exceptions by age" className="dash-age"><Ageing buckets={data.ageing} /></Card>
      <Card title="Last runs" className="dash-runs" actions={<Link className="text-link" href="/runs">All runs</Link>}>
        <RunTable runs={data.last_runs} />
      </Card>
    </div>
  )
}

function Rate({ rate, runs, exceptions }: { rate: number | null; runs: number; exceptions: number }) {
  // Floored: 99.96 % must not read as 100 %.
  const tenths = rate === null ? null : Math.floor(rate * 1000)
  return (
    <section className="card hero" aria-label="Match rate">
      <p className="hero-name">Match rate</p>
      <p className="hero-figure" data-testid="match-rate">{tenths === null ? '–' : (tenths / 10).toFixed(1)}<span>%</span></p>
      {tenths !== null && <Split label="Match rate" segments={[{ label: 'matched', value: tenths, tone: 'matched' }, { label: 'open', value: 1000 - tenths, tone: 'unmatched' }]} />}
      <dl className="hero-facts">
        <div><dt>Runs</dt><dd>{formatCount(runs)}</dd></div>
        <div><dt>Open exceptions</dt><dd>{formatCount(exceptions)}</dd></div>
      </dl>
    </section>
  )
}

function Values({ values }: { values: readonly CurrencyValue[] }) {
  if (values.length === 0) return <p className="sub">No values yet.</p>
  return (
    <div className="table-wrap">
      <table className="table">
        <thead><tr><th scope="col">Currency</th><th scope="col" className="right">Matched</th><th scope="col" className="right">Open</th><th scope="col" className="wide">Share</th></tr></thead>
        <tbody>
          {values.map((v) => (
            <tr key={v.ccy}>
              <th scope="row">{v.ccy}</th>
              <td className="right num" title={formatMinor(v.matched_minor, v.ccy)}>{formatShort(v.matched_minor, v.ccy)}</td>
              <td className="right num" title={formatMinor(v.unreconciled_minor, v.ccy)}>{formatShort(v.unreconciled_minor, v.ccy)}</td>
              <td className="wide"><ValueBar value={v} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function ValueBar({ value }: { value: CurrencyValue }) {
  const matched = parseMinor(value.matched_minor) ?? 0n
  const all = matched + (parseMinor(value.unreconciled_minor) ?? 0n)
  // Thousandths are small enough to leave bigint without losing anything.
  const share = all === 0n ? 0 : Number((matched * 1000n) / all)
  return <Split label={value.ccy} segments={[{ label: 'matched', value: share, tone: 'matched' }, { label: 'open', value: 1000 - share, tone: 'unmatched' }]} />
}

function Ageing({ buckets }: { buckets: Dashboard['ageing'] }) {
  const most = Math.max(1, ...buckets.map((b) => b.count))
  return (
    <ul className="ageing">
      {buckets.map((b) => (
        <li key={b.bucket}>
          <span className="ageing-name">{b.bucket} days</span>
          <svg className="ageing-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect className="split-ground" width="100" height="10" /><rect className="split-suggested" width={(b.count / most) * 100} height="10" /></svg>
          <span className="num">{formatCount(b.count)}</span>
        </li>
      ))}
    </ul>
  )
}
