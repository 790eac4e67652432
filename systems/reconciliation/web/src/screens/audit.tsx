import { useState } from 'react'
import * as api from '../api/routes'
import type { AuditEvent, AuditVerdict } from '../api/types'
import { useCan } from '../app/session'
import { formatCount, formatInstant } from '../lib/format'
import { roleName } from '../lib/permissions'
import { useAction } from '../lib/use-action'
import { usePaged } from '../lib/use-paged'
import { Button, Card, Empty, ErrorNote, Note, PageHead, Skeleton } from '../ui/basics'

const ENTITIES = ['run', 'match', 'exception', 'upload', 'source', 'user', 'session']

/** A screenful; the button asks for more. */
const PAGE = 50

export function AuditScreen() {
  const may = useCan()
  const [entity, setEntity] = useState('')
  const [verdict, setVerdict] = useState<AuditVerdict | null>(null)
  const events = usePaged<AuditEvent>(`audit ${entity}`, (cursor, signal) => api.audit({ entity, cursor, limit: PAGE }, signal))
  const verify = useAction(async () => setVerdict(await api.verifyAudit()))
  if (!may('audit.read')) return <Card><Empty icon="lock" title="The audit trail is for auditors and approvers" /></Card>
  return (
    <>
      <PageHead
        title="Audit"
        lead="Every change, in order, each entry sealed by the hash of the one before."
        actions={may('audit.verify') && <Button look="primary" icon="audit" busy={verify.busy} onClick={() => void verify.run()}>Verify the chain</Button>}
      />
      <ErrorNote error={verify.error ?? events.error} onRetry={events.reload} />
      {verdict && <Verdict verdict={verdict} />}
      <Card actions={
        <label className="choice">
          <span>About</span>
          <select value={entity} onChange={(e) => setEntity(e.target.value)}>
            <option value="">Everything</option>
            {ENTITIES.map((e) => <option key={e}>{e}</option>)}
          </select>
        </label>
      } title="Events">
        {events.rows.length === 0 && events.loading && <Skeleton lines={6} />}
        {events.rows.length === 0 && events.complete && <Empty icon="audit" title="No events" />}
        {events.rows.length > 0 && <EventTable events={events.rows} />}
        {!events.complete && events.rows.length > 0 && <div className="more"><Button busy={events.loading} onClick={() => events.need(events.rows.length + 1)}>Show more</Button></div>}
      </Card>
    </>
  )
}

function Verdict({ verdict }: { verdict: AuditVerdict }) {
  return verdict.ok
    ? <Note tone="good" title={`The chain of ${formatCount(verdict.events)} events is whole`}>Head <code>{verdict.head.slice(0, 16)}…</code></Note>
    : <Note tone="warn" title={`The chain is broken at event ${verdict.first_broken_seq ?? '?'}`}>An entry was changed after it was written.</Note>
}

function EventTable({ events }: { events: readonly AuditEvent[] }) {
  return (
    <div className="table-wrap">
      <table className="table">
        <thead><tr><th scope="col" className="right">No.</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Change</th><th scope="col">Seal</th></tr></thead>
        <tbody>
          {events.map((e) => (
            <tr key={e.seq}>
              <td className="right num">{e.seq}</td>
              <td className="num">{formatInstant(e.at)}</td>
              <td>{e.actor}<p className="sub">{roleName(e.role)}</p></td>
              <td><code>{e.action}</code><p className="sub">{e.entity}</p></td>
              <td className="wide">{change(e)}</td>
              <td><code title={e.hash}>{e.hash.slice(0, 8)}</code></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function change(event: AuditEvent) {
  if (event.before === null && event.after === null) return <span className="sub">–</span>
  return (
    <details className="change">
      <summary>Show</summary>
      <pre tabIndex={0}>{JSON.stringify({ before: event.before, after: event.after }, null, 2)}</pre>
    </details>
  )
}
