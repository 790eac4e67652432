import { useRef, useState, type DragEvent } from 'react'
import { isAbort } from '../api/problem'
import * as api from '../api/routes'
import type { RowError, Side, Source, Upload } from '../api/types'
import { Link } from '../app/router'
import { useCan } from '../app/session'
import { formatBytes, formatCount, formatDuration, humanise, plural } from '../lib/format'
import { usePaged } from '../lib/use-paged'
import { useResource } from '../lib/use-resource'
import { Button, Card, Empty, ErrorNote, Note, PageHead, Progress, SelectField, Skeleton } from '../ui/basics'
import { Icon } from '../ui/icons'

/** The bound that the API states; checked here so that nobody waits for a refusal. */
const LARGEST_BYTES = 50_000_000

export function UploadScreen() {
  const may = useCan()
  const { data, error, reload } = useResource('sources', api.sources)
  const [done, setDone] = useState<Partial<Record<Side, Upload>>>({})
  const sources = data?.items ?? []
  return (
    <>
      <PageHead title="Upload" lead="One file for each side. Uploading the same file again changes nothing." />
      <ErrorNote error={error} onRetry={reload} />
      {!may('uploads.write') && <Card><Empty icon="lock" title="Uploading is a preparer's work" /></Card>}
      {may('uploads.write') && !data && !error && <Skeleton lines={5} />}
      {may('uploads.write') && data && sources.length < 2 && <Card><Empty icon="sources" title="Two sources are needed first"><p>A rule manager creates them.</p></Empty></Card>}
      {may('uploads.write') && sources.length >= 2 && (
        <>
          <div className="pair">
            <UploadCard side="left" sources={sources} first={0} onDone={(u) => setDone((d) => ({ ...d, left: u }))} />
            <UploadCard side="right" sources={sources} first={1} onDone={(u) => setDone((d) => ({ ...d, right: u }))} />
          </div>
          {done.left && done.right && (
            <div className="next-step">
              <p><strong>Both sides are in.</strong> {done.left.source_name} and {done.right.source_name} can be reconciled now.</p>
              <Link className="button button-primary" href={`/runs/new?left=${done.left.source_id}&right=${done.right.source_id}`}><span>Start a run</span><Icon name="arrow" /></Link>
            </div>
          )}
        </>
      )}
    </>
  )
}

type State =
  | { step: 'choose' }
  | { step: 'sending'; share: number }
  | { step: 'failed'; error: unknown }
  | { step: 'done'; upload: Upload }

interface UploadCardProps {
  side: Side
  sources: readonly Source[]
  first: number
  onDone: (upload: Upload) => void
}

function UploadCard({ side, sources, first, onDone }: UploadCardProps) {
  const [sourceId, setSourceId] = useState(sources[first]?.id ?? '')
  const [file, setFile] = useState<File | null>(null)
  const [state, setState] = useState<State>({ step: 'choose' })
  const abort = useRef<AbortController | null>(null)
  const tooLarge = file !== null && file.size > LARGEST_BYTES
  const sending = state.step === 'sending'

  const pick = (next: File | null) => {
    setFile(next)
    setState({ step: 'choose' })
  }
  const send = async () => {
    if (!file || tooLarge) return
    abort.current = new AbortController()
    setState({ step: 'sending', share: 0 })
    try {
      const upload = await api.uploadFile(sourceId, file, (share) => setState({ step: 'sending', share }), abort.current.signal)
      setState({ step: 'done', upload })
      onDone(upload)
    } catch (error) {
      setState(isAbort(error) ? { step: 'choose' } : { step: 'failed', error })
    }
  }

  return (
    <Card className={`upload upload-${side}`} title={<><span className={`side-dot side-dot-${side}`} />{side === 'left' ? 'Left side' : 'Right side'}</>}>
      <div className="stack">
        <SelectField label="Source" name={`${side}-source`} value={sourceId} disabled={sending} onChange={(e) => { setSourceId(e.target.value); pick(null) }}>
          {sources.map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}
        </SelectField>
        <DropZone side={side} file={file} disabled={sending} onFile={pick} />
        {tooLarge && <p className="field-error" role="alert">{formatBytes(file.size)} is more than the 50 MB that one file may have. Split it and upload the parts.</p>}
        {state.step === 'sending' && <Sending share={state.share} />}
        {state.step === 'failed' && <ErrorNote error={state.error} />}
        {state.step === 'done'
          ? <Result upload={state.upload} />
          : (
            <div className="form-foot">
              {sending && <Button look="quiet" onClick={() => abort.current?.abort()}>Cancel</Button>}
              <Button look="primary" icon="upload" busy={sending} disabled={!file || tooLarge} onClick={() => void send()}>Upload</Button>
            </div>
          )}
      </div>
    </Card>
  )
}

function DropZone({ side, file, disabled, onFile }: { side: Side; file: File | null; disabled: boolean; onFile: (file: File | null) => void }) {
  const [over, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    const dropped = event.dataTransfer.files[0]
    if (dropped && !disabled) onFile(dropped)
  }
  return (
    <label
      className={`drop ${over ? 'is-over' : ''} ${file ? 'has-file' : ''}`}
      onDragOver={(event) => { event.preventDefault(); setOver(true) }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        type="file"
        className="sr-only"
        name={`${side}-file`}
        accept=".csv,.tsv,.txt,text/csv"
        disabled={disabled}
        onChange={(event) => onFile(event.target.files?.[0] ?? null)}
      />
      <Icon name={file ? 'file' : 'upload'} />
      {file
        ? <span><strong>{file.name}</strong><small>{formatBytes(file.size)} · choose another</small></span>
        : <span><strong>Drop a CSV file here</strong><small>or press to choose one, up to 50 MB</small></span>}
    </label>
  )
}

function Sending({ share }: { share: number }) {
  const sent = share >= 1
  return (
    <div className="sending" role="status">
      {sent ? <Progress label="Reading rows" /> : <Progress label="Sending" value={share} />}
      <p className="sub">{sent ? 'Sent. The server is reading and storing the rows…' : `Sending, ${Math.floor(share * 100)} %`}</p>
    </div>
  )
}

function Result({ upload }: { upload: Upload }) {
  return (
    <div className="upload-result">
      {upload.replayed
        ? <Note title="This file is already here">The same bytes were uploaded to {upload.source_name} before. Nothing was changed.</Note>
        : <Note tone={upload.rejected > 0 ? 'warn' : 'good'} title={`${plural(upload.rows_in, 'row')} read in ${formatDuration(upload.duration_ms)}`} />}
      <dl className="counts">
        <div className="count-good"><dt>Accepted</dt><dd data-testid="accepted">{formatCount(upload.accepted)}</dd></div>
        <div><dt>Duplicate</dt><dd data-testid="duplicate">{formatCount(upload.duplicate)}</dd></div>
        <div className={upload.rejected > 0 ? 'count-bad' : ''}><dt>Rejected</dt><dd data-testid="rejected">{formatCount(upload.rejected)}</dd></div>
      </dl>
      {upload.rejected > 0 && <Rejects upload={upload} />}
    </div>
  )
}

/** The refused rows, a screenful at a time, each with the place and the reason. */
function Rejects({ upload }: { upload: Upload }) {
  const errors = usePaged<RowError>(upload.id, (cursor, signal) => api.uploadErrors(upload.id, { cursor, limit: 50 }, signal))
  return (
    <details className="rejects" open>
      <summary>{plural(upload.rejected, 'rejected row')}, by line</summary>
      <ErrorNote error={errors.error} onRetry={errors.reload} />
      <div className="table-wrap rejects-scroll" tabIndex={0} role="region" aria-label={`Rejected rows of ${upload.filename}`}>
        <table className="table">
          <thead><tr><th scope="col" className="right">Line</th><th scope="col">Column</th><th scope="col">Reason</th></tr></thead>
          <tbody>
            {errors.rows.map((e) => (
              <tr key={`${e.line}:${e.column}:${e.code}`}>
                <td className="right num">{e.line}</td><td><code>{e.column ?? '–'}</code></td>
                <td>{humanise(e.code)}<p className="sub">{e.detail}</p></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!errors.complete && errors.rows.length > 0 && <Button look="quiet" busy={errors.loading} onClick={() => errors.need(errors.rows.length + 1)}>Show more</Button>}
    </details>
  )
}
