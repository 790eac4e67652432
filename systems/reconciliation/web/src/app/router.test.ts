import { expect, it } from 'vitest'
import { matchPath } from './router'

it('takes the named parts out of a path', () => {
  expect(matchPath('/runs/:id/workspace', '/runs/42/workspace')).toEqual({ id: '42' })
  expect(matchPath('/runs/:id', '/runs/a%20b/')).toEqual({ id: 'a b' })
})

it('does not take a longer or another path for its own', () => {
  expect(matchPath('/runs/:id', '/runs/42/workspace')).toBeNull()
  expect(matchPath('/runs', '/sources')).toBeNull()
})
