/** One function for each route that the page uses. */
import { download, get, patch, post, postPublic, upload, type Query } from './client'
import { adopt, forget, refreshToken } from './session'
import type * as T from './types'

/** The most that the API gives in one page. */
export const PAGE_LIMIT = 500

export async function logIn(email: string, password: string): Promise<T.User> {
  const session = await postPublic<T.Session>('/auth/login', { email, password })
  adopt(session)
  return session.user
}

/** Ends the session here whatever the server says: nobody should stay logged in by accident. */
export async function logOut(): Promise<void> {
  const token = refreshToken()
  forget()
  if (token !== null) await postPublic('/auth/logout', { refresh_token: token }).catch(() => undefined)
}

export const me = () => get<T.User>('/auth/me')
export const changePassword = (current_password: string, new_password: string) =>
  post<void>('/auth/password', { current_password, new_password })

export const users = (signal?: AbortSignal) => get<T.Page<T.Account>>('/users', {}, signal)
export const createUser = (body: { email: string; role: string; password: string }) => post<T.Account>('/users', body)
export const patchUser = (id: string, body: { role?: string; disabled?: boolean }) => patch<T.Account>(`/users/${id}`, body)

export const dashboard = (signal?: AbortSignal) => get<T.Dashboard>('/dashboard', {}, signal)

export const sources = (signal?: AbortSignal) => get<T.Page<T.Source>>('/sources', {}, signal)
export type SourceBody = Pick<T.Source, 'name' | 'account' | 'ccy'> & { mapping: T.Mapping | null }
export const createSource = (body: SourceBody) => post<T.Source>('/sources', body)
export const patchSource = (id: string, body: SourceBody & { version: number }) => patch<T.Source>(`/sources/${id}`, body)

export function uploadFile(sourceId: string, file: File, onProgress: (share: number) => void, signal: AbortSignal): Promise<T.Upload> {
  const form = new FormData()
  // The server streams the file, so it must know the source before the first row.
  form.append('source_id', sourceId)
  form.append('file', file, file.name)
  return upload<T.Upload>('/uploads', form, onProgress, signal)
}
export const uploads = (query: Query, signal?: AbortSignal) => get<T.Page<T.Upload>>('/uploads', query, signal)
export const uploadErrors = (id: string, query: Query, signal?: AbortSignal) =>
  get<T.Page<T.RowError>>(`/uploads/${id}/errors`, query, signal)

export const rules = (signal?: AbortSignal) => get<T.Page<T.RuleSet>>('/rules', {}, signal)

export const runs = (query: Query, signal?: AbortSignal) => get<T.Page<T.Run>>('/runs', query, signal)
export const run = (id: string, signal?: AbortSignal) => get<T.Run>(`/runs/${id}`, {}, signal)
export const startRun = (body: T.NewRun) => post<T.Run>('/runs', body)
export const cancelRun = (id: string) => post<T.Run>(`/runs/${id}/cancel`)
export const certifyRun = (id: string) => post<T.Run>(`/runs/${id}/certify`)
export const reopenRun = (id: string, reason: string) => post<T.Run>(`/runs/${id}/reopen`, { reason })

export const items = (runId: string, query: Query, signal?: AbortSignal) =>
  get<T.Page<T.RunItem>>(`/runs/${runId}/items`, query, signal)
export const matches = (runId: string, query: Query, signal?: AbortSignal) =>
  get<T.Page<T.Match>>(`/runs/${runId}/matches`, query, signal)
export const match = (id: string, signal?: AbortSignal) => get<T.Match>(`/matches/${id}`, {}, signal)
export const createMatch = (body: { run_id: string; left_ids: string[]; right_ids: string[]; reason: string }) =>
  post<T.Match>('/matches', body)
export const confirmMatch = (id: string) => post<T.Match>(`/matches/${id}/confirm`)
export const rejectMatch = (id: string, reason: string) => post<T.Match>(`/matches/${id}/reject`, { reason })
export const unmatch = (id: string, reason: string) => post<T.Match>(`/matches/${id}/unmatch`, { reason })

export const exceptions = (query: Query, signal?: AbortSignal) => get<T.Page<T.ExceptionItem>>('/exceptions', query, signal)
export const exception = (id: string, signal?: AbortSignal) => get<T.ExceptionItem>(`/exceptions/${id}`, {}, signal)
export const assignException = (id: string, assignee: string | null) => patch<T.ExceptionItem>(`/exceptions/${id}`, { assignee })
export const commentException = (id: string, text: string) => post<T.ExceptionItem>(`/exceptions/${id}/comment`, { text })
export const proposeException = (id: string, resolution: string, reason: string) =>
  post<T.ExceptionItem>(`/exceptions/${id}/propose`, { resolution, reason })
export const approveException = (id: string) => post<T.ExceptionItem>(`/exceptions/${id}/approve`)
export const rejectException = (id: string, reason: string) => post<T.ExceptionItem>(`/exceptions/${id}/reject`, { reason })

export const exportRun = (id: string, kind: T.ExportKind, fmt: T.ExportFormat) =>
  download(`/runs/${id}/export`, { kind, fmt }, `${kind}.${fmt}`)

export const audit = (query: Query, signal?: AbortSignal) => get<T.Page<T.AuditEvent>>('/audit', query, signal)
export const verifyAudit = () => get<T.AuditVerdict>('/audit/verify')
