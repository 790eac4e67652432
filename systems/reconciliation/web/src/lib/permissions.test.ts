import { expect, it } from 'vitest'
import type { User } from '../api/types'
import { can, roleName } from './permissions'

const auditor: User = { id: '1', email: 'a@b', role: 'auditor', must_change_password: false, permissions: ['read'] }

it('goes by the permissions that the server named, not by the role', () => {
  expect(can(auditor, 'read')).toBe(true)
  expect(can(auditor, 'audit.read')).toBe(false)
  expect(can(null, 'read')).toBe(false)
})

it('names a role it does not know as it came', () => {
  expect(roleName('rule_manager')).toBe('Rule manager')
  expect(roleName('wizard')).toBe('wizard')
})
