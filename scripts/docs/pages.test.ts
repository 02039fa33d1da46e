import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../suite.ts'
import { PAGES } from './pages.ts'

for (const [path, text] of Object.entries(PAGES)) {
  test(`${path} says what the source says; if not, npm run docs`, () => {
    assert.ok(readFileSync(join(REPOSITORY, path), 'utf8') === text(), `${path} is out of date: npm run docs`)
  })
}
