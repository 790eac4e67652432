/** Something fetched once for a screen, with its error and a way to fetch it again. */
import { useCallback, useEffect, useRef, useState } from 'react'
import { isAbort } from '../api/problem'

export interface Resource<T> {
  data: T | null
  error: unknown
  loading: boolean
  reload: () => void
  /** Puts in what an action answered, without another request. */
  set: (data: T) => void
}

/** Fetches at mount and whenever `key` changes; a stale answer is dropped. A null key waits. */
export function useResource<T>(key: string | null, fetcher: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [data, set] = useState<T | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [loading, setLoading] = useState(key !== null)
  const [turn, setTurn] = useState(0)
  const latest = useRef(fetcher)
  latest.current = fetcher
  const shownKey = useRef(key)

  useEffect(() => {
    if (key === null) return
    const abort = new AbortController()
    if (shownKey.current !== key) set(null)
    shownKey.current = key
    setLoading(true)
    latest.current(abort.signal).then(
      (value) => {
        if (abort.signal.aborted) return
        set(value)
        setError(null)
        setLoading(false)
      },
      (reason: unknown) => {
        if (abort.signal.aborted || isAbort(reason)) return
        setError(reason)
        setLoading(false)
      },
    )
    return () => abort.abort()
  }, [key, turn])

  const reload = useCallback(() => setTurn((n) => n + 1), [])
  return { data, error, loading, reload, set }
}
