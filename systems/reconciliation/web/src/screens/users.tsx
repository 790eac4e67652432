import { useState, type FormEvent } from 'react'
import * as api from '../api/routes'
import type { Account } from '../api/types'
import { useCan, useUser } from '../app/session'
import { roleName, ROLES } from '../lib/permissions'
import { useAction } from '../lib/use-action'
import { useResource } from '../lib/use-resource'
import { Badge, Button, Card, Empty, ErrorNote, PageHead, SelectField, Skeleton, TextField } from '../ui/basics'
import { Dialog } from '../ui/dialog'
import { useToast } from '../ui/toast'

export function UsersScreen() {
  const may = useCan()
  const say = useToast()
  const { data, error, reload } = useResource(may('users.manage') ? 'users' : null, api.users)
  const [adding, setAdding] = useState(false)
  if (!may('users.manage')) return <Card><Empty icon="lock" title="Users are managed by an administrator" /></Card>
  return (
    <>
      <PageHead title="Users" lead="An administrator manages logins and has no access to business data." actions={<Button look="primary" icon="plus" onClick={() => setAdding(true)}>New user</Button>} />
      <ErrorNote error={error} onRetry={reload} />
      {!data && !error && <Skeleton lines={5} />}
      {data && (
        <Card>
          <div className="table-wrap">
            <table className="table">
              <thead><tr><th scope="col">Login</th><th scope="col">Role</th><th scope="col">Status</th><th scope="col"><span className="sr-only">Actions</span></th></tr></thead>
              <tbody>{data.items.map((account) => <UserRow key={account.id} account={account} onChange={reload} />)}</tbody>
            </table>
          </div>
        </Card>
      )}
      {adding && <UserDialog onClose={() => setAdding(false)} onSaved={(a) => { setAdding(false); say(`${a.email} can log in now.`); reload() }} />}
    </>
  )
}

function UserRow({ account, onChange }: { account: Account; onChange: () => void }) {
  const user = useUser()
  const toggle = useAction(async () => {
    await api.patchUser(account.id, { disabled: !account.disabled })
    onChange()
  })
  const status = account.disabled
    ? <Badge tone="bad">Disabled</Badge>
    : account.must_change_password ? <Badge tone="warn">Password to be changed</Badge> : <Badge tone="good">Active</Badge>
  return (
    <tr>
      <th scope="row">{account.email}</th>
      <td>{roleName(account.role)}</td>
      <td>{status}<ErrorNote error={toggle.error} /></td>
      <td className="right">{account.email !== user.email && <Button look="quiet" busy={toggle.busy} onClick={() => void toggle.run()}>{account.disabled ? 'Enable' : 'Disable'}</Button>}</td>
    </tr>
  )
}

function UserDialog({ onClose, onSaved }: { onClose: () => void; onSaved: (account: Account) => void }) {
  const [email, setEmail] = useState('')
  const [role, setRole] = useState('preparer')
  const [password, setPassword] = useState('')
  const save = useAction(async () => onSaved(await api.createUser({ email: email.trim(), role, password })))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void save.run()
  }
  return (
    <Dialog title="New user" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <TextField label="E-mail" type="email" required value={email} onChange={(e) => setEmail(e.target.value)} />
        <SelectField label="Role" value={role} onChange={(e) => setRole(e.target.value)}>
          {ROLES.map((r) => <option key={r} value={r}>{roleName(r)}</option>)}
        </SelectField>
        <TextField label="First password" type="password" autoComplete="new-password" required minLength={12} value={password} onChange={(e) => setPassword(e.target.value)} hint="At least 12 characters; it has to be changed at the first login." />
        <ErrorNote error={save.error} />
        <div className="form-foot">
          <Button look="quiet" onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={save.busy}>Create user</Button>
        </div>
      </form>
    </Dialog>
  )
}
