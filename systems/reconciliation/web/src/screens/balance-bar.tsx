import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import type { RunItem } from '../api/types'
import { humanise, plural } from '../lib/format'
import { balanceOf, formatMoney, sumByCurrency, type Balance } from '../lib/money'
import { useAction } from '../lib/use-action'
import { Button, ErrorNote } from '../ui/basics'
import { Icon } from '../ui/icons'
import { useToast } from '../ui/toast'

interface BalanceBarProps {
  runId: string
  left: readonly RunItem[]
  right: readonly RunItem[]
  onClear: () => void
  onMatched: () => void
}

/** Running sums of what is picked on each side, and whether they may become a match. */
export function BalanceBar({ runId, left, right, onClear, onMatched }: BalanceBarProps) {
  const [reason, setReason] = useState('')
  const say = useToast()
  const balance = balanceOf(left, right)
  const action = useAction(async () => {
    await api.createMatch({
      run_id: runId,
      left_ids: left.map((row) => row.txn_id),
      right_ids: right.map((row) => row.txn_id),
      reason: reason.trim(),
    })
    setReason('')
    say('Matched by hand.')
    onMatched()
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (balance.kind === 'balanced') void action.run()
  }
  const none = balance.kind === 'empty'
  return (
    <form className={`balance balance-${balance.kind}`} onSubmit={submit} data-testid="balance">
      <Sum side="left" rows={left} />
      <div className="balance-sign" aria-live="polite">
        <Icon name={balance.kind === 'balanced' ? 'check' : balance.kind === 'empty' ? 'link' : 'unlink'} />
        <p data-testid="difference">{verdictOf(balance)}</p>
      </div>
      <Sum side="right" rows={right} />
      <div className="balance-do">
        <label className="sr-only" htmlFor="match-reason">Reason for the match</label>
        <input id="match-reason" placeholder="Reason for the match" required maxLength={500} value={reason} disabled={none} onChange={(e) => setReason(e.target.value)} />
        <Button look="quiet" disabled={none} onClick={onClear}>Clear</Button>
        <Button look="primary" type="submit" icon="link" busy={action.busy} disabled={balance.kind !== 'balanced'}>Match</Button>
      </div>
      <ErrorNote error={action.error} />
    </form>
  )
}

function Sum({ side, rows }: { side: 'left' | 'right'; rows: readonly RunItem[] }) {
  const sums = [...sumByCurrency(rows)]
  return (
    <div className={`balance-sum balance-${side}`}>
      <p className="sub">{humanise(side)}, {plural(rows.length, 'row')}</p>
      <p className="balance-figure num" data-testid={`sum-${side}`}>
        {sums.length === 0 ? '–' : sums.map(([ccy, sum]) => formatMoney(sum, ccy)).join(' + ')}
      </p>
    </div>
  )
}

function verdictOf(balance: Balance): string {
  switch (balance.kind) {
    case 'empty': return 'Pick rows on both sides'
    case 'one-sided': return 'Pick the other side too'
    case 'mixed': return `Not across currencies: ${balance.currencies.join(', ')}`
    case 'balanced': return 'The sides agree'
    case 'off': return `Off by ${formatMoney(balance.difference, balance.ccy)}`
  }
}
