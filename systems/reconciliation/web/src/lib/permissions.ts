/** What the page offers to whom. The server decides; the page only avoids offering a refusal. */
import type { Permission, User } from '../api/types'

const ROLE_NAMES: Readonly<Record<string, string>> = {
  admin: 'Administrator',
  rule_manager: 'Rule manager',
  preparer: 'Preparer',
  approver: 'Approver',
  auditor: 'Auditor',
  service: 'Service',
}

/** The roles a person can have, for the user form. */
export const ROLES = Object.keys(ROLE_NAMES)

export function can(user: User | null, permission: Permission): boolean {
  return user?.permissions.includes(permission) ?? false
}

/** The role in words; an unknown one as it was. */
export function roleName(role: string): string {
  return ROLE_NAMES[role] ?? role
}
