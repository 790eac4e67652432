import * as api from '../api/routes'
import type { ExportFormat, ExportKind, Run } from '../api/types'
import { useCan } from '../app/session'
import { formatBytes, formatCount } from '../lib/format'
import { useAction } from '../lib/use-action'
import { Button, Card, Empty, ErrorNote } from '../ui/basics'
import { useToast } from '../ui/toast'

const KINDS: readonly { kind: ExportKind; name: string; text: string; count: (run: Run) => string }[] = [
  { kind: 'matched', name: 'Matched', text: 'Confirmed and suggested matches, a line for each of their rows.', count: (r) => `${formatCount(r.stats?.matches ?? 0)} matches` },
  { kind: 'unmatched', name: 'Unmatched', text: 'The rows of both sides that found no partner.', count: (r) => `${formatCount((r.stats?.left.unmatched ?? 0) + (r.stats?.right.unmatched ?? 0))} rows` },
  { kind: 'exceptions', name: 'Exceptions', text: 'What still needs a decision, with reason, owner and due date.', count: (r) => `${formatCount(r.stats?.exceptions_open ?? 0)} open` },
  { kind: 'summary', name: 'Summary', text: 'Rows and sums by side, currency and state.', count: () => 'One page' },
]

/** Downloads. Each file ends with its row count and a checksum, so that a cut-off one is noticed. */
export function ExportTab({ run }: { run: Run }) {
  const may = useCan()
  if (!may('export')) return <Card><Empty icon="lock" title="Your role may read but not export" /></Card>
  return (
    <>
      <p className="lead">Each file ends with its row count and a SHA-256 of everything before it.</p>
      <div className="cards exports">
        {KINDS.map((k) => (
          <Card key={k.kind} title={k.name} actions={<span className="sub num">{k.count(run)}</span>}>
            <p>{k.text}</p>
            <div className="form-foot">
              <ExportButton run={run} kind={k.kind} fmt="csv" />
              <ExportButton run={run} kind={k.kind} fmt="json" />
            </div>
          </Card>
        ))}
      </div>
    </>
  )
}

function ExportButton({ run, kind, fmt }: { run: Run; kind: ExportKind; fmt: ExportFormat }) {
  const say = useToast()
  const action = useAction(async () => {
    const blob = await api.exportRun(run.id, kind, fmt)
    say(`${kind}.${fmt} is saved, ${formatBytes(blob.size)}.`)
  })
  return (
    <>
      <Button icon="download" busy={action.busy} aria-label={`Download ${kind} as ${fmt.toUpperCase()}`} onClick={() => void action.run()}>{fmt.toUpperCase()}</Button>
      <ErrorNote error={action.error} />
    </>
  )
}
