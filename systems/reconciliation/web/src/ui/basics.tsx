/** Buttons, fields, badges, cards and messages: the words that all screens are written in. */
import { useId, type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from 'react'
import { ApiError, messageOf } from '../api/problem'
import type { ItemState } from '../api/types'
import { Icon, type IconName } from './icons'

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: 'primary' | 'plain' | 'quiet' | 'danger'
  icon?: IconName
  busy?: boolean
}

/** While busy it stays focusable and says so, instead of vanishing under the keyboard. */
export function Button({ look = 'plain', icon, busy = false, children, className = '', onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={`button button-${look} ${className}`}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  )
}

interface FieldProps {
  label: string
  hint?: ReactNode
  error?: string | null
}

export function TextField({ label, hint, error, className = '', ...rest }: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  const note = error ?? hint
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-invalid={error ? true : undefined} aria-describedby={note ? `${id}-note` : undefined} {...rest} />
      {note && <p id={`${id}-note`} className={error ? 'field-error' : 'field-hint'}>{note}</p>}
    </div>
  )
}

export function SelectField({ label, hint, error, children, className = '', ...rest }: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  const note = error ?? hint
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>{label}</label>
      <select id={id} aria-describedby={note ? `${id}-note` : undefined} {...rest}>{children}</select>
      {note && <p id={`${id}-note`} className={error ? 'field-error' : 'field-hint'}>{note}</p>}
    </div>
  )
}

/** A search box with its name for screen readers only. */
export function SearchField({ label, ...rest }: { label: string } & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label className="search">
      <Icon name="search" />
      <span className="sr-only">{label}</span>
      <input type="search" placeholder={label} {...rest} />
    </label>
  )
}

export function Card({ title, actions, children, className = '' }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`card ${className}`}>
      {(title || actions) && (
        <header className="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div className="card-actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  )
}

export function PageHead({ title, lead, actions, back }: { title: ReactNode; lead?: ReactNode; actions?: ReactNode; back?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        {back && <nav className="crumbs" aria-label="Breadcrumb">{back}</nav>}
        <h1>{title}</h1>
        {lead && <p className="lead">{lead}</p>}
      </div>
      {actions && <div className="page-actions">{actions}</div>}
    </header>
  )
}

const STATE_ICONS: Readonly<Record<ItemState, IconName>> = {
  matched: 'check', suggested: 'question', unmatched: 'cross', duplicate: 'copy',
}
const STATE_NAMES: Readonly<Record<ItemState, string>> = {
  matched: 'Matched', suggested: 'Suggested', unmatched: 'Unmatched', duplicate: 'Duplicate',
}

/** A row's state where there is no room for the word: it is read out, and shown on hover. */
export function StateMark({ state }: { state: ItemState }) {
  return <span className={`mark-${state}`} title={STATE_NAMES[state]}><Icon name={STATE_ICONS[state]} /><span className="sr-only">{STATE_NAMES[state]}</span></span>
}

/** A row's state: word, shape and colour, because colour alone is not enough. */
export function StateBadge({ state }: { state: ItemState }) {
  return <span className={`badge tone-${state}`}><Icon name={STATE_ICONS[state]} />{STATE_NAMES[state]}</span>
}

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet'

export function Badge({ tone = 'quiet', icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return <span className={`badge tone-${tone}`}>{icon && <Icon name={icon} />}{children}</span>
}

/** What went wrong, what the server added, and how to go on. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  if (!error) return null
  const api = error instanceof ApiError ? error : null
  return (
    <div className="note note-bad" role="alert">
      <Icon name="exceptions" />
      <div>
        <p className="note-title">{messageOf(error)}</p>
        {api?.detail && <p>{api.detail}</p>}
        {api && api.fields.length > 0 && (
          <ul>{api.fields.map((f) => <li key={f.pointer + f.detail}><code>{f.pointer}</code> {f.detail}</li>)}</ul>
        )}
        {api?.retryAfter != null && <p>Try again in {api.retryAfter} s.</p>}
        {api?.requestId && <p className="note-small">Request <code>{api.requestId}</code></p>}
      </div>
      {onRetry && <Button look="quiet" icon="reload" onClick={onRetry}>Try again</Button>}
    </div>
  )
}

export function Note({ tone = 'info', title, children }: { tone?: 'info' | 'good' | 'warn'; title?: ReactNode; children?: ReactNode }) {
  return (
    <div className={`note note-${tone}`} role="status">
      <Icon name={tone === 'good' ? 'check' : tone === 'warn' ? 'exceptions' : 'question'} />
      <div>
        {title && <p className="note-title">{title}</p>}
        {children}
      </div>
    </div>
  )
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p className="empty-title">{title}</p>
      {children}
    </div>
  )
}

/** Stands where content will be, so that nothing jumps when it comes. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => <span key={i} />)}
    </div>
  )
}

/** A bar for a share. Without a value it shows that something happens, not how far it is. */
export function Progress({ label, value, max }: { label: string; value?: number; max?: number }) {
  return value === undefined
    ? <progress className="progress" aria-label={label} />
    : <progress className="progress" aria-label={label} value={value} max={max ?? 1} />
}

export interface Segment {
  label: string
  value: number
  tone: ItemState
}

/** How a whole divides into states, as one bar with a legend that says it in figures too. */
export function Split({ label, segments }: { label: string; segments: readonly Segment[] }) {
  const total = segments.reduce((sum, s) => sum + s.value, 0)
  let at = 0
  return (
    <svg className="split" role="img" aria-label={`${label}: ${segments.map((s) => `${s.value} ${s.label}`).join(', ')}`} viewBox="0 0 1000 10" preserveAspectRatio="none">
      <rect className="split-ground" width="1000" height="10" />
      {segments.map((s) => {
        const width = total === 0 ? 0 : (s.value / total) * 1000
        const x = at
        at += width
        return <rect key={s.tone} className={`split-${s.tone}`} x={x} width={Math.max(width - (width > 6 ? 3 : 0), s.value > 0 ? 2 : 0)} height="10" />
      })}
    </svg>
  )
}
