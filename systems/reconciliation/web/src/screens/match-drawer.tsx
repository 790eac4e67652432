import { useState } from 'react'
import * as api from '../api/routes'
import type { Match, Run, Txn } from '../api/types'
import { useCan, useUser } from '../app/session'
import { reasonsOf, type Reason } from '../lib/evidence'
import { formatDate, humanise } from '../lib/format'
import { formatMinor, formatMoney, parseMinor } from '../lib/money'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Badge, Button, ErrorNote, Note, Skeleton } from '../ui/basics'
import { Dialog } from '../ui/dialog'
import { Icon } from '../ui/icons'
import { ReasonDialog } from '../ui/reason-dialog'
import { useToast } from '../ui/toast'

interface MatchDrawerProps {
  id: string
  run: Run
  onClose: () => void
  onChange: () => void
  /** Goes to another match. */
  onOpen: (id: string) => void
}

/** One match: its rows, why they were put together, and what may be done about it. */
export function MatchDrawer({ id, run, onClose, onChange, onOpen }: MatchDrawerProps) {
  const match = useResource(`match ${id}`, (signal) => api.match(id, signal))
  const changed = (now: Match) => {
    match.set(now)
    onChange()
  }
  return (
    <Dialog as="drawer" title="Match" onClose={onClose} footer={match.data && run.status === 'review' && <MatchActions match={match.data} onChange={changed} onOpen={onOpen} />}>
      <ErrorNote error={match.error} onRetry={match.reload} />
      {!match.data && !match.error && <Skeleton lines={8} />}
      {match.data && <MatchDetail match={match.data} run={run} />}
    </Dialog>
  )
}

const STATUS = {
  confirmed: { tone: 'good', icon: 'check', name: 'Confirmed' },
  suggested: { tone: 'warn', icon: 'question', name: 'Suggested' },
  rejected: { tone: 'bad', icon: 'cross', name: 'Rejected' },
} as const

function MatchDetail({ match, run }: { match: Match; run: Run }) {
  const status = STATUS[match.status]
  const reasons = reasonsOf(match)
  const off = parseMinor(match.variance_minor) !== 0n
  return (
    <div className="stack" data-testid="match-detail">
      <div className="match-line">
        <Badge tone={status.tone} icon={status.icon}>{status.name}</Badge>
        <Badge>{humanise(match.kind)}</Badge>
        {match.pass && <Badge>{match.pass}</Badge>}
        {match.score !== null && <span className="sub num">Score {Math.floor(match.score * 100) / 100}</span>}
      </div>
      {match.ambiguous && <Note tone="warn" title="More than one partner fits">Look at the evidence before confirming.</Note>}
      <div className="match-sides">
        <Lines side="left" name={run.left.name} rows={match.left} />
        <Lines side="right" name={run.right.name} rows={match.right} />
      </div>
      <dl className="match-sums">
        <div><dt>{run.left.name}</dt><dd className="num">{formatMoney(match.left_sum, match.ccy)}</dd></div>
        <div><dt>{run.right.name}</dt><dd className="num">{formatMoney(match.right_sum, match.ccy)}</dd></div>
        <div className={off ? 'is-off' : 'is-even'}><dt>Difference</dt><dd className="num">{formatMoney(match.variance_minor, match.ccy)}</dd></div>
      </dl>
      <section>
        <h3>Why</h3>
        <p className="why">{why(match)}</p>
        {reasons.length > 0 && <ReasonTable reasons={reasons} />}
      </section>
      <dl className="facts">
        {match.created_by && <div><dt>Proposed by</dt><dd>{match.created_by}</dd></div>}
        {match.confirmed_by && <div><dt>Confirmed by</dt><dd>{match.confirmed_by}</dd></div>}
        {match.reason && <div><dt>Reason</dt><dd>{match.reason}</dd></div>}
      </dl>
    </div>
  )
}

function why(match: Match): string {
  if (match.kind === 'manual') return 'Put together by hand.'
  const pass = match.pass ? `the pass “${match.pass}”` : 'a pass'
  return match.ambiguous ? `Found by ${pass}, which saw more than one candidate.` : `Found by ${pass}.`
}

function Lines({ side, name, rows }: { side: 'left' | 'right'; name: string; rows: readonly Txn[] }) {
  return (
    <section className={`match-side match-${side}`}>
      <h3><span className={`side-dot side-dot-${side}`} />{name}</h3>
      {rows.map((row) => (
        <article key={row.txn_id} className="slip">
          <p className="slip-amount num">{formatMinor(row.amount_minor, row.ccy)}<small>{row.ccy}</small></p>
          <dl>
            <div><dt>Booked</dt><dd>{formatDate(row.booking_date)}</dd></div>
            <div><dt>Reference</dt><dd>{row.reference || '–'}</dd></div>
            <div><dt>Party</dt><dd>{row.counterparty || '–'}</dd></div>
            {row.description && <div><dt>Text</dt><dd>{row.description}</dd></div>}
            <div><dt>Row</dt><dd><code>{row.ext_id ?? row.txn_id}</code></dd></div>
          </dl>
        </article>
      ))}
    </section>
  )
}

function ReasonTable({ reasons }: { reasons: readonly Reason[] }) {
  return (
    <div className="table-wrap">
      <table className="table evidence" data-testid="evidence">
        <thead><tr><th scope="col">Compared</th><th scope="col">Left</th><th scope="col">Right</th><th scope="col">Difference</th><th scope="col"><span className="sr-only">Passed</span></th></tr></thead>
        <tbody>
          {reasons.map((r) => (
            <tr key={r.name}>
              <th scope="row">{r.name}</th>
              <td>{r.left}</td>
              <td>{r.right}</td>
              <td className="num">{r.difference}</td>
              <td><Verdict passed={r.passed} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Verdict({ passed }: { passed: boolean | null }) {
  if (passed === null) return <span className="sr-only">decided nothing</span>
  return passed
    ? <span className="yes"><Icon name="check" /><span className="sr-only">passed</span></span>
    : <span className="no"><Icon name="cross" /><span className="sr-only">failed</span></span>
}

interface MatchActionsProps {
  match: Match
  onChange: (match: Match) => void
  onOpen: (id: string) => void
}

function MatchActions({ match, onChange, onOpen }: MatchActionsProps) {
  const may = useCan()
  const user = useUser()
  const say = useToast()
  const [asking, setAsking] = useState<'reject' | 'unmatch' | null>(null)
  const confirm = useAction(async () => {
    onChange(await api.confirmMatch(match.id))
    say('Confirmed.')
  })
  const reject = async (reason: string) => {
    onChange(asking === 'unmatch' ? await api.unmatch(match.id, reason) : await api.rejectMatch(match.id, reason))
    say('The rows are free again.')
    setAsking(null)
  }
  const next = useAction(async () => {
    const { items } = await api.matches(match.run_id, { status: 'suggested', limit: 1 })
    if (items[0]) onOpen(items[0].id)
    else say('No suggestion is left to decide.')
  })
  const own = match.created_by === user.email
  const decides = match.status === 'suggested' && may('matches.confirm')
  const unmatches = match.status === 'confirmed' && may('matches.propose')
  const decided = match.status !== 'suggested' && may('matches.confirm')
  if (!decides && !unmatches && !decided) return null
  return (
    <>
      <ErrorNote error={confirm.error ?? next.error} />
      {decides && own && <p className="sub">You proposed this: somebody else has to confirm it.</p>}
      {decides && <Button look="danger" icon="cross" onClick={() => setAsking('reject')}>Reject</Button>}
      {decides && !own && <Button look="primary" icon="check" busy={confirm.busy} onClick={() => void confirm.run()}>Confirm</Button>}
      {unmatches && <Button look="danger" icon="unlink" onClick={() => setAsking('unmatch')}>Unmatch</Button>}
      {decided && <Button icon="arrow" busy={next.busy} onClick={() => void next.run()}>Next suggestion</Button>}
      {asking && (
        <ReasonDialog title={asking === 'reject' ? 'Reject this match' : 'Take this match apart'} verb={asking === 'reject' ? 'Reject' : 'Unmatch'} onClose={() => setAsking(null)} onSubmit={reject}>
          <p>Its rows become unmatched and can be matched otherwise.</p>
        </ReasonDialog>
      )}
    </>
  )
}
