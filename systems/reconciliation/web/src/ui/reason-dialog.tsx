/** Asks why, before something that the audit trail should explain. */
import { useId, useState, type FormEvent, type ReactNode } from 'react'
import { useAction } from '../lib/use-action'
import { Button, ErrorNote } from './basics'
import { Dialog } from './dialog'

interface ReasonDialogProps {
  title: string
  verb: string
  onClose: () => void
  onSubmit: (reason: string) => Promise<void>
  children?: ReactNode
}

/** Long enough for a sentence or two; the audit trail is no notebook. */
const LONGEST = 500

export function ReasonDialog({ title, verb, onClose, onSubmit, children }: ReasonDialogProps) {
  const [reason, setReason] = useState('')
  const id = useId()
  const action = useAction(onSubmit)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void action.run(reason.trim())
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {children}
        <div className="field">
          <label htmlFor={id}>Reason</label>
          <textarea id={id} rows={3} required maxLength={LONGEST} value={reason} onChange={(e) => setReason(e.target.value)} />
          <p className="field-hint">Kept in the audit trail.</p>
        </div>
        <ErrorNote error={action.error} />
        <div className="form-foot">
          <Button look="quiet" onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={action.busy}>{verb}</Button>
        </div>
      </form>
    </Dialog>
  )
}
