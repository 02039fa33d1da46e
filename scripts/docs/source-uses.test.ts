/** What the docs promise is used: no code without an error that has it, no option that nothing reads. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ERROR_CATALOGUE } from '../../src/common/error-catalogue.ts'
import { OPTION_KEYS } from '../../src/config/config.ts'
import { REPOSITORY } from '../suite.ts'

/** The file, and the folder of its topics. */
const CATALOGUE = 'src/common/error-catalogue'

const sources = globSync(['src/**/*.ts', 'connectors/**/*.ts'], { cwd: REPOSITORY })
  .filter((file) => !file.endsWith('.test.ts') && !file.startsWith(CATALOGUE))
  .map((file) => ({ file, text: readFileSync(join(REPOSITORY, file), 'utf8') }))

test('every error code that the source names, comments included, is in the catalogue', () => {
  const unknown = sources.flatMap(({ file, text }) =>
    // `MR_STORAGE_…` in a comment stands for all of a group.
    [...text.matchAll(/\bMR_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])/g)]
      .filter(([code]) => !(code in ERROR_CATALOGUE))
      .map(([code]) => `${code} in ${file}`),
  )
  assert.deepEqual([...new Set(unknown)], [])
})

test('every option is read somewhere outside the configuration itself', () => {
  // cli-environment.ts only lists the options of storage, for whoever opens it.
  const readers = sources.filter(({ file }) => !file.startsWith('src/config/') && file !== 'src/cli/cli-environment.ts')
  const unread = OPTION_KEYS.filter(
    (key) => key !== 'config' && !readers.some(({ text }) => new RegExp(`\\b${key}\\b`).test(text)),
  )
  assert.deepEqual(unread, [])
})

test('every error code of the catalogue is used somewhere', () => {
  const used = new Set(sources.flatMap(({ text }) => [...text.matchAll(/'(MR_[A-Z0-9_]+)'/g)].map(([, code]) => code)))
  assert.deepEqual(
    Object.keys(ERROR_CATALOGUE).filter((code) => !used.has(code)),
    [],
  )
})
