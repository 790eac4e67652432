import { useCallback, useState } from 'react'
import * as api from '../api/routes'
import type { Run } from '../api/types'
import { Link } from '../app/router'
import { useCan } from '../app/session'
import { formatCount, formatDate, formatInstant } from '../lib/format'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Button, Card, Empty, ErrorNote, Note, PageHead, Skeleton } from '../ui/basics'
import { ReasonDialog } from '../ui/reason-dialog'
import { isLive, RunBadge, runTitle } from '../ui/run-bits'
import { useToast } from '../ui/toast'
import { ExceptionList } from './exceptions'
import { ExportTab } from './export'
import { LiveView } from './run-live'
import { Summary } from './run-summary'
import { Workspace } from './workspace'

type Tab = 'overview' | 'workspace' | 'exceptions' | 'export'

export function RunScreen({ id, tab }: { id: string; tab: Tab }) {
  const run = useResource(`run ${id}`, (signal) => api.run(id, signal))
  if (!run.data) {
    return (
      <>
        <PageHead title="Run" back={<Link href="/runs">Runs</Link>} />
        {run.error ? <ErrorNote error={run.error} onRetry={run.reload} /> : <Skeleton lines={6} />}
      </>
    )
  }
  return <RunPage run={run.data} tab={tab} reload={run.reload} set={run.set} />
}

function RunPage({ run, tab, reload, set }: { run: Run; tab: Tab; reload: () => void; set: (run: Run) => void }) {
  const live = isLive(run)
  const hasRows = run.stats !== null && !run.dry_run
  return (
    // A long table has to end with the window: without a height it would draw every row.
    <div className={tab === 'workspace' || tab === 'exceptions' ? 'run-page fills' : 'run-page'}>
      <PageHead
        title={<>{runTitle(run)} <RunBadge status={run.status} /></>}
        lead={<>{run.rule_set.name}, version {run.rule_set.version} · {windowOf(run)} · started {formatInstant(run.created_at)} by {run.created_by}{run.dry_run && ' · dry run'}</>}
        back={<Link href="/runs">Runs</Link>}
        actions={<RunActions run={run} onChange={set} />}
      />
      <nav className="tabs" aria-label="Parts of this run">
        <TabLink run={run} tab="overview" now={tab} name="Overview" />
        {hasRows && <TabLink run={run} tab="workspace" now={tab} name="Workspace" />}
        {hasRows && <TabLink run={run} tab="exceptions" now={tab} name="Exceptions" count={run.stats?.exceptions_open ?? 0} />}
        {hasRows && <TabLink run={run} tab="export" now={tab} name="Export" />}
      </nav>
      {tab === 'overview' && (live ? <LiveView run={run} onBegin={() => set({ ...run, status: 'matching' })} onEnd={reload} /> : <Overview run={run} />)}
      {tab !== 'overview' && !hasRows && <Card><Empty icon="runs" title={live ? 'This run is still going on' : 'This run has no rows to show'} /></Card>}
      {tab === 'workspace' && hasRows && <Workspace run={run} onChange={reload} />}
      {tab === 'exceptions' && hasRows && <ExceptionList runId={run.id} total={run.stats?.exceptions_open ?? 0} />}
      {tab === 'export' && hasRows && <ExportTab run={run} />}
    </div>
  )
}

function Overview({ run }: { run: Run }) {
  return (
    <>
      {run.status === 'failed' && <Note tone="warn" title="The run failed"><p>{run.error ?? 'The server gave no reason.'}</p></Note>}
      {run.status === 'cancelled' && <Note title="The run was cancelled">Nothing of it was kept.</Note>}
      {run.stats && <Summary run={run} stats={run.stats} />}
    </>
  )
}

function windowOf(run: Run): string {
  if (!run.from && !run.to) return 'all dates'
  return `${run.from ? formatDate(run.from) : 'the first row'} to ${run.to ? formatDate(run.to) : 'the last row'}`
}

function TabLink({ run, tab, now, name, count }: { run: Run; tab: Tab; now: Tab; name: string; count?: number }) {
  const href = tab === 'overview' ? `/runs/${run.id}` : `/runs/${run.id}/${tab}`
  return (
    <Link href={href} aria-current={tab === now ? 'page' : undefined}>
      {name}{count !== undefined && <span className="tab-count">{formatCount(count)}</span>}
    </Link>
  )
}

function RunActions({ run, onChange }: { run: Run; onChange: (run: Run) => void }) {
  const may = useCan()
  const say = useToast()
  const [reopening, setReopening] = useState(false)
  const cancel = useAction(async () => onChange(await api.cancelRun(run.id)))
  const certify = useAction(async () => {
    onChange(await api.certifyRun(run.id))
    say('The run is certified.')
  })
  const reopen = useCallback(async (reason: string) => {
    onChange(await api.reopenRun(run.id, reason))
    setReopening(false)
  }, [run.id, onChange])
  return (
    <>
      {isLive(run) && may('runs.start') && <Button busy={cancel.busy} icon="cross" onClick={() => void cancel.run()}>Cancel run</Button>}
      {run.status === 'review' && !run.dry_run && may('runs.certify') && <Button look="primary" icon="audit" busy={certify.busy} onClick={() => void certify.run()}>Certify</Button>}
      {run.status === 'certified' && may('runs.reopen') && <Button icon="reload" onClick={() => setReopening(true)}>Re-open</Button>}
      <ErrorNote error={cancel.error ?? certify.error} />
      {reopening && <ReasonDialog title="Re-open this run" verb="Re-open" onClose={() => setReopening(false)} onSubmit={reopen} />}
    </>
  )
}
