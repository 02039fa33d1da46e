/** The import rules of .dependency-cruiser.ts, tried on files that break them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import rules from '../.dependency-cruiser.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** The names of the rules that a tree of these files breaks. */
async function broken(files: Record<string, string>): Promise<string[]> {
  const baseDir = mkdtempSync(join(tmpdir(), 'millrace-imports-'))
  folders.push(baseDir)
  for (const [path, text] of Object.entries({ ...LIBRARIES, ...files })) {
    mkdirSync(join(baseDir, dirname(path)), { recursive: true })
    writeFileSync(join(baseDir, path), text)
  }
  const { enhancedResolveOptions, ...options } = rules.options ?? {}
  const { output } = await cruise(
    Object.keys(files),
    { ...options, baseDir, validate: true, ruleSet: { forbidden: rules.forbidden } } as never,
    enhancedResolveOptions as never,
  )
  return [...new Set((output as ICruiseResult).summary.violations.map(({ rule }) => rule.name))].sort()
}

const LIBRARIES = {
  'package.json': '{ "dependencies": { "kafkajs": "1", "rocksdb-native": "1" }, "devDependencies": { "testcontainers": "1" } }',
  'node_modules/kafkajs/index.js': '',
  'node_modules/rocksdb-native/index.js': '',
  'node_modules/testcontainers/index.js': '',
}

describe('the import rules', () => {
  test('let a tree pass in which imports go down', async () => {
    const files = {
      'src/common/a.ts': 'export const a = 1',
      'src/ports/b.ts': "export { a } from '../common/a.ts'",
      'src/runtime/c.ts': "import { a } from '../ports/b.ts'\nexport const c = a",
      'connectors/kafka/client/d.ts': "import 'kafkajs'\nexport * from '../../../src/ports/b.ts'",
      'src/main.ts': "import '../connectors/kafka/client/d.ts'\nimport './runtime/c.ts'",
    }
    assert.deepEqual(await broken(files), [])
  })

  test('refuse an import that goes up, of a type too', async () => {
    const files = {
      'src/ports/b.ts': 'export type B = 1',
      'src/common/a.ts': "import type { B } from '../ports/b.ts'\nexport type A = B",
    }
    assert.deepEqual(await broken(files), ['src-common-imports-only-what-is-below'])
  })

  test('refuse a cycle', async () => {
    const files = {
      'src/common/a.ts': "import type { B } from './b.ts'\nexport type A = B",
      'src/common/b.ts': "import type { A } from './a.ts'\nexport type B = A",
    }
    assert.deepEqual(await broken(files), ['no-cycles'])
  })

  test('refuse a connector in src, at run time too', async () => {
    const files = {
      'connectors/s3/a.ts': 'export {}',
      'src/cli/b.ts': "export const load = () => import('../../connectors/s3/a.ts')",
    }
    assert.deepEqual(await broken(files), ['src-never-imports-a-connector'])
  })

  test('refuse a connector in another, and anything of src but the ports in a connector', async () => {
    const files = {
      'src/runtime/a.ts': 'export {}',
      'connectors/s3/b.ts': "import '../../src/runtime/a.ts'",
      'connectors/kafka/c.ts': "import '../s3/b.ts'",
    }
    assert.deepEqual(await broken(files), ['connectors-import-only-the-ports', 'connectors-never-import-one-another'])
  })

  test('refuse a library outside its room', async () => {
    const files = { 'connectors/kafka/sink/a.ts': "import 'kafkajs'", 'src/state/memory/b.ts': "import 'rocksdb-native'" }
    assert.deepEqual(await broken(files), ['kafkajs-has-one-room', 'rocksdb-native-has-one-room'])
  })

  test('refuse what only development has', async () => {
    assert.deepEqual(await broken({ 'src/common/a.ts': "import 'testcontainers'" }), [
      'libraries-are-declared',
      'testcontainers-has-one-room',
    ])
  })

  test('refuse a file that does not exist', async () => {
    assert.deepEqual(await broken({ 'src/common/a.ts': "import './absent.ts'" }), ['every-import-resolves'])
  })
})
