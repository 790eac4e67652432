import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import { logOut, useUser } from '../app/session'
import { useAction } from '../lib/use-action'
import { Button, ErrorNote, TextField } from '../ui/basics'
import { Mark } from '../ui/icons'

/** The bound that the API states. */
const SHORTEST = 12

/** Before anything else: a password that nobody else has chosen. */
export function PasswordScreen() {
  const user = useUser()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const differs = again !== '' && again !== next
  const change = useAction(async () => {
    await api.changePassword(current, next)
    // The change ended all sessions of the user; this one goes on with a new login.
    await api.logIn(user.email, next)
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!differs) void change.run()
  }
  return (
    <main className="splash">
      <form className="login-form card" onSubmit={submit}>
        <div className="login-brand"><Mark /><span>Reconciliation</span></div>
        <h1>Choose a password</h1>
        <p className="lead">The password of {user.email} was set by someone else. Choose one that only you know.</p>
        <ErrorNote error={change.error} />
        <TextField label="Current password" type="password" autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.target.value)} />
        <TextField label="New password" type="password" autoComplete="new-password" required minLength={SHORTEST} maxLength={256} hint={`At least ${SHORTEST} characters.`} value={next} onChange={(e) => setNext(e.target.value)} />
        <TextField label="New password again" type="password" autoComplete="new-password" required error={differs ? 'The two are not the same.' : null} value={again} onChange={(e) => setAgain(e.target.value)} />
        <div className="form-foot">
          <Button look="quiet" onClick={() => void logOut()}>Log out</Button>
          <Button look="primary" type="submit" busy={change.busy}>Change password</Button>
        </div>
      </form>
    </main>
  )
}
