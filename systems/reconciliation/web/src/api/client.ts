/** HTTP with a token: JSON requests, uploads that report progress, downloads that become files. */
import { apiUrl } from './config'
import { ApiError, isAbort, problemFrom, Unreachable } from './problem'
import { accessToken, forget, renew } from './session'

/** Longer than the edge waits for the backend, so that the edge's own answer arrives first. */
const DEADLINE_MS = 65_000

/** 50 MB over a slow line (1 Mbit/s is 7 minutes), then the server stores a million rows. */
const UPLOAD_DEADLINE_MS = 15 * 60_000

export type Query = Readonly<Record<string, string | number | null | undefined>>

interface Options {
  query?: Query
  body?: unknown
  signal?: AbortSignal | undefined
}

/** Drops what is empty: an absent filter is no filter. */
export function queryString(query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') params.set(key, String(value))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

async function send(method: string, path: string, options: Options, token: string | null): Promise<Response> {
  const headers = new Headers({ accept: 'application/json' })
  if (token !== null) headers.set('authorization', `Bearer ${token}`)
  const init: RequestInit = { method, headers }
  if (options.body instanceof FormData) init.body = options.body
  else if (options.body !== undefined) {
    headers.set('content-type', 'application/json')
    init.body = JSON.stringify(options.body)
  }
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  init.signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  try {
    return await fetch(apiUrl(path) + queryString(options.query), init)
  } catch (error) {
    if (isAbort(error)) throw error
    throw new Unreachable()
  }
}

/** A token may be revoked before it expires: then one renewal and one more try, never a loop. */
async function sendAuthorised(method: string, path: string, options: Options): Promise<Response> {
  const answer = await send(method, path, options, await accessToken())
  if (answer.status !== 401) return answer
  const token = await renew()
  if (token === null) {
    forget()
    return answer
  }
  return send(method, path, options, token)
}

async function failure(answer: Response): Promise<ApiError> {
  return problemFrom(answer.status, await answer.text(), answer.headers.get('retry-after'))
}

async function json<T>(answer: Response): Promise<T> {
  if (!answer.ok) throw await failure(answer)
  return (answer.status === 204 ? undefined : await answer.json()) as T
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return json<T>(await sendAuthorised('GET', path, { query: query ?? {}, signal }))
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  return json<T>(await sendAuthorised('POST', path, { body: body ?? {} }))
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return json<T>(await sendAuthorised('PATCH', path, { body }))
}

/** For the routes that need no login. */
export async function postPublic<T>(path: string, body: unknown): Promise<T> {
  return json<T>(await send('POST', path, { body }, null))
}

/** Fetches a file with the token and hands it to the browser under the server's name for it. */
export async function download(path: string, query: Query, fallbackName: string): Promise<Blob> {
  const answer = await sendAuthorised('GET', path, { query })
  if (!answer.ok) throw await failure(answer)
  const blob = await answer.blob()
  const url = URL.createObjectURL(blob)
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = filenameOf(answer.headers.get('content-disposition')) ?? fallbackName
  anchor.click()
  // The click only queues the download; the address must outlive this turn.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
  return blob
}

/** The plain file name of a Content-Disposition header. */
export function filenameOf(disposition: string | null): string | null {
  return /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1] ?? null
}

/** Sends a form and reports the share of bytes sent. `fetch` cannot report that; XHR can. */
export async function upload<T>(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<T> {
  const first = await uploadOnce(path, form, onProgress, signal, await accessToken())
  const answer = first.status === 401
    ? await uploadOnce(path, form, onProgress, signal, await renew())
    : first
  if (answer.status === 401) forget()
  if (answer.status >= 400) throw problemFrom(answer.status, answer.body, answer.retryAfter)
  return JSON.parse(answer.body) as T
}

interface RawAnswer {
  status: number
  body: string
  retryAfter: string | null
}

function uploadOnce(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal: AbortSignal,
  token: string | null,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', apiUrl(path))
    request.timeout = UPLOAD_DEADLINE_MS
    if (token !== null) request.setRequestHeader('authorization', `Bearer ${token}`)
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total)
    }
    request.onload = () => resolve({
      status: request.status,
      body: request.responseText,
      retryAfter: request.getResponseHeader('retry-after'),
    })
    request.onerror = () => reject(new Unreachable())
    request.ontimeout = () => reject(new Unreachable())
    request.onabort = () => reject(new DOMException('upload given up', 'AbortError'))
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(form)
  })
}
