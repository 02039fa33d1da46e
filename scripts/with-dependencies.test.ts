import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('with-dependencies.mjs', import.meta.url))
const WANTED = {
  '': {},
  'node_modules/node': { version: '26.0.0' },
  'node_modules/other-platform': { version: '1.0.0', optional: true },
}

/** Stands for npm: notes its arguments, and makes node_modules as `npm ci` would. */
const NPM = `
const { cpSync, mkdirSync, symlinkSync, writeFileSync, rmSync } = require('node:fs')
writeFileSync('npm-arguments', process.argv.slice(2).join(' '))
console.log('added 1 package')
if (process.env.NPM_FAILS) process.exit(7)
rmSync('node_modules', { recursive: true, force: true })
mkdirSync('node_modules/node/bin', { recursive: true })
symlinkSync(process.execPath, 'node_modules/node/bin/node')
cpSync('package-lock.json', 'node_modules/.package-lock.json')
`

describe('with-dependencies', () => {
  let repository: string
  beforeEach(() => {
    repository = mkdtempSync(join(tmpdir(), 'millrace-dependencies-'))
    mkdirSync(join(repository, 'scripts'))
    copyFileSync(PROGRAM, join(repository, 'scripts', 'with-dependencies.mjs'))
    writeFileSync(join(repository, 'package-lock.json'), JSON.stringify({ packages: WANTED }))
    writeFileSync(join(repository, 'npm.cjs'), NPM)
    writeFileSync(join(repository, 'script.mjs'), 'console.log(...process.argv.slice(2)); process.exit(5)')
  })
  afterEach(() => rmSync(repository, { recursive: true }))

  function run(env: Readonly<Record<string, string>> = {}) {
    rmSync(join(repository, 'npm-arguments'), { force: true })
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(repository, 'scripts', 'with-dependencies.mjs'), 'script.mjs', 'one', '--two'],
      {
        encoding: 'utf8',
        env: { ...process.env, npm_node_execpath: process.execPath, npm_execpath: join(repository, 'npm.cjs'), ...env },
      },
    )
    return { status, stdout, stderr, installed: existsSync(join(repository, 'npm-arguments')) }
  }

  function install(packages: object): void {
    mkdirSync(join(repository, 'node_modules'), { recursive: true })
    writeFileSync(join(repository, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }))
  }

  test('installs where nothing is installed, and runs the script with its arguments and exit code', () => {
    const { status, stdout, stderr, installed } = run()
    assert.deepEqual({ status, stdout, installed }, { status: 5, stdout: 'one --two\n', installed: true })
    assert.match(stderr, /Installing dependencies with npm ci, as node_modules does not exist yet\.\nadded 1 package\n/)
  })

  test('installs nothing where everything is there, whatever the times of the files are', () => {
    run()
    writeFileSync(join(repository, 'package-lock.json'), JSON.stringify({ packages: WANTED, name: 'touched' }))
    assert.deepEqual(run(), { status: 5, stdout: 'one --two\n', stderr: '', installed: false })
  })

  test('installs again when a version differs or is missing, not for what another platform needs', () => {
    run()
    install({ 'node_modules/node': { version: '25.0.0' } })
    assert.match(run().stderr, /as node_modules\/node should be 26\.0\.0/)
    install({})
    assert.equal(run().installed, true)
    install({ 'node_modules/node': { version: '26.0.0' } })
    assert.equal(run().installed, false)
  })

  test('ends as npm ends when it fails', () => {
    const { status, stdout } = run({ NPM_FAILS: '1' })
    assert.deepEqual({ status, stdout }, { status: 7, stdout: '' })
  })
})
