/** What went wrong between the page and the server, in words a person can act on. */
import type { Problem } from './types'

/** Plain words for the codes of the contract where the server's own title would not help. */
const WORDS: Readonly<Record<string, string>> = {
  invalid_credentials: 'E-mail and password do not belong together.',
  locked_out: 'Too many failed attempts. This login is locked for a while.',
  too_many_requests: 'Too many requests in a short time. Wait a moment and try again.',
  forbidden: 'Your role does not allow this.',
  four_eyes: 'Somebody else has to approve this: you proposed it yourself.',
  not_found: 'This does not exist, or no longer.',
  conflict: 'Someone else was faster, or the state has changed. Reload and look again.',
  unbalanced: 'The two sides do not add up to the same amount.',
  too_large: 'The file is too large. The limit is 50 MB and 1,000,000 rows.',
  unsupported_media_type: 'The server cannot read this kind of file.',
  unavailable: 'The service is not ready at the moment. Try again shortly.',
  internal: 'Something failed on the server. The request number below helps to find out what.',
}

export class ApiError extends Error {
  readonly status: number
  readonly code: string
  /** What the server added for this case, when it says more than the headline. */
  readonly detail: string | null
  readonly requestId: string | null
  readonly fields: readonly { pointer: string; detail: string }[]
  /** Seconds to wait before another try, when the server named them. */
  readonly retryAfter: number | null

  constructor(problem: Problem, retryAfter: number | null = null) {
    const code = problem.code ?? 'unknown'
    super(WORDS[code] ?? problem.title)
    this.name = 'ApiError'
    this.status = problem.status
    this.code = code
    this.detail = problem.detail && problem.detail !== this.message ? problem.detail : null
    this.requestId = problem.request_id ?? null
    this.fields = (problem.errors ?? []).map((e) => ({ pointer: e.pointer, detail: e.detail ?? e.code }))
    this.retryAfter = retryAfter
  }
}

/** The request got no answer at all. */
export class Unreachable extends Error {
  constructor() {
    super('The server cannot be reached. Check the connection and try again.')
    this.name = 'Unreachable'
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && typeof (value as Problem).title === 'string'
}

/** Reads an error answer. One that is no problem document (a proxy's page) still gets a sentence. */
export function problemFrom(status: number, body: string, retryAfter: string | null): ApiError {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null
  let parsed: unknown = null
  try {
    parsed = JSON.parse(body)
  } catch {
    // Not JSON: the status alone has to do.
  }
  if (isProblem(parsed)) return new ApiError({ ...parsed, status }, seconds)
  const code = BY_STATUS[status] ?? 'unknown'
  return new ApiError({ title: `The server answered with status ${status}.`, status, code }, seconds)
}

const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'unauthorized', 403: 'forbidden', 404: 'not_found', 409: 'conflict', 413: 'too_large',
  415: 'unsupported_media_type', 429: 'too_many_requests', 500: 'internal', 502: 'unavailable',
  503: 'unavailable', 504: 'unavailable',
}

/** Whether the error only says that the caller itself gave up (left the screen, typed on). */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** One sentence for any error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something unexpected happened.'
}
