/** Settings of this installation, read once at start, so that one build serves every environment. */

/** An API path on this origin. Anything else would be refused by the content security policy. */
const DEFAULT_API_BASE = '/api/v1'

let apiBase = DEFAULT_API_BASE

/** Reads `/config.json`. A missing or broken file leaves the default: the page can still work. */
export async function loadConfig(): Promise<void> {
  try {
    const answer = await fetch('/config.json', { cache: 'no-cache', signal: AbortSignal.timeout(5000) })
    if (answer.ok) apiBase = apiBaseFrom(await answer.json())
  } catch {
    // Offline or not JSON; the first real request will say so in a place where it can be read.
  }
}

/** The base path that a configuration document names, without a trailing slash. */
export function apiBaseFrom(config: unknown): string {
  const base = (config as { API_BASE?: unknown } | null)?.API_BASE
  return typeof base === 'string' && base.startsWith('/') ? base.replace(/\/+$/, '') : DEFAULT_API_BASE
}

/** The full path of an API route. */
export function apiUrl(path: string): string {
  return apiBase + path
}

/** The address of a run's progress stream on this origin. */
export function progressUrl(runId: string): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${location.host}/ws/v1/runs/${encodeURIComponent(runId)}`
}
