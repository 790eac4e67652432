import { useId, useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import type { ExceptionItem } from '../api/types'
import { useCan, useUser } from '../app/session'
import { formatDate, formatInstant, humanise } from '../lib/format'
import { formatMinor } from '../lib/money'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Button, ErrorNote, Note, SelectField, Skeleton, TextField } from '../ui/basics'
import { Dialog } from '../ui/dialog'
import { ReasonDialog } from '../ui/reason-dialog'
import { useToast } from '../ui/toast'
import { ExceptionStatus } from './exceptions'

const RESOLUTIONS = ['explained', 'adjusted', 'written_off', 'carried_forward']

export function ExceptionDrawer({ id, onClose, onChange }: { id: string; onClose: () => void; onChange: () => void }) {
  const item = useResource(`exception ${id}`, (signal) => api.exception(id, signal))
  const changed = (now: ExceptionItem) => {
    item.set(now)
    onChange()
  }
  return (
    <Dialog as="drawer" title="Exception" onClose={onClose} footer={item.data && <Decision item={item.data} onChange={changed} />}>
      <ErrorNote error={item.error} onRetry={item.reload} />
      {!item.data && !item.error && <Skeleton lines={8} />}
      {item.data && <Detail item={item.data} onChange={changed} />}
    </Dialog>
  )
}

function Detail({ item, onChange }: { item: ExceptionItem; onChange: (item: ExceptionItem) => void }) {
  const may = useCan()
  const { txn } = item
  return (
    <div className="stack" data-testid="exception-detail">
      <div className="match-line"><ExceptionStatus status={item.status} /><strong>{humanise(item.reason_code)}</strong></div>
      <article className="slip">
        <p className="slip-amount num">{formatMinor(txn.amount_minor, txn.ccy)}<small>{txn.ccy}</small></p>
        <dl>
          <div><dt>Side</dt><dd>{humanise(item.side)}</dd></div>
          <div><dt>Booked</dt><dd>{formatDate(txn.booking_date)}</dd></div>
          <div><dt>Reference</dt><dd>{txn.reference || '–'}</dd></div>
          <div><dt>Party</dt><dd>{txn.counterparty || '–'}</dd></div>
          <div><dt>Row</dt><dd><code>{txn.ext_id ?? txn.txn_id}</code></dd></div>
        </dl>
      </article>
      <dl className="facts">
        <div><dt>Age</dt><dd>{item.age_days} days</dd></div>
        <div><dt>Due</dt><dd>{formatDate(item.due_at)}</dd></div>
        <div><dt>Assigned to</dt><dd>{item.assignee ?? 'Nobody'}</dd></div>
        {item.resolution && <div><dt>Proposal</dt><dd>{humanise(item.resolution)}{item.proposed_by && `, by ${item.proposed_by}`}</dd></div>}
        {item.reason && <div><dt>Reason</dt><dd>{item.reason}</dd></div>}
        {item.approved_by && <div><dt>Approved by</dt><dd>{item.approved_by}</dd></div>}
      </dl>
      <section>
        <h3>Comments</h3>
        {item.comments.length === 0 && <p className="sub">None yet.</p>}
        <ul className="comments">
          {item.comments.map((c) => <li key={c.at + c.author}><p className="sub">{c.author}, {formatInstant(c.at)}</p><p>{c.text}</p></li>)}
        </ul>
        {(may('matches.propose') || may('exceptions.approve')) && item.status !== 'closed' && <CommentForm item={item} onChange={onChange} />}
      </section>
    </div>
  )
}

function CommentForm({ item, onChange }: { item: ExceptionItem; onChange: (item: ExceptionItem) => void }) {
  const [text, setText] = useState('')
  const id = useId()
  const send = useAction(async () => {
    onChange(await api.commentException(item.id, text.trim()))
    setText('')
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send.run()
  }
  return (
    <form className="comment-form" onSubmit={submit}>
      <label className="sr-only" htmlFor={id}>Comment</label>
      <input id={id} required maxLength={2000} placeholder="Write a comment" value={text} onChange={(e) => setText(e.target.value)} />
      <Button type="submit" busy={send.busy}>Send</Button>
      <ErrorNote error={send.error} />
    </form>
  )
}

function Decision({ item, onChange }: { item: ExceptionItem; onChange: (item: ExceptionItem) => void }) {
  const may = useCan()
  const user = useUser()
  const say = useToast()
  const [asking, setAsking] = useState<'propose' | 'reject' | null>(null)
  const take = useAction(async () => onChange(await api.assignException(item.id, user.email)))
  const approve = useAction(async () => {
    onChange(await api.approveException(item.id))
    say('Approved and closed.')
  })
  const reject = async (reason: string) => {
    onChange(await api.rejectException(item.id, reason))
    setAsking(null)
  }
  const unresolved = item.status === 'open' || item.status === 'assigned'
  return (
    <>
      <ErrorNote error={take.error ?? approve.error} />
      {unresolved && may('matches.propose') && item.assignee !== user.email && <Button busy={take.busy} onClick={() => void take.run()}>Assign to me</Button>}
      {unresolved && may('matches.propose') && <Button look="primary" onClick={() => setAsking('propose')}>Propose a resolution</Button>}
      {item.status === 'proposed' && may('exceptions.approve') && <Button look="danger" icon="cross" onClick={() => setAsking('reject')}>Send back</Button>}
      {item.status === 'proposed' && may('exceptions.approve') && item.proposed_by !== user.email && <Button look="primary" icon="check" busy={approve.busy} onClick={() => void approve.run()}>Approve</Button>}
      {asking === 'reject' && <ReasonDialog title="Send this back" verb="Send back" onClose={() => setAsking(null)} onSubmit={reject} />}
      {asking === 'propose' && <ProposeDialog item={item} onClose={() => setAsking(null)} onDone={(now) => { onChange(now); setAsking(null) }} />}
    </>
  )
}

function ProposeDialog({ item, onClose, onDone }: { item: ExceptionItem; onClose: () => void; onDone: (item: ExceptionItem) => void }) {
  const [resolution, setResolution] = useState('explained')
  const [reason, setReason] = useState('')
  const action = useAction(async () => onDone(await api.proposeException(item.id, resolution, reason.trim())))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void action.run()
  }
  return (
    <Dialog title="Propose a resolution" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <Note>Somebody else approves what you propose.</Note>
        <SelectField label="Resolution" value={resolution} onChange={(e) => setResolution(e.target.value)}>
          {RESOLUTIONS.map((r) => <option key={r} value={r}>{humanise(r)}</option>)}
        </SelectField>
        <TextField label="Reason" required maxLength={500} value={reason} onChange={(e) => setReason(e.target.value)} />
        <ErrorNote error={action.error} />
        <div className="form-foot">
          <Button look="quiet" onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={action.busy}>Propose</Button>
        </div>
      </form>
    </Dialog>
  )
}
