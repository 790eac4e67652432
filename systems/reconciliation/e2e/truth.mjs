// The truth file of the generator, and CSV as the export writes it.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Records of a CSV text, quotes and line ends inside quotes included. */
export function parseCsv(text) {
  const records = []
  let record = []
  let field = ''
  let quoted = false
  const endField = () => { record.push(field); field = '' }
  const endRecord = () => { endField(); if (record.length > 1 || record[0] !== '') records.push(record); record = [] }
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]
    if (quoted) {
      if (c !== '"') field += c
      else if (text[i + 1] === '"') { field += '"'; i += 1 }
      else quoted = false
    } else if (c === '"') quoted = true
    else if (c === ',') endField()
    else if (c === '\n') endRecord()
    else if (c !== '\r') field += c
  }
  if (field !== '' || record.length > 0) endRecord()
  return records
}

/** Rows as objects by the names of the header. */
export function rowsOf(text) {
  const [header = [], ...records] = parseCsv(text)
  return records.map((record) => Object.fromEntries(header.map((name, i) => [name, record[i] ?? ''])))
}

/** What the truth wants of each side, by state: how many rows, `counts.left.matched`, and which, `ids.left.matched`. */
export async function readTruth(path) {
  const rows = rowsOf(await readFile(path, 'utf8'))
  const first = rows[0] ?? {}
  const stateName = ['state', 'expected', 'expected_state'].find((name) => name in first)
  if (!('side' in first) || stateName === undefined) {
    throw new Error(`${path} needs the columns side and state; it has ${Object.keys(first).join(', ')}`)
  }
  const counts = { left: {}, right: {} }
  const ids = { left: {}, right: {} }
  for (const row of rows) {
    const state = row[stateName]
    counts[row.side][state] = (counts[row.side][state] ?? 0) + 1
    if (row.ext_id) (ids[row.side][state] ??= new Set()).add(row.ext_id)
  }
  return { rows: rows.length, counts, ids }
}

/** An exported file, its trailer checked: the number of rows, and the hash of all bytes before it. */
export function readExport(text) {
  const at = text.lastIndexOf('#rows=')
  const trailer = /^#rows=(\d+),sha256=([0-9a-f]{64})\s*$/.exec(text.slice(at))
  if (at < 0 || !trailer) throw new Error('the export has no trailer line')
  const body = text.slice(0, at)
  const sha256 = createHash('sha256').update(body).digest('hex')
  if (sha256 !== trailer[2]) throw new Error(`the export says sha256 ${trailer[2]}, its bytes have ${sha256}`)
  const rows = rowsOf(body)
  if (rows.length !== Number(trailer[1])) throw new Error(`the export says ${trailer[1]} rows and has ${rows.length}`)
  return rows
}
