import * as api from '../api/routes'
import type { Run } from '../api/types'
import { Link } from '../app/router'
import { useCan } from '../app/session'
import { usePaged } from '../lib/use-paged'
import { Button, Card, Empty, ErrorNote, PageHead, Skeleton } from '../ui/basics'
import { Icon } from '../ui/icons'
import { RunTable } from '../ui/run-bits'

/** A screenful; the button below asks for the next. */
const PAGE = 25

export function RunsScreen() {
  const may = useCan()
  const runs = usePaged<Run>('runs', (cursor, signal) => api.runs({ cursor, limit: PAGE }, signal))
  return (
    <>
      <PageHead
        title="Runs"
        lead="Each run pairs the rows of two sources under one rule set."
        actions={may('runs.start') && <Link className="button button-primary" href="/runs/new"><Icon name="plus" /><span>Start a run</span></Link>}
      />
      <ErrorNote error={runs.error} onRetry={runs.reload} />
      {runs.rows.length === 0 && runs.loading && <Skeleton lines={6} />}
      {runs.rows.length === 0 && runs.complete && <Card><Empty icon="runs" title="No runs yet"><p>The first run appears here as soon as it starts.</p></Empty></Card>}
      {runs.rows.length > 0 && (
        <Card>
          <RunTable runs={runs.rows} />
          {!runs.complete && <div className="more"><Button busy={runs.loading} onClick={() => runs.need(runs.rows.length + 1)}>Show more</Button></div>}
        </Card>
      )}
    </>
  )
}
