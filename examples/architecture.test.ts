/** ARCHITECTURE.md has a line for every folder of the product, and names only files and folders that exist. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))
const TEXT = readFileSync(join(REPOSITORY, 'ARCHITECTURE.md'), 'utf8')

test('every folder of the product has its line in ARCHITECTURE.md', () => {
  const files = globSync('{src,connectors}/**/*.ts', { cwd: REPOSITORY })
  const folders = [...new Set(files.map((file) => `${dirname(file)}/`))].sort()
  const lines = [...TEXT.matchAll(/^\| `((?:src|connectors)\/[^`]*)` \|/gm)].map(([, folder]) => folder).sort()
  assert.deepEqual(lines, folders)
})

test('what ARCHITECTURE.md names exists', () => {
  const paths = [...TEXT.matchAll(/`((?:src|connectors|examples|itest|bench|docker|scripts|docs)\/[\w./-]*)`/g)]
  const missing = paths.map(([, path]) => path ?? '').filter((path) => !existsSync(join(REPOSITORY, path)))
  assert.ok(paths.length > 40)
  assert.deepEqual(missing, [])
})
