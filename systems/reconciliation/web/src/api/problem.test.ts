import { describe, expect, it } from 'vitest'
import { problemFrom } from './problem'

describe('an error answer', () => {
  it('is put into plain words by its code, and keeps what the server added', () => {
    const body = JSON.stringify({
      title: 'x', status: 422, code: 'unbalanced', detail: 'left 100, right 99', request_id: 'r-1',
      errors: [{ pointer: '/left_ids', code: 'sum' }],
    })
    const error = problemFrom(422, body, null)
    expect(error.message).toBe('The two sides do not add up to the same amount.')
    expect(error.detail).toBe('left 100, right 99')
    expect(error.requestId).toBe('r-1')
    expect(error.fields).toEqual([{ pointer: '/left_ids', detail: 'sum' }])
  })

  it('is readable even when a proxy wrote it', () => {
    expect(problemFrom(502, '<html>Bad gateway</html>', null).message).toMatch(/not ready/)
    expect(problemFrom(418, '', null).message).toBe('The server answered with status 418.')
  })

  it('says how long to wait', () => {
    expect(problemFrom(429, '{"title":"t","code":"locked_out"}', '90').retryAfter).toBe(90)
    expect(problemFrom(429, '', 'Sat, 21 Nov 2026').retryAfter).toBeNull()
  })
})
