/** A button's work: one at a time, with its error kept for the place where the button is. */
import { useCallback, useState } from 'react'

export interface Action<A extends unknown[]> {
  run: (...args: A) => Promise<boolean>
  busy: boolean
  error: unknown
  clear: () => void
}

/** Wraps an effect. `run` says whether it worked; a second call while busy does nothing. */
export function useAction<A extends unknown[]>(effect: (...args: A) => Promise<void>): Action<A> {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const run = async (...args: A) => {
    if (busy) return false
    setBusy(true)
    setError(null)
    try {
      await effect(...args)
      return true
    } catch (reason) {
      setError(reason)
      return false
    } finally {
      setBusy(false)
    }
  }
  const clear = useCallback(() => setError(null), [])
  return { run, busy, error, clear }
}
