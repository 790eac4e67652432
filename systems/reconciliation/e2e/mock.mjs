// A MOCK of the API for working on the page without a database: in memory, forgets everything, no security.
// It follows ../api/API.md and serves the built page under the content security policy that the edge sends.
//
//   node mock.mjs --port 8080 [--dist ../web/dist]        serve
//   node mock.mjs --make DIR --rows 2000                  write left.csv, right.csv and truth.csv
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { WebSocketServer } from 'ws'
import { makeFiles, pairUp, readFile } from './mock-data.mjs'

const { values: args } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    dist: { type: 'string', default: new URL('../web/dist', import.meta.url).pathname },
    make: { type: 'string' },
    rows: { type: 'string', default: '2000' },
  },
})

const ALL = ['uploads.write', 'runs.start', 'matches.propose', 'matches.confirm', 'read', 'export']
const ROLES = {
  admin: ['users.manage', 'settings', 'audit.read', 'audit.verify'],
  rule_manager: ['sources.write', 'rules.write', 'read', 'export'],
  preparer: ALL,
  approver: ['matches.confirm', 'exceptions.approve', 'runs.certify', 'runs.reopen', 'read', 'export', 'audit.read', 'audit.verify'],
  auditor: ['read', 'export', 'audit.read', 'audit.verify'],
}
const now = () => new Date().toISOString()
const users = Object.entries(ROLES).map(([role, permissions]) => ({
  id: randomUUID(), email: `${role}@example.com`, role, must_change_password: false, permissions, disabled: false,
}))
const source = (name, account) => ({ id: randomUUID(), name, format: 'csv', account, ccy: null, mapping: { delimiter: ',' }, version: 1, created_at: now(), transactions: 0 })
const db = {
  tokens: new Map(), refresh: new Map(),
  sources: [source('Bank', 'DE89 3704 0044 0532 0130 00'), source('Ledger', '1200 Receivables')],
  txns: [], uploads: [], errors: new Map(), runs: [], items: new Map(), matches: new Map(), exceptions: [], audit: [], frames: new Map(),
}
const ruleSet = {
  id: randomUUID(), name: 'Bank statement against ledger', version: 1, default: true, created_at: now(),
  passes: [['end-to-end id', 'confirmed'], ['reference and amount', 'confirmed'], ['reference and small variance', 'suggested'], ['reference and amount, late', 'suggested'], ['amount, date and party', 'confirmed']]
    .map(([name, outcome]) => ({ name, kind: 'one_to_one', outcome })),
}

class Refusal extends Error {
  constructor(status, code, detail = null) {
    super(code)
    Object.assign(this, { status, code, detail })
  }
}

function audit(user, action, entity, entity_id, before, after) {
  const prev = db.audit.at(-1)?.hash ?? ''
  const hash = createHash('sha256').update(prev + JSON.stringify([action, entity_id, before, after])).digest('hex')
  db.audit.push({ seq: String(db.audit.length + 1), at: now(), actor: user?.email ?? 'system', role: user?.role ?? 'system', action, entity, entity_id, before, after, hash })
}

function session(user) {
  const access_token = randomUUID()
  const refresh_token = randomUUID()
  db.tokens.set(access_token, user)
  db.refresh.set(refresh_token, user)
  return { access_token, token_type: 'Bearer', expires_in: 900, refresh_token, user }
}

function page(list, query) {
  const limit = Number(query.get('limit') ?? 100)
  const from = Number(query.get('cursor') ?? 0)
  const end = from + limit
  return { items: list.slice(from, end), next_cursor: end < list.length ? String(end) : null }
}

const fits = (query, row, keys) => keys.every((key) => !query.get(key) || row[key] === query.get(key))
const mentions = (query, txn) => {
  const q = (query.get('q') ?? '').toLowerCase()
  return q === '' || [txn.reference, txn.counterparty, txn.ext_id].some((v) => v?.toLowerCase().includes(q))
}

/** The parts of a small multipart body. Enough for the page's own uploads. */
function multipart(body, type) {
  const boundary = `--${/boundary=(.+)$/.exec(type)[1]}`
  const parts = {}
  for (const part of body.toString('latin1').split(boundary).slice(1, -1)) {
    const at = part.indexOf('\r\n\r\n')
    const head = part.slice(0, at)
    parts[/name="([^"]+)"/.exec(head)[1]] = { filename: /filename="([^"]+)"/.exec(head)?.[1], text: Buffer.from(part.slice(at + 4, -2), 'latin1').toString() }
  }
  return parts
}

function takeUpload(user, body, type) {
  const { source_id, file } = multipart(body, type)
  const to = db.sources.find((s) => s.id === source_id.text)
  if (!to) throw new Refusal(404, 'not_found')
  const sha256 = createHash('sha256').update(file.text).digest('hex')
  const before = db.uploads.find((u) => u.source_id === to.id && u.sha256 === sha256)
  if (before) return [200, { ...before, replayed: true }]
  const { txns, errors } = readFile(file.text, to.id, db.txns.length + 1)
  db.txns.push(...txns)
  to.transactions += txns.length
  const upload = {
    id: randomUUID(), source_id: to.id, source_name: to.name, filename: file.filename, sha256, bytes: file.text.length, status: 'done', replayed: false,
    rows_in: txns.length + errors.length, accepted: txns.length, duplicate: 0, rejected: errors.length, created_at: now(), created_by: user.email, duration_ms: 184,
  }
  db.uploads.unshift(upload)
  db.errors.set(upload.id, errors)
  audit(user, 'upload.create', 'upload', upload.id, null, { filename: upload.filename, accepted: upload.accepted })
  return [201, upload]
}

function startRun(user, body) {
  const side = (id) => db.sources.find((s) => s.id === id) ?? (() => { throw new Refusal(404, 'not_found') })()
  const left = side(body.left)
  const right = side(body.right)
  const run = {
    id: randomUUID(), left: { id: left.id, name: left.name }, right: { id: right.id, name: right.name },
    rule_set: { id: ruleSet.id, name: ruleSet.name, version: 1 }, from: body.from, to: body.to, status: 'matching', dry_run: body.dry_run, error: null,
    created_at: now(), started_at: now(), finished_at: null, created_by: user.email, progress: null, stats: null,
  }
  db.runs.unshift(run)
  db.frames.set(run.id, [])
  audit(user, 'run.start', 'run', run.id, null, { left: left.name, right: right.name })
  simulate(run)
  return run
}

/** Plays the passes at a pace that can be watched, then puts the result in place. */
function simulate(run) {
  const lefts = db.txns.filter((t) => t.source_id === run.left.id)
  const rights = db.txns.filter((t) => t.source_id === run.right.id)
  const pairs = pairUp(lefts, rights)
  const confirmed = pairs.filter((p) => p.status === 'confirmed').length
  const total = lefts.length + rights.length
  const shares = [[0.02, 0], [0.9, 0], [0.9, 1], [0.9, 1], [1, 1]]
  const steps = ruleSet.passes.length * 6
  let tick = 0
  const timer = setInterval(() => {
    tick += 1
    const pass = Math.min(Math.floor((tick - 1) / 6), 4)
    const [m0, s0] = pass === 0 ? [0, 0] : shares[pass - 1]
    const within = ((tick - 1) % 6 + 1) / 6
    const at = (from, to) => from + (to - from) * within
    const frame = {
      seq: tick, type: within === 1 ? 'pass_done' : 'progress', pass: ruleSet.passes[pass].name, processed: Math.floor((total * 5 * tick) / steps), total: total * 5,
      matched: Math.floor(confirmed * at(m0, shares[pass][0])), suggested: Math.floor((pairs.length - confirmed) * at(s0, shares[pass][1])),
      rows_per_s: 64_000, eta_ms: (steps - tick) * 120,
    }
    if (tick < steps) return emit(run, frame)
    clearInterval(timer)
    settle(run, lefts, rights, pairs)
    emit(run, { ...frame, type: 'done', pass: null, matched: confirmed, suggested: pairs.length - confirmed, eta_ms: 0 })
  }, 120)
}

const sockets = new Map()
function emit(run, frame) {
  run.progress = frame
  db.frames.get(run.id).push(frame)
  for (const socket of sockets.get(run.id) ?? []) {
    socket.send(JSON.stringify(frame))
    if (frame.type === 'done') socket.close(1000)
  }
}

function settle(run, lefts, rights, pairs) {
  const rows = [...lefts.map((t) => ({ ...t, side: 'left' })), ...rights.map((t) => ({ ...t, side: 'right' }))]
    .map((t) => ({ ...t, state: 'unmatched', match_id: null, exception_id: null }))
  const byId = new Map(rows.map((r) => [r.txn_id, r]))
  for (const pair of pairs) {
    const exact = pair.status === 'confirmed'
    const match = {
      id: randomUUID(), run_id: run.id, kind: 'one_to_one', status: pair.status, score: exact ? 1 : 0.97, pass: ruleSet.passes[exact ? 1 : 2].name, ccy: pair.left.ccy,
      left_sum: pair.left.amount_minor, right_sum: pair.right.amount_minor, variance_minor: String(pair.variance), ambiguous: false, reason: null,
      created_by: null, confirmed_by: null, left: [pair.left], right: [pair.right],
      evidence: [
        { name: 'reference', left: pair.left.reference, right: pair.right.reference, value: 'equal', pass: true },
        { name: 'amount', left: pair.left.amount_minor, right: pair.right.amount_minor, value: String(pair.variance), pass: true },
        { name: 'booking_date', left: pair.left.booking_date, right: pair.right.booking_date, value: '0 days', pass: true },
      ],
    }
    db.matches.set(match.id, match)
    for (const t of [pair.left, pair.right]) Object.assign(byId.get(t.txn_id), { state: exact ? 'matched' : 'suggested', match_id: match.id })
  }
  db.items.set(run.id, rows)
  for (const row of rows.filter((r) => r.state !== 'matched')) {
    const item = {
      id: randomUUID(), run_id: run.id, side: row.side, status: 'open', resolution: null, reason: null, assignee: null, proposed_by: null, approved_by: null,
      reason_code: row.state === 'suggested' ? 'amount_variance' : row.side === 'left' ? 'missing_in_right' : 'missing_in_left',
      due_at: '2026-12-01T00:00:00Z', age_days: 3, match_id: row.match_id, txn: row, comments: [],
    }
    row.exception_id = item.id
    db.exceptions.push(item)
  }
  run.status = 'review'
  run.finished_at = now()
  audit(null, 'run.finish', 'run', run.id, { status: 'matching' }, { status: 'review' })
  recount(run)
}

function recount(run) {
  const rows = db.items.get(run.id)
  const matches = [...db.matches.values()].filter((m) => m.run_id === run.id && m.status !== 'rejected')
  const confirmed = matches.filter((m) => m.status === 'confirmed').length
  const count = (side) => Object.fromEntries(['matched', 'suggested', 'duplicate', 'unmatched'].map((s) => [s, rows.filter((r) => r.side === side && r.state === s).length]))
  const left = count('left')
  const right = count('right')
  const value = new Map()
  for (const row of rows) {
    const v = value.get(row.ccy) ?? { matched: 0n, open: 0n }
    const size = BigInt(row.amount_minor.replace('-', ''))
    if (row.state === 'matched') v.matched += size
    else v.open += size
    value.set(row.ccy, v)
  }
  const left_rows = rows.filter((r) => r.side === 'left').length
  run.stats = {
    left_rows, right_rows: rows.length - left_rows, matches: matches.length, confirmed, suggested: matches.length - confirmed, left, right,
    exceptions_open: db.exceptions.filter((e) => e.run_id === run.id && e.status !== 'closed').length,
    match_rate: (left.matched + right.matched) / rows.length, duration_ms: 3120, rows_per_s: 64_000,
    passes: ruleSet.passes.map(({ name }) => {
      const mine = matches.filter((m) => m.pass === name)
      const sure = mine.filter((m) => m.status === 'confirmed').length
      return { name, matches: mine.length, confirmed: sure, suggested: mine.length - sure }
    }),
    by_ccy: [...value].sort().map(([ccy, v]) => ({ ccy, matched_minor: String(v.matched), unreconciled_minor: String(v.open) })),
  }
}

function setMatch(user, match, status, reason) {
  const run = db.runs.find((r) => r.id === match.run_id)
  Object.assign(match, { status, reason: reason ?? match.reason, confirmed_by: status === 'confirmed' ? user.email : null })
  for (const row of db.items.get(run.id).filter((r) => r.match_id === match.id)) {
    row.state = status === 'confirmed' ? 'matched' : 'unmatched'
    if (status === 'rejected') row.match_id = null
  }
  audit(user, `match.${status}`, 'match', match.id, null, { status })
  recount(run)
  return match
}

function matchByHand(user, body) {
  const run = find(db.runs, body.run_id)
  const rows = db.items.get(run.id)
  const pick = (ids) => ids.map((id) => rows.find((r) => r.txn_id === id))
  const [left, right] = [pick(body.left_ids), pick(body.right_ids)]
  const sum = (list) => list.reduce((s, r) => s + BigInt(r.amount_minor), 0n)
  if (sum(left) !== sum(right)) throw new Refusal(422, 'unbalanced', `left ${sum(left)}, right ${sum(right)}`)
  const match = {
    id: randomUUID(), run_id: run.id, kind: 'manual', status: 'confirmed', score: 1, pass: null, ccy: left[0].ccy, left_sum: String(sum(left)), right_sum: String(sum(right)),
    variance_minor: '0', ambiguous: false, reason: body.reason, created_by: user.email, confirmed_by: null, left, right, evidence: [],
  }
  db.matches.set(match.id, match)
  for (const row of [...left, ...right]) Object.assign(row, { state: 'matched', match_id: match.id })
  audit(user, 'match.create', 'match', match.id, null, { left: body.left_ids, right: body.right_ids })
  recount(run)
  return match
}

function exported(run, query) {
  const kind = query.get('kind')
  const rows = db.items.get(run.id)
  const shown = kind === 'matched' ? rows.filter((r) => r.state === 'matched') : kind === 'summary' ? [run.stats] : rows.filter((r) => r.state !== 'matched')
  if (query.get('fmt') === 'json') return ['application/json', JSON.stringify({ kind, run_id: run.id, items: shown, rows: shown.length, sha256: createHash('sha256').update(JSON.stringify(shown)).digest('hex') })]
  const head = 'match_id,side,state,ext_id,amount,ccy\n'
  const body = head + shown.map((r) => `${r.match_id ?? ''},${r.side},${r.state},${r.ext_id},${r.amount_minor},${r.ccy}\n`).join('')
  return ['text/csv', `${body}#rows=${shown.length},sha256=${createHash('sha256').update(body).digest('hex')}\n`]
}

function find(list, id) {
  const found = list.find((x) => x.id === id)
  if (!found) throw new Refusal(404, 'not_found')
  return found
}

function setException(user, item, change) {
  Object.assign(item, change)
  audit(user, 'exception.update', 'exception', item.id, null, change)
  return item
}

/** Answers `[status, body]`; a third member is the content type of a download. */
function answer(method, parts, query, user, body, raw, type) {
  const [a, b, c] = parts
  switch (`${method} ${a}`) {
    case 'GET dashboard': {
      const done = db.runs.filter((r) => r.stats)
      const values = done[0]?.stats.by_ccy ?? []
      const open = db.exceptions.filter((e) => e.status !== 'closed').length
      return [200, { runs: db.runs.length, match_rate: done[0]?.stats.match_rate ?? null, exceptions_open: open, ageing: ['0-7', '8-30', '31-90', '>90'].map((bucket, i) => ({ bucket, count: i === 0 ? open : 0 })), value: values, last_runs: db.runs.slice(0, 5) }]
    }
    case 'GET sources': return [200, { items: db.sources, next_cursor: null }]
    case 'POST sources': {
      if (db.sources.some((s) => s.name === body.name)) throw new Refusal(409, 'conflict', `a source named ${body.name} exists`)
      const made = { ...source(body.name, body.account), ccy: body.ccy }
      db.sources.push(made)
      return [201, made]
    }
    case 'PATCH sources': return [200, Object.assign(find(db.sources, b), body, { version: body.version + 1 })]
    case 'POST uploads': return takeUpload(user, raw, type)
    case 'GET uploads': return c === 'errors' ? [200, page(db.errors.get(b) ?? [], query)] : [200, page(db.uploads, query)]
    case 'GET rules': return [200, { items: [ruleSet], next_cursor: null }]
    case 'POST runs':
      if (!b) return [202, startRun(user, body)]
      return [200, Object.assign(find(db.runs, b), { status: c === 'certify' ? 'certified' : c === 'reopen' ? 'review' : 'cancelled' })]
    case 'GET runs': {
      if (!b) return [200, page(db.runs, query)]
      const run = find(db.runs, b)
      if (c === 'items') return [200, page(db.items.get(b).filter((r) => fits(query, r, ['side', 'state', 'ccy']) && mentions(query, r)), query)]
      if (c === 'matches') return [200, page([...db.matches.values()].filter((m) => m.run_id === b && fits(query, m, ['status', 'pass'])), query)]
      if (c === 'export') { const [ct, text] = exported(run, query); return [200, text, ct] }
      return [200, run]
    }
    case 'GET matches': return [200, find([...db.matches.values()], b)]
    case 'POST matches': {
      if (!b) return [201, matchByHand(user, body)]
      return [200, setMatch(user, find([...db.matches.values()], b), c === 'confirm' ? 'confirmed' : 'rejected', body?.reason)]
    }
    case 'GET exceptions':
      return b ? [200, find(db.exceptions, b)] : [200, page(db.exceptions.filter((e) => fits(query, e, ['run_id', 'status', 'reason_code', 'side']) && mentions(query, e.txn)), query)]
    case 'PATCH exceptions': return [200, setException(user, find(db.exceptions, b), { assignee: body.assignee, status: 'assigned' })]
    case 'POST exceptions': {
      const item = find(db.exceptions, b)
      if (c === 'comment') { item.comments.push({ at: now(), author: user.email, text: body.text }); return [201, item] }
      const change = { propose: { status: 'proposed', resolution: body.resolution, reason: body.reason, proposed_by: user.email }, approve: { status: 'closed', approved_by: user.email }, reject: { status: 'open' } }[c]
      return [200, setException(user, item, change)]
    }
    case 'GET audit':
      if (b === 'verify') return [200, { ok: true, events: db.audit.length, head: db.audit.at(-1)?.hash ?? '', first_broken_seq: null }]
      return [200, page([...db.audit].reverse().filter((e) => fits(query, e, ['entity'])), query)]
    case 'GET users': return [200, { items: users, next_cursor: null }]
    case 'POST users': { const u = { id: randomUUID(), ...body, disabled: false, must_change_password: true, permissions: ROLES[body.role] ?? [] }; users.push(u); return [201, u] }
    case 'PATCH users': return [200, Object.assign(find(users, b), body)]
  }
  throw new Refusal(404, 'not_found')
}

function authAnswer(path, body, token) {
  if (path === 'login') {
    const user = users.find((u) => u.email === body.email)
    if (!user || body.password !== 'correct horse battery') throw new Refusal(401, 'invalid_credentials')
    audit(user, 'session.login', 'session', user.id, null, null)
    return [200, session(user)]
  }
  if (path === 'refresh') {
    const user = db.refresh.get(body.refresh_token)
    db.refresh.delete(body.refresh_token)
    if (!user) throw new Refusal(401, 'unauthorized')
    return [200, session(user)]
  }
  if (path === 'logout') { db.refresh.delete(body.refresh_token); return [204, null] }
  const user = db.tokens.get(token)
  if (!user) throw new Refusal(401, 'unauthorized')
  return [200, user]
}

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }
function staticFile(path, response) {
  const name = normalize(path).replace(/^(\.\.[/\\])+/, '')
  const known = extname(name) !== ''
  let bytes
  try {
    bytes = readFileSync(join(args.dist, known ? name : 'index.html'))
  } catch {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': TYPES[known ? extname(name) : '.html'] ?? 'application/octet-stream', 'content-security-policy': "default-src 'self'", 'x-content-type-options': 'nosniff' })
  response.end(bytes)
}

function handleApi(request, response, url, raw) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const type = request.headers['content-type'] ?? ''
  const parts = url.pathname.slice('/api/v1/'.length).split('/')
  try {
    const body = type.startsWith('application/json') && raw.length > 0 ? JSON.parse(raw) : null
    const user = db.tokens.get(token)
    if (parts[0] !== 'auth' && !user) throw new Refusal(401, 'unauthorized')
    const [status, value, as] = parts[0] === 'auth' ? authAnswer(parts[1], body, token) : answer(request.method, parts, url.searchParams, user, body, raw, type)
    response.writeHead(status, { 'content-type': as ?? 'application/json', ...(as ? { 'content-disposition': `attachment; filename="${url.searchParams.get('kind')}.${url.searchParams.get('fmt')}"` } : {}) })
    response.end(status === 204 ? undefined : as ? value : JSON.stringify(value))
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'internal', String(error))
    response.writeHead(refusal.status, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ type: `/problems/${refusal.code}`, title: refusal.code, status: refusal.status, code: refusal.code, detail: refusal.detail, instance: url.pathname, request_id: randomUUID(), errors: [] }))
  }
}

function serve() {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://mock')
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => (url.pathname.startsWith('/api/') ? handleApi(request, response, url, Buffer.concat(chunks)) : staticFile(url.pathname, response)))
  })
  const ws = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => ws.handleUpgrade(request, socket, head, (client) => {
    const id = request.url.split('/').at(-1)
    client.once('message', (data) => {
      const hello = JSON.parse(data)
      if (!db.tokens.has(hello.token)) return client.close(4401)
      if (!db.frames.has(id)) return client.close(4404)
      for (const frame of db.frames.get(id).filter((f) => f.seq > hello.last_seq)) client.send(JSON.stringify(frame))
      if (db.frames.get(id).at(-1)?.type === 'done') return client.close(1000)
      sockets.set(id, [...(sockets.get(id) ?? []), client])
    })
    client.on('close', () => sockets.set(id, (sockets.get(id) ?? []).filter((s) => s !== client)))
  }))
  server.listen(Number(args.port), '127.0.0.1', () => console.log(`mock on http://127.0.0.1:${server.address().port}, password "correct horse battery" for ${users.map((u) => u.email).join(', ')}`))
}

if (args.make) {
  mkdirSync(args.make, { recursive: true })
  for (const [name, text] of Object.entries(makeFiles(Number(args.rows)))) writeFileSync(join(args.make, `${name}.csv`), text)
} else serve()
