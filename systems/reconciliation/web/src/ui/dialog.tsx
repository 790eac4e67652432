/** Windows above the page. The browser's own dialog keeps the focus inside and closes on Escape. */
import { useEffect, useId, useRef, type ReactNode } from 'react'
import { Button } from './basics'

interface DialogProps {
  title: ReactNode
  onClose: () => void
  children: ReactNode
  /** A drawer stands at the edge beside what it explains; a window covers the middle. */
  as?: 'window' | 'drawer'
  footer?: ReactNode
}

export function Dialog({ title, onClose, children, as = 'window', footer }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
    // A form begins at its first field; a drawer is to be read, so it begins at its title.
    const field = as === 'window' ? dialog?.querySelector<HTMLElement>('input, select, textarea') : null
    ;(field ?? dialog?.querySelector<HTMLElement>('h2'))?.focus()
    return () => dialog?.close()
  }, [as])
  return (
    <dialog
      ref={ref}
      className={`dialog dialog-${as}`}
      aria-labelledby={titleId}
      onCancel={(event) => { event.preventDefault(); onClose() }}
      onMouseDown={(event) => { if (event.target === ref.current) onClose() }}
    >
      <div className="dialog-body">
        <header className="dialog-head">
          <h2 id={titleId} tabIndex={-1}>{title}</h2>
          <Button look="quiet" icon="cross" aria-label="Close" onClick={onClose} />
        </header>
        <div className="dialog-content">{children}</div>
        {footer && <footer className="dialog-foot">{footer}</footer>}
      </div>
    </dialog>
  )
}
