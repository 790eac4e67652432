/** The frame around every screen: where one can go, who one is, and the way out. */
import { useEffect, useRef, type ReactNode } from 'react'
import type { Permission, User } from '../api/types'
import { can, roleName } from '../lib/permissions'
import { Button } from '../ui/basics'
import { Icon, Mark, type IconName } from '../ui/icons'
import { ThemeSwitch } from '../ui/theme'
import { Link } from './router'
import { logOut, useUser } from './session'

interface Place {
  href: string
  name: string
  icon: IconName
  needs: Permission
}

const PLACES: readonly Place[] = [
  { href: '/', name: 'Dashboard', icon: 'dashboard', needs: 'read' },
  { href: '/upload', name: 'Upload', icon: 'upload', needs: 'uploads.write' },
  { href: '/runs', name: 'Runs', icon: 'runs', needs: 'read' },
  { href: '/exceptions', name: 'Exceptions', icon: 'exceptions', needs: 'read' },
  { href: '/sources', name: 'Sources', icon: 'sources', needs: 'read' },
  { href: '/audit', name: 'Audit', icon: 'audit', needs: 'audit.read' },
  { href: '/users', name: 'Users', icon: 'users', needs: 'users.manage' },
]

/** The first place that the user may see. */
export function homeOf(user: User): string {
  return PLACES.find((place) => can(user, place.needs))?.href ?? '/'
}

function isHere(place: Place, path: string): boolean {
  return place.href === '/' ? path === '/' : path === place.href || path.startsWith(`${place.href}/`)
}

export function Shell({ path, children }: { path: string; children: ReactNode }) {
  const user = useUser()
  const main = useRef<HTMLElement>(null)
  const lastPath = useRef(path)
  useEffect(() => {
    // A new screen starts at its top, for the eye and for the keyboard.
    if (lastPath.current === path) return
    lastPath.current = path
    main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [path])

  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus() }}>Skip to content</a>
      <header className="side"><div className="side-in">
        <div className="brand"><Mark /><span>Reconciliation</span></div>
        <nav aria-label="Main">
          <ul className="places">
            {PLACES.filter((place) => can(user, place.needs)).map((place) => (
              <li key={place.href}>
                <Link href={place.href} aria-current={isHere(place, path) ? 'page' : undefined}>
                  <Icon name={place.icon} /><span>{place.name}</span>
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="who">
          <div className="who-tools">
            <ThemeSwitch />
            <Button look="quiet" icon="logout" aria-label="Log out" title="Log out" onClick={() => void logOut()} />
          </div>
          <div className="who-card">
            <span className="avatar" aria-hidden="true">{user.email.charAt(0).toUpperCase()}</span>
            <div className="who-text">
              <p className="who-mail" title={user.email}>{user.email}</p>
              <p className="who-role">{roleName(user.role)}</p>
            </div>
          </div>
        </div>
      </div></header>
      <main id="main" ref={main} tabIndex={-1}>{children}</main>
    </div>
  )
}
