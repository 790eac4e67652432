// A headless Chromium with a fresh profile, and a page that remembers everything that went wrong in it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

/** Opens a browser; `close` ends it and removes its profile. `ignoreTls` is for a local CA only. */
export async function openBrowser({ width = 1440, height = 900, ignoreTls = false } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'recon-e2e-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: FLAGS,
    viewport: { width, height },
    acceptDownloads: true,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ignoreHTTPSErrors: ignoreTls,
    bypassCSP: false,
  })
  const page = context.pages()[0] ?? (await context.newPage())
  const troubles = []
  watch(page, troubles)
  // The browser reports violations to the document; the console message alone may be lost on navigation.
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))
  })
  const close = async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true })
  }
  return { page, troubles, close }
}

function watch(page, troubles) {
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`${message.type()}: ${message.text()} (${message.location().url})`)
  })
  page.on('requestfailed', (request) => {
    // A request given up by the page itself (a screen left, a search typed on) is no trouble.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') troubles.push(`request failed: ${request.url()} ${request.failure()?.errorText}`)
  })
}
