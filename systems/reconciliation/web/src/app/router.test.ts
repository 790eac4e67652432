import { expect, it } from 'vitest'
import { matchPath, parseHref } from './router'

it('takes the named parts out of a path', () => {
  expect(matchPath('/runs/:id/workspace', '/runs/42/workspace')).toEqual({ id: '42' })
  expect(matchPath('/runs/:id', '/runs/a%20b/')).toEqual({ id: 'a b' })
})

it('does not take a longer or another path for its own', () => {
  expect(matchPath('/runs/:id', '/runs/42/workspace')).toBeNull()
  expect(matchPath('/runs', '/sources')).toBeNull()
})

it('reads an address that begins with two slashes as a path and not as a host', () => {
  expect(parseHref('//login').path).toBe('//login')
  expect(matchPath('/login', parseHref('//login').path)).toEqual({})
})

it('takes the query apart from the path', () => {
  const { path, query } = parseHref('/matches?state=open&q=a%20b')
  expect(path).toBe('/matches')
  expect([query.get('state'), query.get('q')]).toEqual(['open', 'a b'])
  expect([...parseHref('/matches').query]).toEqual([])
})
