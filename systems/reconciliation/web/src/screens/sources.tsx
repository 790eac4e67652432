import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import type { Mapping, Source } from '../api/types'
import { useCan } from '../app/session'
import { formatCount, formatInstant } from '../lib/format'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Badge, Button, Card, Empty, ErrorNote, PageHead, Skeleton, TextField } from '../ui/basics'
import { Dialog } from '../ui/dialog'
import { useToast } from '../ui/toast'

export function SourcesScreen() {
  const may = useCan()
  const say = useToast()
  const { data, error, reload } = useResource('sources', api.sources)
  const [editing, setEditing] = useState<Source | 'new' | null>(null)
  const saved = (source: Source) => {
    setEditing(null)
    say(`${source.name} is saved.`)
    reload()
  }
  return (
    <>
      <PageHead
        title="Sources"
        lead="A source is an account that files come from: a bank, a ledger, a payment provider."
        actions={may('sources.write') && <Button look="primary" icon="plus" onClick={() => setEditing('new')}>New source</Button>}
      />
      <ErrorNote error={error} onRetry={reload} />
      {!data && !error && <Skeleton lines={4} />}
      {data && data.items.length === 0 && <Card><Empty icon="sources" title="No sources yet"><p>A rule manager creates them.</p></Empty></Card>}
      {data && data.items.length > 0 && (
        <div className="cards">
          {data.items.map((source) => <SourceCard key={source.id} source={source} onEdit={may('sources.write') ? () => setEditing(source) : null} />)}
        </div>
      )}
      {editing && <SourceDialog source={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onSaved={saved} />}
    </>
  )
}

function SourceCard({ source, onEdit }: { source: Source; onEdit: (() => void) | null }) {
  return (
    <Card
      title={source.name}
      actions={onEdit ? <Button look="quiet" onClick={onEdit} aria-label={`Edit ${source.name}`}>Edit</Button> : <Badge>{source.format.toUpperCase()}</Badge>}
    >
      <p className="figure">{formatCount(source.transactions)}<small>rows</small></p>
      <dl className="facts">
        <div><dt>Account</dt><dd>{source.account || '–'}</dd></div>
        <div><dt>Currency</dt><dd>{source.ccy ?? 'From each row'}</dd></div>
        <div><dt>Format</dt><dd>{source.format.toUpperCase()}, mapping version {source.version}</dd></div>
        <div><dt>Created</dt><dd>{formatInstant(source.created_at)}</dd></div>
      </dl>
    </Card>
  )
}

/** The mapping as the server takes it, or the reason why the text is not one. */
function readMapping(text: string): { mapping: Mapping | null } | { error: string } {
  if (text.trim() === '') return { mapping: null }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { mapping: value as Mapping }
    return { error: 'The mapping must be a JSON object: { … }.' }
  } catch (reason) {
    return { error: reason instanceof Error ? reason.message : 'This is not JSON.' }
  }
}

function SourceDialog({ source, onClose, onSaved }: { source: Source | null; onClose: () => void; onSaved: (s: Source) => void }) {
  const [name, setName] = useState(source?.name ?? '')
  const [account, setAccount] = useState(source?.account ?? '')
  const [ccy, setCcy] = useState(source?.ccy ?? '')
  const [mappingText, setMappingText] = useState(source ? JSON.stringify(source.mapping, null, 2) : '')
  const read = readMapping(mappingText)
  const save = useAction(async () => {
    if ('error' in read) return
    const body = { name: name.trim(), account: account.trim(), ccy: ccy === '' ? null : ccy.toUpperCase(), mapping: read.mapping }
    onSaved(source ? await api.patchSource(source.id, { ...body, version: source.version }) : await api.createSource(body))
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void save.run()
  }
  return (
    <Dialog title={source ? `Edit ${source.name}` : 'New source'} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <TextField label="Name" required maxLength={100} value={name} onChange={(e) => setName(e.target.value)} />
        <TextField label="Account" required value={account} onChange={(e) => setAccount(e.target.value)} hint="The account number or IBAN the files belong to." />
        <TextField label="Currency" pattern="[A-Za-z]{3}" maxLength={3} value={ccy} onChange={(e) => setCcy(e.target.value)} hint="Three letters; empty if each row names its own." />
        <div className="field">
          <label htmlFor="mapping">Column mapping</label>
          <textarea id="mapping" rows={8} spellCheck={false} value={mappingText} onChange={(e) => setMappingText(e.target.value)} aria-describedby="mapping-note" />
          <p id="mapping-note" className={'error' in read ? 'field-error' : 'field-hint'}>
            {'error' in read ? read.error : 'JSON. Empty: comma-separated with a header row, ISO dates, signed decimal amounts.'}
          </p>
        </div>
        <ErrorNote error={save.error} />
        <div className="form-foot">
          <Button look="quiet" onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={save.busy}>Save source</Button>
        </div>
      </form>
    </Dialog>
  )
}
