import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import type { RuleSet, Source } from '../api/types'
import { Link, navigate, useLocation } from '../app/router'
import { useCan } from '../app/session'
import { formatCount, humanise } from '../lib/format'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Badge, Button, Card, Empty, ErrorNote, PageHead, SelectField, Skeleton, TextField } from '../ui/basics'

export function NewRunScreen() {
  const may = useCan()
  const sources = useResource('sources', api.sources)
  const rules = useResource('rules', api.rules)
  const error = sources.error ?? rules.error
  const retry = () => { sources.reload(); rules.reload() }
  return (
    <>
      <PageHead title="Start a run" lead="Choose what is compared with what." back={<Link href="/runs">Runs</Link>} />
      <ErrorNote error={error} onRetry={retry} />
      {!may('runs.start') && <Card><Empty icon="lock" title="Starting runs is a preparer's work" /></Card>}
      {may('runs.start') && !error && (!sources.data || !rules.data) && <Skeleton lines={5} />}
      {may('runs.start') && sources.data && rules.data && <RunForm sources={sources.data.items} rules={rules.data.items} />}
    </>
  )
}

function RunForm({ sources, rules }: { sources: readonly Source[]; rules: readonly RuleSet[] }) {
  const { query } = useLocation()
  const [left, setLeft] = useState(query.get('left') ?? sources[0]?.id ?? '')
  const [right, setRight] = useState(query.get('right') ?? sources.find((s) => s.id !== left)?.id ?? '')
  const [ruleId, setRuleId] = useState((rules.find((r) => r.default) ?? rules[0])?.id ?? '')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [dryRun, setDryRun] = useState(false)
  const chosen = rules.find((r) => r.id === ruleId)
  const same = left !== '' && left === right
  const backwards = from !== '' && to !== '' && to < from
  const start = useAction(async () => {
    const run = await api.startRun({ left, right, rule_set: ruleId || null, from: from || null, to: to || null, dry_run: dryRun })
    navigate(`/runs/${run.id}`)
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!same && !backwards) void start.run()
  }
  if (sources.length < 2) {
    return <Card><Empty icon="sources" title="A run needs two sources"><Link className="button button-plain" href="/sources">Go to sources</Link></Empty></Card>
  }
  return (
    <form className="two-column" onSubmit={submit}>
      <Card title="Sides">
        <div className="stack">
          <div className="versus">
            <SelectField label="Left" name="left" className="side-left" value={left} onChange={(e) => setLeft(e.target.value)} hint={rowsOf(sources, left)}>
              {sources.map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}
            </SelectField>
            <span className="versus-sign" aria-hidden="true">=</span>
            <SelectField label="Right" name="right" className="side-right" value={right} onChange={(e) => setRight(e.target.value)} hint={rowsOf(sources, right)}>
              {sources.map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}
            </SelectField>
          </div>
          {same && <p className="field-error" role="alert">A source cannot be compared with itself.</p>}
          <div className="versus">
            <TextField label="From (booking date)" type="date" value={from} onChange={(e) => setFrom(e.target.value)} hint="Empty: from the first row." />
            <span />
            <TextField label="To (booking date)" type="date" value={to} onChange={(e) => setTo(e.target.value)} error={backwards ? 'This is before the first date.' : null} hint="Empty: to the last row." />
          </div>
          <label className="check">
            <input type="checkbox" checked={dryRun} onChange={(e) => setDryRun(e.target.checked)} />
            <span>Dry run<small>Computes everything and keeps only the report.</small></span>
          </label>
          <ErrorNote error={start.error} />
          <div className="form-foot"><Button look="primary" type="submit" icon="runs" busy={start.busy}>Start run</Button></div>
        </div>
      </Card>
      <Card title="Rule set">
        <div className="stack">
          <SelectField label="Rules" name="rules" value={ruleId} onChange={(e) => setRuleId(e.target.value)}>
            {rules.map((r) => <option key={r.id} value={r.id}>{r.name} · version {r.version}</option>)}
          </SelectField>
          <ol className="passes">
            {chosen?.passes.map((pass) => (
              <li key={pass.name}>
                <span>{pass.name}<small>{humanise(pass.kind)}</small></span>
                <Badge tone={pass.outcome === 'confirmed' ? 'good' : 'warn'}>{pass.outcome === 'confirmed' ? 'Confirms' : 'Suggests'}</Badge>
              </li>
            ))}
          </ol>
        </div>
      </Card>
    </form>
  )
}

function rowsOf(sources: readonly Source[], id: string): string {
  const source = sources.find((s) => s.id === id)
  return source ? `${formatCount(source.transactions)} rows` : ''
}
