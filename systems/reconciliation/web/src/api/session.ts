/**
 * Who is logged in. The access token lives in memory only. The refresh token lives in local
 * storage, shared by the tabs of this browser: it is rotated at each use, and using one twice
 * revokes the whole family, so tabs must take turns and always use the newest.
 */
import { apiUrl } from './config'
import { problemFrom, Unreachable } from './problem'
import type { Session, User } from './types'

const STORE_KEY = 'recon.refresh_token'

/** Renew this long before the end, so that no request starts with a token about to die. */
const RENEW_EARLY_MS = 30_000

/** Longer than the edge waits for the backend, so that its answer arrives first. */
const REFRESH_DEADLINE_MS = 20_000

interface Access {
  token: string
  expiresAt: number
}

let access: Access | null = null
let renewal: Promise<string | null> | null = null
const listeners = new Set<(user: User | null) => void>()

function storedToken(): string | null {
  try {
    return localStorage.getItem(STORE_KEY)
  } catch {
    return null
  }
}

function storeToken(token: string | null): void {
  try {
    if (token === null) localStorage.removeItem(STORE_KEY)
    else localStorage.setItem(STORE_KEY, token)
  } catch {
    // Storage blocked: the session then ends with the page, which is the safe side.
  }
}

function tell(user: User | null): void {
  for (const listener of listeners) listener(user)
}

/** Takes over a fresh session, from a login or a renewal. */
export function adopt(session: Session): void {
  access = { token: session.access_token, expiresAt: Date.now() + session.expires_in * 1000 }
  storeToken(session.refresh_token)
  tell(session.user)
}

/** Forgets the session here and in the other tabs. */
export function forget(): void {
  access = null
  storeToken(null)
  tell(null)
}

/** Calls back with the user, or null, at each change. Returns how to stop. */
export function onSession(listener: (user: User | null) => void): () => void {
  const fromOtherTab = (event: StorageEvent) => {
    if (event.key === STORE_KEY && event.newValue === null) {
      access = null
      listener(null)
    }
  }
  listeners.add(listener)
  window.addEventListener('storage', fromOtherTab)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', fromOtherTab)
  }
}

/** The refresh token, for logging out. */
export function refreshToken(): string | null {
  return storedToken()
}

/** A token good for the next request, renewed when needed; null when nobody is logged in. */
export async function accessToken(): Promise<string | null> {
  if (access && access.expiresAt - Date.now() > RENEW_EARLY_MS) return access.token
  return renew()
}

/** Trades the refresh token for a new session; one at a time across this tab and all others. */
export function renew(): Promise<string | null> {
  renewal ??= inTurn(renewNow).finally(() => {
    renewal = null
  })
  return renewal
}

/** Web locks exist only in secure contexts; without them tabs are merely unlikely to collide. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks
  return locks ? locks.request('recon.refresh', work) as Promise<T> : work()
}

async function renewNow(): Promise<string | null> {
  const token = storedToken()
  if (token === null) return null
  let answer: Response
  try {
    answer = await fetch(apiUrl('/auth/refresh'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: token }),
      signal: AbortSignal.timeout(REFRESH_DEADLINE_MS),
    })
  } catch {
    throw new Unreachable()
  }
  if (answer.status === 401) {
    forget()
    return null
  }
  // Anything else is the server's trouble and no reason to throw the login away.
  if (!answer.ok) throw problemFrom(answer.status, await answer.text(), answer.headers.get('retry-after'))
  const session = (await answer.json()) as Session
  adopt(session)
  return session.access_token
}
