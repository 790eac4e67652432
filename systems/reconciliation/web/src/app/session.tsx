/** The user of this page, for every component that has to know. */
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react'
import * as api from '../api/routes'
import { accessToken, onSession } from '../api/session'
import type { Permission, User } from '../api/types'
import { can } from '../lib/permissions'
import { navigate } from './router'

interface SessionState {
  user: User | null
  /** False until it is known whether an earlier login is still good. */
  ready: boolean
  error: unknown
  retry: () => void
}

const Context = createContext<SessionState>({ user: null, ready: false, error: null, retry: () => undefined })

export function SessionProvider({ children }: { children: ReactNode }) {
  const [user, setUser] = useState<User | null>(null)
  const [ready, setReady] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [attempt, setAttempt] = useState(0)

  useEffect(() => onSession(setUser), [])
  useEffect(() => {
    let gone = false
    setError(null)
    accessToken()
      .catch((reason: unknown) => { if (!gone) setError(reason) })
      .finally(() => { if (!gone) setReady(true) })
    return () => { gone = true }
  }, [attempt])

  const retry = () => { setReady(false); setAttempt((n) => n + 1) }
  return <Context.Provider value={{ user, ready, error, retry }}>{children}</Context.Provider>
}

export function useSession(): SessionState {
  return useContext(Context)
}

/** The logged-in user. Only for screens behind the login. */
export function useUser(): User {
  const { user } = useContext(Context)
  if (!user) throw new Error('a screen behind the login was shown without one')
  return user
}

export function useCan(): (permission: Permission) => boolean {
  const { user } = useContext(Context)
  return (permission) => can(user, permission)
}

/** Ends the session; the provider hears of it and shows the login. */
/** Ends the login and leaves the place: whoever logs in next may not be allowed there. */
export async function logOut(): Promise<void> {
  await api.logOut()
  navigate('/', { replace: true })
}
