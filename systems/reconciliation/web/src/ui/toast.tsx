/** Short good news at the edge of the page, read out politely, gone by itself. */
import { createContext, useCallback, useContext, useState, type ReactNode } from 'react'
import { Icon } from './icons'

/** Long enough to read a sentence twice. */
const SHOWN_MS = 6000
/** More than this at once would cover the page. */
const MOST = 3

interface Toast {
  id: number
  text: string
}

const Context = createContext<(text: string) => void>(() => undefined)
let lastId = 0

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([])
  const say = useCallback((text: string) => {
    const id = (lastId += 1)
    setToasts((now) => [...now.slice(1 - MOST), { id, text }])
    setTimeout(() => setToasts((now) => now.filter((t) => t.id !== id)), SHOWN_MS)
  }, [])
  return (
    <Context.Provider value={say}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((t) => <p key={t.id} className="toast"><Icon name="check" />{t.text}</p>)}
      </div>
    </Context.Provider>
  )
}

export function useToast(): (text: string) => void {
  return useContext(Context)
}
