import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import { useAction } from '../lib/use-action'
import { Button, ErrorNote, TextField } from '../ui/basics'
import { Mark } from '../ui/icons'
import { ThemeSwitch } from '../ui/theme'

export function LoginScreen() {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const login = useAction(async () => { await api.logIn(email.trim(), password) })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void login.run()
  }
  return (
    <div className="login">
      <section className="login-art" aria-hidden="true">
        <Mark />
        <p className="login-claim">Every line<br />in exactly one place.</p>
        <LedgerArt />
      </section>
      <main className="login-main">
        <form className="login-form" onSubmit={submit}>
          <div className="login-brand"><Mark /><span>Reconciliation</span></div>
          <h1>Log in</h1>
          <p className="lead">Match statements against the ledger, line by line.</p>
          <ErrorNote error={login.error} />
          <TextField label="E-mail" name="email" type="email" autoComplete="username" required autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
          <TextField label="Password" name="password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
          <Button look="primary" type="submit" busy={login.busy}>Log in</Button>
        </form>
        <ThemeSwitch />
      </main>
    </div>
  )
}

/** Rows of two books: those that agree are joined, one on each side is left over. */
const ART: readonly { left: number; right: number; joined: boolean }[] = [
  { left: 150, right: 150, joined: true }, { left: 118, right: 118, joined: true },
  { left: 134, right: 0, joined: false }, { left: 162, right: 162, joined: true },
  { left: 104, right: 104, joined: true }, { left: 0, right: 126, joined: false },
  { left: 142, right: 142, joined: true },
]

function LedgerArt() {
  return (
    <svg className="ledger-art" viewBox="0 0 480 300" focusable="false">
      {ART.map((row, i) => {
        const y = 20 + i * 40
        return (
          <g key={y} className={row.joined ? 'art-joined' : 'art-alone'}>
            {row.left > 0 && <rect x={190 - row.left} y={y} width={row.left} height="16" rx="4" />}
            {row.right > 0 && <rect x="290" y={y} width={row.right} height="16" rx="4" />}
            {row.joined && <path d={`M200 ${y + 8}h80`} />}
          </g>
        )
      })}
    </svg>
  )
}
