/** Which screen the address and the session call for. */
import { useEffect, type ReactNode } from 'react'
import { AuditScreen } from '../screens/audit'
import { DashboardScreen } from '../screens/dashboard'
import { ExceptionsScreen } from '../screens/exceptions'
import { LoginScreen } from '../screens/login'
import { NewRunScreen } from '../screens/new-run'
import { PasswordScreen } from '../screens/password'
import { RunScreen } from '../screens/run'
import { RunsScreen } from '../screens/runs'
import { SourcesScreen } from '../screens/sources'
import { UploadScreen } from '../screens/upload'
import { UsersScreen } from '../screens/users'
import { Empty, ErrorNote } from '../ui/basics'
import { Mark } from '../ui/icons'
import { matchPath, useLocation } from './router'
import { useSession } from './session'
import { homeOf, Shell } from './shell'

interface Screen {
  title: string
  pattern: string
  show: (params: Record<string, string>) => ReactNode
}

const SCREENS: readonly Screen[] = [
  { title: 'Dashboard', pattern: '/', show: () => <DashboardScreen /> },
  { title: 'Sources', pattern: '/sources', show: () => <SourcesScreen /> },
  { title: 'Upload', pattern: '/upload', show: () => <UploadScreen /> },
  { title: 'Runs', pattern: '/runs', show: () => <RunsScreen /> },
  { title: 'New run', pattern: '/runs/new', show: () => <NewRunScreen /> },
  { title: 'Run', pattern: '/runs/:id', show: ({ id = '' }) => <RunScreen key={id} id={id} tab="overview" /> },
  { title: 'Workspace', pattern: '/runs/:id/workspace', show: ({ id = '' }) => <RunScreen key={id} id={id} tab="workspace" /> },
  { title: 'Export', pattern: '/runs/:id/export', show: ({ id = '' }) => <RunScreen key={id} id={id} tab="export" /> },
  { title: 'Exceptions of a run', pattern: '/runs/:id/exceptions', show: ({ id = '' }) => <RunScreen key={id} id={id} tab="exceptions" /> },
  { title: 'Exceptions', pattern: '/exceptions', show: () => <ExceptionsScreen /> },
  { title: 'Audit', pattern: '/audit', show: () => <AuditScreen /> },
  { title: 'Users', pattern: '/users', show: () => <UsersScreen /> },
]

function screenFor(path: string): { title: string; content: ReactNode } {
  for (const screen of SCREENS) {
    const params = matchPath(screen.pattern, path)
    if (params) return { title: screen.title, content: screen.show(params) }
  }
  return { title: 'Not found', content: <Empty icon="question" title="There is no page at this address." /> }
}

export function App() {
  const { user, ready, error, retry } = useSession()
  const { path } = useLocation()
  // An administrator has no dashboard: the business data is not theirs to see.
  const at = path === '/' && user ? homeOf(user) : path
  const screen = screenFor(at)
  const title = user ? screen.title : 'Log in'
  useEffect(() => {
    document.title = `${title} · Reconciliation`
  }, [title])

  if (!ready) return <main className="splash" aria-busy="true"><Mark /></main>
  if (error && !user) return <main className="splash"><ErrorNote error={error} onRetry={retry} /></main>
  if (!user) return <LoginScreen />
  if (user.must_change_password) return <PasswordScreen />
  return <Shell path={at}>{screen.content}</Shell>
}
