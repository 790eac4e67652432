import { useDeferredValue, useState } from 'react'
import * as api from '../api/routes'
import type { ExceptionItem } from '../api/types'
import { formatCount, formatDay, humanise } from '../lib/format'
import { formatMinor } from '../lib/money'
import { usePaged } from '../lib/use-paged'
import { Badge, Empty, ErrorNote, PageHead, SearchField, type Tone } from '../ui/basics'
import { Grid, type Column } from '../ui/grid'
import { ExceptionDrawer } from './exception-drawer'

export function ExceptionsScreen() {
  return (
    <div className="run-page fills">
      <PageHead title="Exceptions" lead="Rows of all runs that still need somebody's decision." />
      <ExceptionList runId={null} total={null} />
    </div>
  )
}

const STATUS: Readonly<Record<ExceptionItem['status'], { name: string; tone: Tone }>> = {
  open: { name: 'Open', tone: 'bad' },
  assigned: { name: 'Assigned', tone: 'info' },
  proposed: { name: 'Proposed', tone: 'warn' },
  closed: { name: 'Closed', tone: 'good' },
}

export function ExceptionStatus({ status }: { status: ExceptionItem['status'] }) {
  return <Badge tone={STATUS[status].tone}>{STATUS[status].name}</Badge>
}

const REASONS = ['missing_in_left', 'missing_in_right', 'amount_variance', 'date_variance', 'ambiguous', 'duplicate', 'unknown']

const COLUMNS: readonly Column<ExceptionItem>[] = [
  { key: 'status', title: 'Status', render: (e) => <ExceptionStatus status={e.status} /> },
  { key: 'reason', title: 'Reason', render: (e) => humanise(e.reason_code) },
  { key: 'side', title: 'Side', render: (e) => <><span className={`side-dot side-dot-${e.side}`} />{humanise(e.side)}</> },
  { key: 'date', title: 'Booked', render: (e) => formatDay(e.txn.booking_date) },
  { key: 'reference', title: 'Reference', render: (e) => e.txn.reference || '–' },
  { key: 'party', title: 'Counterparty', render: (e) => e.txn.counterparty || '–' },
  { key: 'age', title: 'Age', align: 'right', render: (e) => `${e.age_days} d` },
  { key: 'due', title: 'Due', render: (e) => formatDay(e.due_at) },
  { key: 'amount', title: 'Amount', align: 'right', render: (e) => <>{formatMinor(e.txn.amount_minor, e.txn.ccy)}<span className="ccy">{e.txn.ccy}</span></> },
]

/** The queue, of one run or of all. `total` is the number of open ones where it is known. */
export function ExceptionList({ runId, total }: { runId: string | null; total: number | null }) {
  const [status, setStatus] = useState('open')
  const [reason, setReason] = useState('')
  const [side, setSide] = useState('')
  const [text, setText] = useState('')
  const q = useDeferredValue(text.trim())
  const [openId, setOpenId] = useState<string | null>(null)
  const key = [runId, status, reason, side, q].join(' ')
  const list = usePaged<ExceptionItem>(key, (cursor, signal) =>
    api.exceptions({ run_id: runId, status, reason_code: reason, side, q, cursor, limit: api.PAGE_LIMIT }, signal))
  const plain = status === 'open' && reason === '' && side === '' && q === ''
  // Without a known total the list grows by one row to ask for, page by page.
  const expected = plain && total !== null ? Math.max(total, list.rows.length) : list.rows.length + 1
  const shown = list.complete ? list.rows.length : expected
  return (
    <section className="queue" aria-label="Exceptions">
      <div className="queue-filters">
        <Choice label="Status" value={status} onChange={setStatus} options={['open', 'assigned', 'proposed', 'closed']} />
        <Choice label="Reason" value={reason} onChange={setReason} options={REASONS} />
        <Choice label="Side" value={side} onChange={setSide} options={['left', 'right']} />
        <SearchField label="Search exceptions" value={text} onChange={(e) => setText(e.target.value)} />
        <p className="sub num" data-testid="exceptions-total">{list.complete ? formatCount(list.rows.length) : plain && total !== null ? formatCount(shown) : `${formatCount(list.rows.length)}+`} shown</p>
      </div>
      <ErrorNote error={list.error} onRetry={list.reload} />
      <Grid
        key={key}
        label="Exceptions"
        layout="exceptions"
        columns={COLUMNS}
        rows={list.rows}
        total={shown}
        keyOf={(e) => e.id}
        onNeed={list.need}
        onOpen={(e) => setOpenId(e.id)}
        empty={list.complete && <Empty icon="check" title="Nothing here needs a decision" />}
      />
      {openId && <ExceptionDrawer id={openId} onClose={() => setOpenId(null)} onChange={list.reload} />}
    </section>
  )
}

function Choice({ label, value, onChange, options }: { label: string; value: string; onChange: (v: string) => void; options: readonly string[] }) {
  return (
    <label className="choice">
      <span>{label}</span>
      <select value={value} onChange={(e) => onChange(e.target.value)}>
        <option value="">All</option>
        {options.map((o) => <option key={o} value={o}>{humanise(o)}</option>)}
      </select>
    </label>
  )
}
