/** The wire format, as `api/API.md` states it. Nothing here is computed by the page. */

/** Integer minor units as text; see `lib/money`. */
export type Minor = string

export type Permission =
  | 'users.manage' | 'settings' | 'sources.write' | 'rules.write' | 'uploads.write' | 'runs.start'
  | 'matches.propose' | 'matches.confirm' | 'exceptions.approve' | 'runs.certify' | 'runs.reopen'
  | 'read' | 'export' | 'audit.read' | 'audit.verify'

export interface User {
  id: string
  email: string
  role: string
  must_change_password: boolean
  permissions: Permission[]
}

export interface Session {
  access_token: string
  expires_in: number
  refresh_token: string
  user: User
}

export interface Account {
  id: string
  email: string
  role: string
  disabled: boolean
  must_change_password: boolean
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

export interface Problem {
  title: string
  status: number
  code?: string
  detail?: string | null
  request_id?: string | null
  errors?: { pointer: string; code: string; detail?: string | null }[]
}

export type Mapping = Record<string, unknown>

export interface Source {
  id: string
  name: string
  format: string
  account: string | null
  ccy: string | null
  mapping: Mapping
  version: number
  created_at: string
  transactions: number
}

export interface Upload {
  id: string
  source_id: string
  source_name: string
  filename: string
  sha256: string
  bytes: number
  status: string
  replayed: boolean
  rows_in: number
  accepted: number
  duplicate: number
  rejected: number
  created_at: string
  created_by: string
  duration_ms: number
}

export interface RowError {
  line: number
  column: string | null
  code: string
  detail: string
}

export interface Txn {
  txn_id: string
  source_id: string
  ext_id: string | null
  booking_date: string
  value_date: string | null
  amount_minor: Minor
  ccy: string
  reference: string | null
  counterparty: string | null
  description: string | null
  kind: string | null
}

export type Side = 'left' | 'right'
export type ItemState = 'matched' | 'suggested' | 'duplicate' | 'unmatched'

export interface RunItem extends Txn {
  side: Side
  state: ItemState
  match_id: string | null
  exception_id: string | null
}

export interface RulePass {
  name: string
  kind: string
  outcome: string
}

export interface RuleSet {
  id: string
  name: string
  version: number
  default: boolean
  passes: RulePass[]
  created_at: string
}

export type RunStatus = 'created' | 'matching' | 'review' | 'certified' | 'failed' | 'cancelled'

export interface Frame {
  seq: number
  type: 'progress' | 'pass_done' | 'done' | 'error'
  pass: string | null
  processed: number
  total: number
  matched: number
  suggested: number
  rows_per_s: number
  eta_ms: number | null
  detail?: string | null
}

export type StateCounts = Record<ItemState, number>

export interface RunStats {
  left_rows: number
  right_rows: number
  matches: number
  confirmed: number
  suggested: number
  left: StateCounts
  right: StateCounts
  exceptions_open: number
  match_rate: number
  duration_ms: number
  rows_per_s: number
  passes: { name: string; matches: number; confirmed: number; suggested: number }[]
  by_ccy: CurrencyValue[]
}

export interface CurrencyValue {
  ccy: string
  matched_minor: Minor
  unreconciled_minor: Minor
}

export interface Run {
  id: string
  left: { id: string; name: string }
  right: { id: string; name: string }
  rule_set: { id: string; name: string; version: number }
  from: string | null
  to: string | null
  status: RunStatus
  dry_run: boolean
  error: string | null
  created_at: string
  started_at: string | null
  finished_at: string | null
  created_by: string
  progress: Frame | null
  stats: RunStats | null
}

export interface NewRun {
  left: string
  right: string
  rule_set: string | null
  from: string | null
  to: string | null
  dry_run: boolean
}

export type MatchStatus = 'confirmed' | 'suggested' | 'rejected'

export interface Evidence {
  name: string
  left: string | null
  right: string | null
  value: string | null
  pass: boolean
}

export interface Match {
  id: string
  run_id: string
  kind: string
  status: MatchStatus
  score: number | null
  pass: string | null
  ccy: string
  left_sum: Minor
  right_sum: Minor
  variance_minor: Minor
  ambiguous: boolean
  reason: string | null
  created_by: string | null
  confirmed_by: string | null
  left: Txn[]
  right: Txn[]
  evidence: Evidence[]
}

export interface ExceptionItem {
  id: string
  run_id: string
  side: Side
  status: 'open' | 'assigned' | 'proposed' | 'closed'
  reason_code: string
  resolution: string | null
  reason: string | null
  assignee: string | null
  proposed_by: string | null
  approved_by: string | null
  due_at: string
  age_days: number
  match_id: string | null
  txn: Txn
  comments: { at: string; author: string; text: string }[]
}

export interface Dashboard {
  runs: number
  match_rate: number | null
  exceptions_open: number
  ageing: { bucket: string; count: number }[]
  value: CurrencyValue[]
  last_runs: Run[]
}

export interface AuditEvent {
  seq: string
  at: string
  actor: string
  role: string
  action: string
  entity: string
  entity_id: string
  before: unknown
  after: unknown
  hash: string
}

export interface AuditVerdict {
  ok: boolean
  events: number
  head: string
  first_broken_seq: string | null
}

export type ExportKind = 'matched' | 'unmatched' | 'exceptions' | 'summary'
export type ExportFormat = 'csv' | 'json'
