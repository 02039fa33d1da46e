import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ErrorCode, isMillraceError } from '../common/errors.ts'
import { jobFile, testFolder } from './cli-test-kit.ts'
import { loadJob } from './load-job.ts'

const folder = await testFolder()

async function refused(file: string, text: string | null, code: ErrorCode, message: RegExp, remedy?: RegExp): Promise<void> {
  if (text !== null) await writeFile(join(folder, file), text)
  await assert.rejects(loadJob(file, folder), (error: unknown) => {
    assert.ok(isMillraceError(error, code), String(error))
    assert.match(error.message, message)
    if (remedy !== undefined) assert.match(error.remedy, remedy)
    return true
  })
}

test('a TypeScript job file runs as it is', async () => {
  await writeFile(
    join(folder, 'good.ts'),
    `interface A { a: number }\nconst a: A = { a: 1 }\nvoid a\n${jobFile('{ overlayBytes: 5 }')}`,
  )
  const job = await loadJob('good.ts', folder)
  assert.equal(job.name, 'orders')
  assert.deepEqual(job.options, { overlayBytes: 5 })
})

test('a missing file, and a folder', async () => {
  await refused('gone.ts', null, 'MR_JOB_FILE_NOT_FOUND', /^gone\.ts does not exist in /)
  await mkdir(join(folder, 'folder'))
  await refused('folder', null, 'MR_JOB_FILE_NOT_FOUND', /^folder is not a file$/)
})

test('no default export, and one that is no job', async () => {
  await refused('none.ts', 'export const job = 1\n', 'MR_JOB_NOT_A_JOB', /none\.ts has no default export/)
  await refused('other.ts', 'export default 1\n', 'MR_JOB_NOT_A_JOB', /a number as its default export/)
})

test('a syntax error is shown with its line, in an imported file too', async () => {
  await refused(
    'syntax.ts',
    'const a: number = 1\nlet b = = a\n',
    'MR_JOB_FILE_SYNTAX',
    /^syntax\.ts:2: Expression expected\n(.*\n)?let b = = a\n +\^/,
  )
  await refused('imports-it.ts', 'import "./syntax.ts"\n', 'MR_JOB_FILE_SYNTAX', /^syntax\.ts:2: /)
  await refused(
    'plain.js',
    'const a = 1\nlet b: number = a\n',
    'MR_JOB_FILE_SYNTAX',
    /^plain\.js:2: .*\nlet b: number = a\n +\^/,
  )
})

test('TypeScript that is more than types is named with its place and what to write instead', async () => {
  const remedy = /object `as const` for an enum/
  await refused('enum.ts', 'const a = 1\nenum Colour { red = a }\n', 'MR_JOB_FILE_NOT_ERASABLE', /^enum\.ts:2: .*enum/, remedy)
  await refused(
    'property.ts',
    'class A { constructor(private a: number) {} }\n',
    'MR_JOB_FILE_NOT_ERASABLE',
    /^property\.ts:1: .*parameter property/,
    remedy,
  )
})

test('an import that fails names what is missing and who wants it', async () => {
  await refused(
    'package.ts',
    'import a from "not-installed"\nvoid a\n',
    'MR_JOB_FILE_IMPORT',
    /^package\.ts: .*'not-installed' imported from .*package\.ts/,
  )
  await refused('ending.ts', 'import a from "./good"\nvoid a\n', 'MR_JOB_FILE_IMPORT', /good'? imported from/, /ending/)
})

test('a type imported as a value is explained', async () => {
  await writeFile(join(folder, 'types.ts'), 'export interface Order { a: number }\n')
  await refused(
    'by-value.ts',
    'import { Order } from "./types.ts"\nvoid (0 as unknown as Order)\n',
    'MR_JOB_FILE_IMPORT',
    /^by-value\.ts:1: .*'Order'/,
    /import type/,
  )
})

test('a file that throws while it is loaded names the line; an error of ours comes through as it is', async () => {
  await refused('throws.ts', '\nthrow new TypeError("boo")\n', 'MR_JOB_FILE_THREW', /^throws\.ts:2: TypeError: boo$/)
  await refused('throws-text.ts', 'throw "boo"\n', 'MR_JOB_FILE_THREW', /boo/)
  const errors = JSON.stringify(new URL('../common/errors.ts', import.meta.url).href)
  await refused(
    'ours.ts',
    `import { MillraceError } from ${errors}\nthrow new MillraceError('MR_CONFIG_CONFLICT', 'ours')\n`,
    'MR_CONFIG_CONFLICT',
    /^ours$/,
  )
})

test('a job in a package of CommonJS is told how to become a module', async () => {
  await mkdir(join(folder, 'commonjs'))
  await writeFile(join(folder, 'commonjs/package.json'), '{ "type": "commonjs" }')
  await refused(
    'commonjs/job.ts',
    `import 'node:fs'\n${jobFile()}`,
    'MR_JOB_FILE_SYNTAX',
    /outside a module/,
    /"type": "module"/,
  )
})
