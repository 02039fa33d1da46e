/** The TypeScript in README.md and docs/ is held to the source: every snippet compiles, and every job among them has a plan. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { assertJobDefinition } from '../src/api/define-job.ts'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))

interface Snippet {
  /** `README-51.ts`: the document and the line where it begins. */
  readonly name: string
  readonly text: string
}

function snippetsOf(document: string): Snippet[] {
  const lines = readFileSync(join(REPOSITORY, document), 'utf8').split('\n')
  const snippets: Snippet[] = []
  for (let start = lines.indexOf('```ts'); start >= 0; start = lines.indexOf('```ts', start + 1)) {
    const end = lines.indexOf('```', start)
    const name = `${document.replace(/\.md$/, '').replaceAll('/', '-')}-${start + 2}.ts`
    snippets.push({ name, text: `${lines.slice(start + 1, end).join('\n')}\n` })
  }
  return snippets
}

describe('the snippets of the documentation', () => {
  const snippets = globSync(['README.md', 'docs/*.md'], { cwd: REPOSITORY }).sort().flatMap(snippetsOf)
  let folder: string
  before(() => {
    // Inside the repository, so that `millrace` is found as it is from a job file beside it.
    mkdirSync(join(REPOSITORY, '.scratch'), { recursive: true })
    folder = mkdtempSync(join(REPOSITORY, '.scratch', 'snippets-'))
    for (const { name, text } of snippets) writeFileSync(join(folder, name), text)
    const tsconfig = {
      extends: '../../tsconfig.json',
      compilerOptions: { noUnusedLocals: false },
      include: ['*.ts', '../../connectors/**/*.d.ts', '../../src/**/*.d.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  })
  after(() => rmSync(folder, { recursive: true }))

  test('are there', () => {
    assert.ok(snippets.some(({ name }) => name.startsWith('README-')))
    assert.ok(snippets.some(({ name }) => name.startsWith('docs-jobs-')))
  })

  test('compile', async () => {
    const tsc = join(REPOSITORY, 'node_modules', '.bin', 'tsc')
    const said = await promisify(execFile)(tsc, ['--project', folder]).then(
      ({ stdout }) => stdout,
      (error) => error.stdout || String(error),
    )
    // What is wrong in the sources themselves is for the check of types.
    const complaints = said.split('\n').filter((line: string) => line.includes(basename(folder)))
    assert.deepEqual(complaints, [])
  })

  for (const { name, text } of snippets.filter(({ text }) => text.includes('export default defineJob'))) {
    test(`${name} is a job`, async () => {
      const { default: job } = await import(join(folder, name))
      assertJobDefinition(job, name)
      assert.ok(text.includes(`'${job.name}'`))
    })
  }
})
