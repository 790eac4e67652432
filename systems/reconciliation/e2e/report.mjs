// Checks that go on after a failure, pictures in both themes, and the accessibility rules of axe.
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export class Report {
  constructor(page, shots) {
    this.page = page
    this.shots = shots
    this.failures = []
    this.checks = 0
    this.screens = 0
  }

  /** Notes whether something holds, and goes on: one run should tell all that is wrong. */
  check(what, holds, more = '') {
    this.checks += 1
    if (!holds) this.failures.push(`${what}${more === '' ? '' : `: ${more}`}`)
    console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds || more === '' ? '' : `: ${more}`}`)
  }

  equal(what, got, want) {
    this.check(what, got === want, `the page says ${got}, wanted ${want}`)
  }

  /** A picture of the screen and axe's verdict, in light and in dark. */
  async screen(name, { full = true } = {}) {
    this.screens += 1
    if (this.shots) await mkdir(this.shots, { recursive: true })
    for (const theme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      // The new colours are painted with the frame after the next.
      await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
      if (this.shots) await this.page.screenshot({ path: join(this.shots, `${name}-${theme}.png`), fullPage: full })
      // Dark is the same document in other colours: only the contrast can differ.
      await this.axe(`${name}, ${theme}`, theme === 'dark' ? { type: 'rule', values: ['color-contrast'] } : undefined)
    }
    await this.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  }

  async axe(name, only = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }) {
    // Evaluated by the debugger: a script tag would rightly be refused by the page's policy.
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(await readFile(AXE, 'utf8'))
    const { violations } = await this.page.evaluate((runOnly) => window.axe.run(document, { runOnly }), only)
    const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    const minor = violations.filter((v) => !grave.includes(v))
    for (const v of minor) console.log(`     axe, ${v.impact}: ${v.id} on ${name}: ${v.nodes[0]?.html.slice(0, 160)}`)
    this.check(`no serious accessibility violation on ${name}`, grave.length === 0, grave.map((v) => `${v.id} (${v.nodes.length}×, ${v.nodes[0]?.html.slice(0, 200)} ${v.nodes[0]?.failureSummary ?? ''})`).join('; '))
  }
}
