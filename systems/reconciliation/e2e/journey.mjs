// The way of a preparer from login to export, in a real browser against a running system.
//
//   node journey.mjs --base http://127.0.0.1:8080 --email preparer@example.com --password … \
//        --left left.csv --right right.csv --truth truth.csv [--shots DIR] [--insecure] [--width 1440]
//        [--auditor EMAIL] [--admin EMAIL] [--manager EMAIL]   more screens, with the same password or --NAME-password
//
// Every count on the page and every exported row is held against the truth file. The exit code says it all.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { openBrowser } from './browser.mjs'
import { Report } from './report.mjs'
import { readExport, readTruth } from './truth.mjs'

const text = { type: 'string' }
const { values: args } = parseArgs({
  options: {
    base: { type: 'string', default: 'http://127.0.0.1:8080' },
    email: text, password: text, left: text, right: text, truth: text, shots: text,
    auditor: text, 'auditor-password': text, admin: text, 'admin-password': text, manager: text, 'manager-password': text,
    insecure: { type: 'boolean', default: false }, width: { type: 'string', default: '1440' },
  },
})
for (const name of ['email', 'password', 'left', 'right', 'truth']) {
  if (!args[name]) {
    console.error(`--${name} is missing`)
    process.exit(2)
  }
}

/** Storing 100,000 rows and matching them, on a machine that does other things as well. */
const SLOW = { timeout: 180_000 }

/** No wait below is longer than SLOW; a page that hangs inside a script has no other end. */
const WHOLE_MS = 600_000
setTimeout(() => {
  console.log(`FAIL the journey was not over after ${WHOLE_MS / 1000} s`)
  close().finally(() => process.exit(1))
}, WHOLE_MS).unref()

const { page, troubles, close } = await openBrowser({ ignoreTls: args.insecure, width: Number(args.width) })
page.setDefaultTimeout(45_000)
const report = new Report(page, args.shots)
const go = (path) => page.goto(new URL(path, args.base).href)
const number = async (locator) => Number((await locator.innerText()).split('\n')[0].replaceAll(/[^\d]/g, ''))
const count = (side, state) => page.getByTestId(`${side}-${state}`)

/** A password that is wrong on purpose makes the browser log a failed request; that one is expected. */
async function forgiving(pattern, work) {
  const before = troubles.length
  await work()
  const kept = troubles.splice(before).filter((t) => !pattern.test(t))
  troubles.push(...kept)
}

async function logIn(email, password) {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
}

async function login() {
  await go('/')
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  await report.screen('01-login')
  await forgiving(/401/, async () => {
    await page.getByLabel('E-mail').fill(args.email)
    await page.getByLabel('Password').fill('this is not it')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').waitFor()
    report.check('a wrong password is explained in plain words', /do not belong together/.test(await page.getByRole('alert').innerText()))
    await report.screen('02-login-refused')
  })
  await logIn(args.email, args.password)
  const token = await page.evaluate(() => Object.keys(localStorage))
  report.check('no access token is left in storage', token.every((key) => key !== 'access_token'), token.join())
  await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor()
}

async function sources() {
  await page.getByRole('link', { name: 'Sources' }).click()
  await page.getByRole('heading', { level: 2, name: 'Bank' }).waitFor()
  await report.screen('03-sources')
}

async function upload() {
  await page.getByRole('link', { name: 'Upload', exact: true }).click()
  await page.locator('input[name=left-file]').waitFor({ state: 'attached' })
  await report.screen('04-upload-empty')
  const ingest = {}
  for (const side of ['left', 'right']) {
    await page.locator(`select[name=${side}-source]`).selectOption({ label: side === 'left' ? 'Bank' : 'Ledger' })
    await page.locator(`input[name=${side}-file]`).setInputFiles(args[side])
    const card = page.locator(`.upload-${side}`)
    await card.getByRole('button', { name: 'Upload' }).click()
    await card.getByTestId('accepted').waitFor(SLOW)
    const lines = (await readFile(args[side], 'utf8')).split('\n').filter(Boolean).length - 1
    const [accepted, duplicate, bad] = await Promise.all(['accepted', 'duplicate', 'rejected'].map((id) => number(card.getByTestId(id))))
    report.equal(`every row of the ${side} file is accounted for`, accepted + duplicate + bad, lines)
    ingest[side] = { duplicate, bad }
  }
  await report.screen('05-upload-done')
  return ingest
}

async function run() {
  await page.getByRole('link', { name: 'Start a run' }).click()
  await page.locator('.passes li').first().waitFor()
  await report.screen('06-new-run')
  await page.getByRole('button', { name: 'Start run' }).click()
  const live = page.getByTestId('live')
  const summary = page.getByTestId('summary')
  await live.or(summary).first().waitFor()
  // The run may be quick; the live view stays for a second after its end.
  const phases = new Set()
  const moving = page.locator('[data-testid=live]:not([data-phase=waiting])')
  await moving.or(summary).first().waitFor(SLOW)
  if (await live.isVisible()) {
    phases.add(await live.getAttribute('data-phase'))
    // A picture from the middle, where there is one; a quick run may already be at its end.
    await page.waitForFunction(() => (document.querySelector('progress')?.position ?? 1) > 0.45, undefined, SLOW).catch(() => undefined)
    if (args.shots) await report.page.screenshot({ path: `${args.shots}/07-live-light.png` })
    await report.axe('07-live, light')
  }
  await summary.waitFor(SLOW)
  report.check('the live view showed the run by WebSocket', [...phases].some((p) => p === 'running' || p === 'done'), [...phases].join() || 'never seen')
  await report.screen('08-result')
}

/** What the ingestion refused is in the truth file, too, but no part of a run. */
async function counts(truth, ingest) {
  for (const side of ['left', 'right']) {
    for (const state of ['matched', 'suggested', 'unmatched']) {
      report.equal(`${side} rows ${state}`, await number(count(side, state)), truth.counts[side][state] ?? 0)
    }
    const duplicates = (await number(count(side, 'duplicate'))) + ingest[side].duplicate
    report.equal(`${side} rows duplicate`, duplicates, truth.counts[side].duplicate ?? 0)
    report.equal(`${side} rows rejected`, ingest[side].bad, truth.counts[side].rejected ?? 0)
  }
}

async function workspace(truth) {
  await page.getByRole('link', { name: 'Open workspace' }).click()
  const left = page.getByRole('grid').first()
  await left.getByRole('row').nth(1).waitFor()
  for (const state of ['Matched', 'Suggested', 'Unmatched']) {
    await page.locator('.filter', { hasText: state }).filter({ hasNotText: state === 'Matched' ? 'Unmatched' : '§' }).click()
    await page.waitForURL(new RegExp(`state=${state.toLowerCase()}`))
    for (const side of ['left', 'right']) {
      report.equal(`the ${side} table filtered by ${state.toLowerCase()}`, await number(page.getByTestId(`${side}-total`)), truth.counts[side][state.toLowerCase()] ?? 0)
    }
    if (state === 'Suggested') await report.screen('10-workspace-suggested', { full: false })
  }
  await page.locator('.filter-all').click()
  await page.locator('.pane-left .grid-space .cell-state .icon').first().waitFor()
  await report.screen('09-workspace-all', { full: false })
}

/** By keyboard: into the table, down to a row, enter, read why, escape. */
async function evidence() {
  await page.locator('.filter-matched').click()
  await page.waitForURL(/state=matched/)
  const grid = page.getByTestId('pane-left').getByRole('grid')
  await grid.locator('.grid-space .cell-amount').filter({ hasText: /\d/ }).nth(3).waitFor()
  await grid.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByTestId('evidence').waitFor()
  const rows = await page.getByTestId('evidence').locator('tbody tr').count()
  report.check('a match opened by keyboard shows why it was made', rows > 0)
  await report.screen('11-match-evidence', { full: false })
  await page.keyboard.press('Escape')
  await page.getByTestId('match-detail').waitFor({ state: 'detached' })
}

/** How far down a long table is looked at: beyond several pages of the API, short of reading it all. */
const DEEP_ROW = 2_500

/** Deep in a long table: the rows there arrive, and the document holds only what is in sight. */
async function scroll(truth) {
  const pane = page.getByTestId('pane-left')
  const row = Math.min(DEEP_ROW, truth.counts.left.matched ?? 0)
  await pane.getByRole('grid').evaluate((grid, at) => grid.scrollTo(0, at * 36), row - 1)
  await pane.locator(`[role=row][aria-rowindex="${row + 1}"] .cell-amount`).filter({ hasText: /\d/ }).waitFor(SLOW)
  const drawn = await pane.getByRole('row').count()
  report.check('a long table draws only the rows in sight', drawn < 120, `${drawn} rows in the document`)
}

async function pickByHand() {
  await page.locator('.filter-unmatched').click()
  await page.waitForURL(/state=unmatched/)
  for (const side of ['left', 'right']) {
    const box = page.getByTestId(`pane-${side}`).getByRole('checkbox').first()
    await box.waitFor()
    await box.check()
  }
  const verdict = await page.getByTestId('difference').innerText()
  report.check('the difference of picked rows is shown', /Off by|agree|currencies/.test(verdict), verdict)
  await report.screen('12-manual-match', { full: false })
  await page.getByRole('button', { name: 'Clear' }).click()
}

async function exceptions() {
  await page.locator('.tabs').getByRole('link', { name: /Exceptions/ }).click()
  await page.locator('.grid-exceptions .grid-space .cell-amount').filter({ hasText: /\d/ }).nth(2).waitFor()
  const drawn = await page.locator('.grid-exceptions').getByRole('row').count()
  report.check('the queue of exceptions draws only the rows in sight', drawn < 120, `${drawn} rows in the document`)
  await report.screen('13-exceptions', { full: false })
  await page.locator('.grid-space .grid-row').first().click()
  await page.getByTestId('exception-detail').waitFor()
  await report.screen('14-exception', { full: false })
  await page.keyboard.press('Escape')
}

async function exports(truth) {
  await page.locator('.tabs').getByRole('link', { name: 'Export' }).click()
  await report.screen('15-export')
  for (const kind of ['matched', 'unmatched', 'exceptions', 'summary']) {
    for (const fmt of ['CSV', 'JSON']) {
      const [file] = await Promise.all([
        page.waitForEvent('download', SLOW),
        page.getByRole('button', { name: `Download ${kind} as ${fmt}` }).click(),
      ])
      const content = await readFile(await file.path(), 'utf8')
      if (fmt === 'JSON') {
        const document = JSON.parse(content)
        report.equal(`${kind}.json holds as many items as it says`, document.items.length, document.rows)
        report.equal(`${kind}.json has the bytes that it was sealed with`, digestOfItems(content), document.sha256)
      } else CHECKS[kind](readExport(content), truth)
    }
  }
}

/** Of the bytes of the items array, as they stand in the file. */
function digestOfItems(content) {
  const from = content.indexOf('"items":') + '"items":'.length
  return createHash('sha256').update(content.slice(from, content.lastIndexOf(',"rows":'))).digest('hex')
}

/** One exported line is one row of one side; no row that the truth has elsewhere, and none of its own is missing. */
function checkRows(file, rows, truth, states) {
  for (const side of ['left', 'right']) {
    const mine = rows.filter((row) => row.side === side)
    const wanted = states.reduce((sum, state) => sum + (truth.counts[side][state] ?? 0), 0)
    report.equal(`${file}, ${side} rows`, mine.length, wanted)
    const ids = new Set(mine.map((row) => row.ext_id))
    const truly = new Set(states.flatMap((state) => [...(truth.ids[side][state] ?? [])]))
    const missing = [...truly].filter((id) => !ids.has(id))
    const strange = [...ids].filter((id) => !truly.has(id))
    report.check(`${file} holds the very rows of the truth, ${side}`, missing.length + strange.length === 0, `${missing.length} missing, first ${missing[0]}; ${strange.length} too many, first ${strange[0]}`)
  }
}

/** What each exported table must hold. A duplicate may have been dropped when it was read: its rows are counted elsewhere. */
const CHECKS = {
  matched: (rows, truth) => {
    checkRows('matched.csv, confirmed', rows.filter((row) => row.status === 'confirmed'), truth, ['matched'])
    checkRows('matched.csv, suggested', rows.filter((row) => row.status === 'suggested'), truth, ['suggested'])
  },
  unmatched: (rows, truth) => checkRows('unmatched.csv', rows.filter((row) => row.state === 'unmatched'), truth, ['unmatched']),
  exceptions: (rows, truth) => checkRows('exceptions.csv', rows.filter((row) => row.reason_code !== 'duplicate'), truth, ['unmatched', 'suggested']),
  summary: (rows, truth) => {
    for (const side of ['left', 'right']) {
      for (const state of ['matched', 'suggested', 'unmatched']) {
        const sum = rows.filter((row) => row.side === side && row.state === state).reduce((all, row) => all + Number(row.rows), 0)
        report.equal(`summary.csv, ${side} rows ${state} over all currencies`, sum, truth.counts[side][state] ?? 0)
      }
    }
  },
}

/** A match taken apart by hand and put together again: sums, difference, reason, and the counts as before. */
async function apartAndTogether(truth) {
  await page.locator('.tabs').getByRole('link', { name: 'Workspace' }).click()
  await page.locator('.filter-matched').click()
  await page.waitForURL(/state=matched/)
  const first = page.getByTestId('pane-left').locator('.grid-space .grid-row').first()
  await first.locator('.cell-amount').filter({ hasText: /\d/ }).waitFor()
  await first.click()
  const detail = page.getByTestId('match-detail')
  await detail.waitFor()
  const ids = await detail.locator('.slip code').allInnerTexts()
  await page.getByRole('button', { name: 'Unmatch', exact: true }).click()
  await page.getByLabel('Reason', { exact: true }).fill('tried by the journey')
  await page.getByRole('dialog').last().getByRole('button', { name: 'Unmatch', exact: true }).click()
  await detail.getByText('Rejected').waitFor()
  await page.keyboard.press('Escape')
  await detail.waitFor({ state: 'detached' })
  await page.locator('.filter-unmatched').click()
  await page.waitForURL(/state=unmatched/)
  await follows('one more row is unmatched when a match is taken apart', page.locator('.filter-unmatched .num'), (truth.counts.left.unmatched ?? 0) + 1)
  for (const [i, side] of ['left', 'right'].entries()) {
    const pane = page.getByTestId(`pane-${side}`)
    await pane.getByRole('searchbox').fill(ids[i])
    await pane.getByTestId(`${side}-total`).filter({ hasText: /^1 rows?$/ }).waitFor()
    await pane.getByRole('checkbox').first().check()
  }
  report.check('the rows of a match taken apart are found among the unmatched', true)
  report.equal('two sides that agree are called so', await page.getByTestId('difference').innerText(), 'The sides agree')
  await page.getByLabel('Reason for the match').fill('belongs together after all')
  await report.screen('21-sides-agree', { full: false })
  await page.getByRole('button', { name: 'Match', exact: true }).click()
  await page.getByText('Matched by hand.').waitFor()
  await page.locator('.tabs').getByRole('link', { name: 'Overview' }).click()
  await page.getByTestId('summary').waitFor()
  for (const side of ['left', 'right']) {
    await follows(`put together again by hand, the ${side} rows matched are as before`, count(side, 'matched'), truth.counts[side].matched ?? 0)
  }
}

/** A suggestion is confirmed from the drawer, the next one is offered and rejected; the counts follow. */
async function decide(truth) {
  await page.locator('.tabs').getByRole('link', { name: 'Workspace' }).click()
  await page.locator('.filter-suggested').click()
  await page.waitForURL(/state=suggested/)
  const first = page.getByTestId('pane-left').locator('.grid-space .grid-row').first()
  await first.locator('.cell-amount').filter({ hasText: /\d/ }).waitFor()
  await first.click()
  const detail = page.getByTestId('match-detail')
  await detail.getByText('Suggested').waitFor()
  await page.getByRole('button', { name: 'Confirm', exact: true }).click()
  await detail.getByText('Confirmed', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Next suggestion' }).click()
  await detail.getByText('Suggested').waitFor()
  report.check('a suggestion is confirmed, and the next one opens', true)
  await page.getByRole('button', { name: 'Reject', exact: true }).click()
  await page.getByLabel('Reason', { exact: true }).fill('not the same business')
  await report.screen('22-reject', { full: false })
  await page.getByRole('dialog').last().getByRole('button', { name: 'Reject', exact: true }).click()
  await detail.getByText('Rejected').waitFor()
  await page.keyboard.press('Escape')
  await detail.waitFor({ state: 'detached' })
  const change = { suggested: -2, unmatched: 1, matched: 1 }
  for (const [state, by] of Object.entries(change)) {
    await follows(`one confirmed and one rejected: left rows ${state}`, page.locator(`.filter-${state} .num`), (truth.counts.left[state] ?? 0) + by)
  }
}

/** How long a count may lag behind a decision: it is one request away. */
const FOLLOW = { timeout: 5_000 }

/** A count that changes with a decision; one that does not is a failure, but no end of the journey. */
async function follows(what, locator, want) {
  const holds = await locator.filter({ hasText: new RegExp(`^${want.toLocaleString('en-US')}`) }).waitFor(FOLLOW).then(() => true, () => false)
  report.check(what, holds, `the page says ${(await locator.innerText()).replaceAll('\n', ' ')}, wanted ${want.toLocaleString('en-US')}`)
}

async function dashboard() {
  await page.getByRole('link', { name: 'Runs' }).first().click()
  await page.locator('.row-link').first().waitFor()
  await report.screen('16-runs')
  await page.getByRole('link', { name: 'Dashboard' }).click()
  await page.getByTestId('match-rate').waitFor()
  await report.screen('17-dashboard')
}

/** A reload keeps the login; leaving ends it; another tab's address then asks for a login. */
async function leave() {
  await page.reload()
  await page.getByTestId('match-rate').waitFor()
  report.check('a reload keeps the login', true)
  await expiredToken()
  await logOut()
  await revokedLogin()
}

/** The server refuses the token once: the page renews it and asks again, and nobody notices. */
async function expiredToken() {
  await forgiving(/401/, async () => {
    await page.getByRole('link', { name: 'Runs' }).first().click()
    await page.locator('.row-link').first().waitFor()
    const renewed = page.waitForResponse('**/auth/refresh')
    await page.route('**/api/v1/dashboard', (route) => route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"title":"x","code":"unauthorized"}' }), { times: 1 })
    await page.getByRole('link', { name: 'Dashboard' }).click()
    await page.getByTestId('match-rate').waitFor()
    report.equal('a refused token is renewed without a word', (await renewed).status(), 200)
  })
}

/** A refresh token that the server no longer knows leads to the login, not to an error. */
async function revokedLogin() {
  await forgiving(/401/, async () => {
    await page.evaluate(() => localStorage.setItem('recon.refresh_token', 'revoked'))
    await page.reload()
    await page.getByRole('heading', { name: 'Log in' }).waitFor()
    report.check('a revoked login leads to the login page', true)
  })
}

async function logOut() {
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
}

async function otherRoles() {
  if (args.auditor) {
    await logIn(args.auditor, args['auditor-password'] ?? args.password)
    report.equal('an auditor is not offered an upload', await page.getByRole('link', { name: 'Upload', exact: true }).count(), 0)
    await page.getByRole('link', { name: 'Audit' }).click()
    await page.locator('tbody tr').first().waitFor()
    await page.getByRole('button', { name: 'Verify the chain' }).click()
    await page.getByText(/The chain of/).waitFor()
    await report.screen('18-audit', { full: false })
    await logOut()
  }
  if (args.manager) {
    await logIn(args.manager, args['manager-password'] ?? args.password)
    await go('/sources')
    await page.getByRole('button', { name: 'New source' }).click()
    await page.getByRole('dialog').waitFor()
    await report.screen('19-new-source', { full: false })
    await page.keyboard.press('Escape')
    await logOut()
  }
  if (args.admin) {
    await logIn(args.admin, args['admin-password'] ?? args.password)
    await go('/users')
    await page.locator('tbody tr').first().waitFor()
    report.equal('an administrator is not offered the runs', await page.getByRole('link', { name: 'Runs' }).count(), 0)
    await report.screen('20-users')
    await logOut()
  }
}

const steps = async () => {
  const truth = await readTruth(args.truth)
  await login()
  await sources()
  const ingest = await upload()
  await run()
  await counts(truth, ingest)
  await workspace(truth)
  await evidence()
  await scroll(truth)
  await pickByHand()
  await exceptions()
  await exports(truth)
  await apartAndTogether(truth)
  await decide(truth)
  await dashboard()
  await leave()
  await otherRoles()
}

try {
  await steps()
} catch (error) {
  report.failures.push(`the journey ended early: ${error.message}`)
  console.log(`FAIL the journey ended early: ${error.stack}`)
  if (args.shots) await page.screenshot({ path: `${args.shots}/99-where-it-ended.png` }).catch(() => undefined)
}
report.check('no error, no warning and no policy violation in the console', troubles.length === 0, troubles.join(' | '))
await close()
console.log(`${report.checks} checks on ${report.screens} screens, ${report.failures.length} failed`)
process.exitCode = report.failures.length === 0 ? 0 : 1
