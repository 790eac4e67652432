/** Addresses of the page: the History API and nothing else. The edge answers each with index.html. */
import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react'

const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}

/** The path and query of the address bar. */
export function useLocation(): { path: string; query: URLSearchParams } {
  const href = useSyncExternalStore(subscribe, () => location.pathname + location.search)
  return parseHref(href)
}

/** Path and query apart. A path may begin with two slashes, which `new URL` would take for a host. */
export function parseHref(href: string): { path: string; query: URLSearchParams } {
  const mark = href.indexOf('?')
  const path = mark < 0 ? href : href.slice(0, mark)
  return { path, query: new URLSearchParams(mark < 0 ? '' : href.slice(mark + 1)) }
}

/** Goes to another screen. Replacing leaves no step to come back to. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  for (const listener of listeners) listener()
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }

/** A real link, so that it can be copied and opened in a tab; a plain click stays in the page. */
export function Link({ href, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (event.defaultPrevented || !plain) return
    event.preventDefault()
    navigate(href)
  }
  return <a href={href} onClick={follow} {...rest} />
}

/** The named parts of a path under a pattern like `/runs/:id`, or null when it does not fit. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/').filter(Boolean)
  const have = path.split('/').filter(Boolean)
  if (want.length !== have.length) return null
  const found: Record<string, string> = {}
  for (const [i, part] of want.entries()) {
    const value = have[i] ?? ''
    if (part.startsWith(':')) found[part.slice(1)] = decodeURIComponent(value)
    else if (part !== value) return null
  }
  return found
}
