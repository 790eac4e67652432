import { useCallback, useDeferredValue, useMemo, useState } from 'react'
import * as api from '../api/routes'
import type { ItemState, Run, RunItem, RunStats, Side } from '../api/types'
import { navigate, useLocation } from '../app/router'
import { useCan } from '../app/session'
import { formatCount, formatDay } from '../lib/format'
import { formatMinor } from '../lib/money'
import { usePaged } from '../lib/use-paged'
import { Empty, ErrorNote, SearchField, StateMark } from '../ui/basics'
import { Grid, type Column } from '../ui/grid'
import { BalanceBar } from './balance-bar'
import { MatchDrawer } from './match-drawer'

type Filter = ItemState | 'all'

const FILTERS: readonly { filter: Filter; name: string }[] = [
  { filter: 'all', name: 'All' },
  { filter: 'matched', name: 'Matched' },
  { filter: 'suggested', name: 'Suggested' },
  { filter: 'unmatched', name: 'Unmatched' },
  { filter: 'duplicate', name: 'Duplicates' },
]

type Selection = ReadonlyMap<string, RunItem>
const NOTHING: Selection = new Map()

function toggled(selection: Selection, item: RunItem): Selection {
  const next = new Map(selection)
  if (!next.delete(item.txn_id)) next.set(item.txn_id, item)
  return next
}

function countOf(stats: RunStats | null, side: Side, filter: Filter): number {
  if (!stats) return 0
  if (filter === 'all') return side === 'left' ? stats.left_rows : stats.right_rows
  return stats[side][filter]
}

/** Both sides beside each other: look, pick, match. */
export function Workspace({ run, onChange }: { run: Run; onChange: () => void }) {
  const may = useCan()
  const { path, query } = useLocation()
  const filter = FILTERS.find((f) => f.filter === query.get('state'))?.filter ?? 'unmatched'
  const [left, setLeft] = useState(NOTHING)
  const [right, setRight] = useState(NOTHING)
  const [matchId, setMatchId] = useState<string | null>(null)
  const [version, setVersion] = useState(0)
  const canPick = may('matches.propose') && run.status === 'review'

  const changed = () => {
    setLeft(NOTHING)
    setRight(NOTHING)
    setVersion((n) => n + 1)
    onChange()
  }
  const common = { run, filter, version, canPick, onOpen: setMatchId }
  return (
    <div className="workspace">
      <div className="filters" role="group" aria-label="State of the rows">
        {FILTERS.map((f) => (
          <button key={f.filter} type="button" className={`filter filter-${f.filter}`} aria-pressed={f.filter === filter} onClick={() => navigate(`${path}?state=${f.filter}`, { replace: true })}>
            {f.name}
            <span className="num">{formatCount(countOf(run.stats, 'left', f.filter))}<i aria-hidden="true" />{formatCount(countOf(run.stats, 'right', f.filter))}</span>
          </button>
        ))}
      </div>
      <div className="sides">
        <SidePane {...common} side="left" selection={left} onToggle={(item) => setLeft((s) => toggled(s, item))} />
        <SidePane {...common} side="right" selection={right} onToggle={(item) => setRight((s) => toggled(s, item))} />
      </div>
      {canPick && (
        <BalanceBar
          runId={run.id}
          left={[...left.values()]}
          right={[...right.values()]}
          onClear={() => { setLeft(NOTHING); setRight(NOTHING) }}
          onMatched={changed}
        />
      )}
      {matchId && <MatchDrawer key={matchId} id={matchId} run={run} onClose={() => setMatchId(null)} onChange={changed} onOpen={setMatchId} />}
    </div>
  )
}

interface SidePaneProps {
  run: Run
  side: Side
  filter: Filter
  version: number
  canPick: boolean
  selection: Selection
  onToggle: (item: RunItem) => void
  onOpen: (matchId: string) => void
}

const STATE_COLUMN: Column<RunItem> = { key: 'state', title: <span className="sr-only">State</span>, render: (row) => <StateMark state={row.state} /> }

const COLUMNS: readonly Column<RunItem>[] = [
  { key: 'date', title: 'Date', render: (row) => formatDay(row.booking_date) },
  { key: 'reference', title: 'Reference', render: (row) => <span title={row.reference ?? undefined}>{row.reference || '–'}</span> },
  { key: 'party', title: 'Counterparty', render: (row) => <span title={row.counterparty ?? undefined}>{row.counterparty || '–'}</span> },
  { key: 'amount', title: 'Amount', align: 'right', render: (row) => <>{formatMinor(row.amount_minor, row.ccy)}<span className="ccy">{row.ccy}</span></> },
]

function SidePane({ run, side, filter, version, canPick, selection, onToggle, onOpen }: SidePaneProps) {
  const [text, setText] = useState('')
  const q = useDeferredValue(text.trim())
  const state = filter === 'all' ? null : filter
  const list = usePaged<RunItem>(`${run.id} ${side} ${filter} ${version} ${q}`, (cursor, signal) =>
    api.items(run.id, { side, state, q, cursor, limit: api.PAGE_LIMIT }, signal))
  // How many rows a search finds is known only at its end.
  const known = q === '' ? countOf(run.stats, side, filter) : list.rows.length + (list.complete ? 0 : 1)
  const total = list.complete ? list.rows.length : known
  const columns = useMemo(() => (filter === 'all' ? [STATE_COLUMN, ...COLUMNS] : COLUMNS), [filter])
  const keys = useMemo(() => new Set(selection.keys()), [selection])
  const can = useCallback((row: RunItem) => canPick && row.state === 'unmatched', [canPick])
  const name = side === 'left' ? run.left.name : run.right.name

  const open = (row: RunItem) => {
    if (row.match_id !== null) onOpen(row.match_id)
    else if (can(row)) onToggle(row)
  }
  return (
    <section className={`pane pane-${side}`} aria-label={name} data-testid={`pane-${side}`}>
      <header className="pane-head">
        <h2><span className={`side-dot side-dot-${side}`} />{name}</h2>
        <p className="sub num" data-testid={`${side}-total`}>{q === '' || list.complete ? `${formatCount(total)} rows` : `${formatCount(list.rows.length)}+ rows`}</p>
        <SearchField label={`Search ${name}`} value={text} onChange={(e) => setText(e.target.value)} />
      </header>
      <ErrorNote error={list.error} onRetry={list.reload} />
      <Grid
        key={`${filter} ${q}`}
        label={`Rows of ${name}`}
        layout={`items${filter === 'all' ? '-state' : ''}${canPick && (filter === 'unmatched' || filter === 'all') ? '-pick' : ''}`}
        columns={columns}
        rows={list.rows}
        total={total}
        keyOf={(row) => row.txn_id}
        onNeed={list.need}
        onOpen={open}
        {...(canPick && (filter === 'unmatched' || filter === 'all')
          ? { selection: { keys, can, toggle: onToggle, labelOf: (row: RunItem) => `Select ${row.reference ?? row.txn_id}, ${formatMinor(row.amount_minor, row.ccy)} ${row.ccy}` } }
          : {})}
        empty={list.complete && <Empty icon={q === '' ? 'check' : 'search'} title={q === '' ? 'No rows in this state' : 'No row fits the search'} />}
      />
    </section>
  )
}
