/**
 * A table of any length: only the rows in sight exist in the document. One tab stop; arrows move,
 * space selects, enter opens.
 */
import { useCallback, useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'

/** Must equal `--row-height` of the style sheet. */
const ROW_HEIGHT = 36
/** Must equal `--head-height`: the head stays in sight and covers as much of the rows. */
const HEAD_HEIGHT = 33
/** Rows kept above and below the window, so that a fast wheel does not show holes. */
const OVERSCAN = 12
/** Browsers stop at about 33 million pixels of height; longer lists are reached by filtering. */
const MOST_ROWS = Math.floor(30_000_000 / ROW_HEIGHT)

export interface Column<T> {
  key: string
  title: ReactNode
  render: (row: T) => ReactNode
  /** Figures stand right. */
  align?: 'right'
}

interface GridProps<T> {
  label: string
  /** Chooses the column widths in the style sheet: `grid-<layout>`. */
  layout: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  /** How many rows there are in all, loaded or not. */
  total: number
  keyOf: (row: T) => string
  onNeed?: (end: number) => void
  onOpen?: (row: T) => void
  selection?: {
    keys: ReadonlySet<string>
    can: (row: T) => boolean
    toggle: (row: T) => void
    labelOf: (row: T) => string
  }
  toneOf?: (row: T) => string
  empty?: ReactNode
}

export function Grid<T>(props: GridProps<T>) {
  const { columns, rows, keyOf, onNeed, onOpen, selection, empty } = props
  const total = Math.min(Math.max(props.total, rows.length), MOST_ROWS)
  const id = useId()
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const [active, setActive] = useState(0)

  const measure = useCallback(() => {
    const box = scroller.current
    if (box) setView({ top: box.scrollTop, height: box.clientHeight })
  }, [])
  useEffect(() => {
    const box = scroller.current
    if (!box) return
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(box)
    return () => observer.disconnect()
  }, [measure])

  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - OVERSCAN)
  const last = Math.min(total, Math.ceil((view.top + view.height) / ROW_HEIGHT) + OVERSCAN)
  useEffect(() => onNeed?.(last), [last, onNeed, rows])

  const moveTo = (index: number) => {
    const to = Math.min(Math.max(index, 0), total - 1)
    setActive(to)
    const box = scroller.current
    if (!box) return
    if (to * ROW_HEIGHT < box.scrollTop) box.scrollTop = to * ROW_HEIGHT
    else {
      const below = (to + 1) * ROW_HEIGHT + HEAD_HEIGHT - box.clientHeight
      if (below > box.scrollTop) box.scrollTop = below
    }
  }

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT) - 1)
    const steps: Record<string, number> = {
      ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: total - 1,
    }
    const to = steps[event.key]
    const row = rows[active]
    if (to !== undefined) moveTo(to)
    else if (event.key === 'Enter' && row !== undefined && onOpen) onOpen(row)
    else if (event.key === ' ' && row !== undefined && selection) { if (selection.can(row)) selection.toggle(row) }
    else return
    event.preventDefault()
  }

  const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i)
  return (
    <div className={`grid grid-${props.layout}`}>
      <div
        ref={scroller}
        className="grid-frame"
        role="grid"
        aria-label={props.label}
        aria-rowcount={total + 1}
        aria-multiselectable={selection ? true : undefined}
        aria-activedescendant={rows[active] === undefined ? undefined : `${id}-${active}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={measure}
      >
        <div role="rowgroup" className="grid-head">
          <div role="row" aria-rowindex={1} className="grid-row">
            {selection && <div role="columnheader" className="grid-cell"><span className="sr-only">Selected</span></div>}
            {columns.map((c) => (
              <div key={c.key} role="columnheader" className={`grid-cell cell-${c.key} ${c.align === 'right' ? 'right' : ''}`}>{c.title}</div>
            ))}
          </div>
        </div>
        <div role="rowgroup" className="grid-space" style={{ height: total * ROW_HEIGHT }}>
          {shown.map((index) => {
            const row = rows[index]
            const key = row === undefined ? null : keyOf(row)
            const selected = key !== null && (selection?.keys.has(key) ?? false)
            return (
              <div
                key={index}
                id={`${id}-${index}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={selection ? selected : undefined}
                className={`grid-row ${index === active ? 'is-active' : ''} ${selected ? 'is-selected' : ''} ${row === undefined ? 'is-loading' : props.toneOf?.(row) ?? ''} ${onOpen ? 'can-open' : ''}`}
                style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
                onClick={() => { setActive(index); if (row !== undefined) onOpen?.(row) }}
              >
                {selection && (
                  <div role="gridcell" className="grid-cell cell-pick" onClick={(event) => event.stopPropagation()}>
                    {row !== undefined && selection.can(row) && (
                      <input type="checkbox" tabIndex={-1} checked={selected} aria-label={selection.labelOf(row)} onChange={() => { setActive(index); selection.toggle(row) }} />
                    )}
                  </div>
                )}
                {columns.map((c) => (
                  <div key={c.key} role="gridcell" className={`grid-cell cell-${c.key} ${c.align === 'right' ? 'right' : ''}`}>
                    {row === undefined ? <span className="cell-wait" /> : c.render(row)}
                  </div>
                ))}
              </div>
            )
          })}
        </div>
      </div>
      {total === 0 && empty && <div className="grid-empty">{empty}</div>}
    </div>
  )
}
