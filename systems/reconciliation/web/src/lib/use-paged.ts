/**
 * A long list read by cursor. A cursor only leads forward, so pages are read in order until the
 * rows that somebody looks at are there; jumping to the end of 100,000 rows reads what is between.
 */
import { useCallback, useEffect, useReducer, useRef } from 'react'
import { isAbort } from '../api/problem'
import type { Page } from '../api/types'

export interface Paged<T> {
  rows: readonly T[]
  /** Everything has been read. */
  complete: boolean
  loading: boolean
  error: unknown
  /** Says up to which row the list is needed. */
  need: (end: number) => void
  reload: () => void
}

type Fetch<T> = (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>

class Reader<T> {
  rows: T[] = []
  complete = false
  loading = false
  error: unknown = null
  private cursor: string | null = null
  private wanted = 1
  private readonly abort = new AbortController()

  constructor(private readonly fetch: Fetch<T>, private readonly changed: () => void) {}

  need(end: number): void {
    this.wanted = Math.max(this.wanted, end)
    if (!this.loading && this.error === null) void this.read()
  }

  stop(): void {
    this.abort.abort()
  }

  private async read(): Promise<void> {
    while (!this.complete && this.rows.length < this.wanted) {
      this.loading = true
      try {
        const page = await this.fetch(this.cursor, this.abort.signal)
        if (this.abort.signal.aborted) return
        this.rows = this.rows.concat(page.items)
        this.cursor = page.next_cursor
        // An empty page with a cursor would loop for ever.
        this.complete = page.next_cursor === null || page.items.length === 0
      } catch (reason) {
        if (this.abort.signal.aborted || isAbort(reason)) return
        this.error = reason
      }
      this.loading = false
      this.changed()
      if (this.error !== null) return
    }
  }
}

/** Reads the list that `key` names; another key starts another list. A null key waits. */
export function usePaged<T>(key: string | null, fetch: Fetch<T>): Paged<T> {
  const [turn, changed] = useReducer((n: number) => n + 1, 0)
  const [generation, restart] = useReducer((n: number) => n + 1, 0)
  const latest = useRef(fetch)
  latest.current = fetch
  const reader = useRef<Reader<T> | null>(null)

  useEffect(() => {
    if (key === null) return
    const mine = new Reader<T>((cursor, signal) => latest.current(cursor, signal), changed)
    reader.current = mine
    mine.need(1)
    changed()
    return () => mine.stop()
  }, [key, generation])

  const need = useCallback((end: number) => reader.current?.need(end), [])
  const now = reader.current
  void turn
  return {
    rows: now?.rows ?? [],
    complete: now?.complete ?? false,
    loading: now?.loading ?? key !== null,
    error: now?.error ?? null,
    need,
    reload: restart,
  }
}
