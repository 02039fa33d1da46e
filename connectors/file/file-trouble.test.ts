/** What goes wrong with folders: full, read-only, not a folder, crashed writers, file systems that lack something. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type ErrorCode, MillraceError } from '../../src/common/errors.ts'
import type { CheckpointStorage } from '../../src/ports/checkpoint-storage.ts'
import { fileError } from './file-errors.ts'
import { createFileStorage } from './file-storage.ts'

const HOUR_MS = 60 * 60 * 1000

const base = mkdtempSync(join(tmpdir(), 'millrace-file-trouble-'))
after(() => rmSync(base, { recursive: true, force: true }))

let count = 0
const newFolder = (): string => join(base, `${++count}`)
const storageAt = (folder: string): CheckpointStorage => createFileStorage(pathToFileURL(folder).href)
const paths = async (storage: CheckpointStorage) => (await Array.fromAsync(storage.list(''))).map(({ path }) => path)

/** A file system in memory of a megabyte, or undefined where this machine gives none. */
function mountSmall(t: TestContext): string | undefined {
  const folder = newFolder()
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    t.skip('mounting a small file system takes root on Linux')
    return undefined
  }
  t.after(() => execFileSync('umount', [folder]))
  return folder
}

describe('a folder in trouble', () => {
  it('says that the disk is full, leaves nothing of the file behind, and goes on when there is space', async (t) => {
    const folder = mountSmall(t)
    if (folder === undefined) return
    const storage = storageAt(folder)
    await storage.check()
    await storage.put('a/small', [Buffer.alloc(600_000, 1)])
    const large = [Buffer.alloc(300_000, 2), Buffer.alloc(300_000, 3)]
    await assert.rejects(storage.put('a/large', large), { code: 'MR_STORAGE_FULL', message: /a\/large/ })
    assert.deepEqual(await paths(storage), ['a/small'])
    assert.deepEqual(readdirSync(join(folder, '~unfinished')), [])
    await storage.delete(['a/small'])
    await storage.put('a/large', large)
    assert.deepEqual(await storage.get('a/large'), Buffer.concat(large))
  })

  it('says that it may not write where the mount is read-only, and still reads', async (t) => {
    const folder = mountSmall(t)
    if (folder === undefined) return
    const storage = storageAt(folder)
    await storage.put('a', [Buffer.from('x')])
    execFileSync('mount', ['-o', 'remount,ro', folder])
    await assert.rejects(storage.check(), { code: 'MR_STORAGE_DENIED' })
    await assert.rejects(storage.put('b', [Buffer.from('x')]), { code: 'MR_STORAGE_DENIED', remedy: /read-only/ })
    await assert.rejects(storage.delete(['a']), { code: 'MR_STORAGE_DENIED' })
    assert.equal(String(await storage.get('a')), 'x')
    assert.deepEqual(await paths(storage), ['a'])
  })

  it('says that it may not write where the user has no right', async (t) => {
    if (process.getuid?.() === 0) return t.skip('root may do everything')
    const folder = newFolder()
    mkdirSync(folder)
    chmodSync(folder, 0o555)
    await assert.rejects(storageAt(folder).check(), { code: 'MR_STORAGE_DENIED' })
    await assert.rejects(storageAt(folder).put('a', []), { code: 'MR_STORAGE_DENIED' })
  })

  it('says that the folder is a file', async () => {
    const file = newFolder()
    writeFileSync(file, '')
    for (const folder of [file, join(file, 'below')]) {
      await assert.rejects(storageAt(folder).check(), { code: 'MR_STORAGE_UNAVAILABLE', remedy: /no part of its path/ })
      await assert.rejects(storageAt(folder).put('a', []), { code: 'MR_STORAGE_UNAVAILABLE', remedy: /no part of its path/ })
    }
  })

  it('removes what crashed writers left an hour ago, and no list shows it', async () => {
    const folder = newFolder()
    const storage = storageAt(folder)
    await storage.check()
    const left = (name: string, ageMs: number) => {
      const path = join(folder, '~unfinished', name)
      writeFileSync(path, 'half a fi')
      const time = new Date(Date.now() - ageMs)
      utimesSync(path, time, time)
    }
    left('old', 1.1 * HOUR_MS)
    left('young', 0.9 * HOUR_MS)
    assert.deepEqual(await paths(storage), [])
    await storage.check()
    assert.deepEqual(readdirSync(join(folder, '~unfinished')), ['young'])
  })

  it('leaves nothing unfinished, whether a file is new, the same or refused', async () => {
    const folder = newFolder()
    const storage = storageAt(folder)
    await storage.put('a', [Buffer.from('x')])
    await storage.put('a', [Buffer.from('x')])
    await assert.rejects(storage.put('a', [Buffer.from('y')]))
    assert.deepEqual(readdirSync(join(folder, '~unfinished')), [])
  })

  it('goes on when someone tidies up the folder of unfinished files', async () => {
    const folder = newFolder()
    const storage = storageAt(folder)
    await storage.put('a', [])
    rmSync(join(folder, '~unfinished'), { recursive: true })
    await storage.put('b', [])
    assert.deepEqual(await paths(storage), ['a', 'b'])
  })

  it('removes folders with their last file', async () => {
    const folder = newFolder()
    const storage = storageAt(folder)
    await Promise.all(['a/b/c/1', 'a/b/2', 'd/3'].map((path) => storage.put(path, [])))
    await storage.delete(['a/b/c/1', 'd/3'])
    assert.deepEqual(readdirSync(folder).sort(), ['a', '~unfinished'])
    assert.deepEqual(readdirSync(join(folder, 'a', 'b')), ['2'])
  })

  it('reads spaces and other characters in its own path', async () => {
    const folder = join(newFolder(), 'my checkpoints ü#1')
    const storage = createFileStorage(`${pathToFileURL(folder).href}/`)
    await storage.put('a', [Buffer.from('x')])
    assert(existsSync(join(folder, 'a')))
    assert.equal(storage.uri, pathToFileURL(folder).href)
  })

  it('shows files whole or not at all after its writer was killed', { timeout: 30_000 }, async () => {
    const folder = newFolder()
    const program = `
      import { createFileStorage } from ${JSON.stringify(new URL('file-storage.ts', import.meta.url).href)}
      const storage = createFileStorage(${JSON.stringify(pathToFileURL(folder).href)})
      const bytes = Buffer.alloc(8_000_000, 7)
      for (let i = 0; ; i++) {
        await storage.put('files/' + i, [bytes])
        console.log(i)
      }`
    const writer = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => writer.once('close', resolve))
    let said = ''
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    while (!said.includes('2\n')) await sleep(5)
    writer.kill('SIGKILL')
    await ended
    const storage = storageAt(folder)
    const found = await Array.fromAsync(storage.list(''))
    assert(found.every(({ bytes }) => bytes === 8_000_000))
    const acknowledged = said.trim().split('\n').length
    assert(found.length >= acknowledged, `${found.length} files of ${acknowledged} that were acknowledged`)
  })
})

test('errors of the operating system become errors that say what to do', () => {
  const code = (name: string): ErrorCode | undefined => {
    const error = fileError(Object.assign(new Error(`${name}: it says`), { code: name }), 'cannot write a', '/c')
    assert(error instanceof MillraceError)
    assert.match(error.message, /^cannot write a in \/c: /)
    return error.code
  }
  for (const name of ['ENOSPC', 'EDQUOT', 'EFBIG']) assert.equal(code(name), 'MR_STORAGE_FULL', name)
  for (const name of ['EACCES', 'EPERM', 'EROFS']) assert.equal(code(name), 'MR_STORAGE_DENIED', name)
  for (const name of ['EIO', 'ESTALE', 'EMFILE', 'ENOTDIR', 'ETIMEDOUT'])
    assert.equal(code(name), 'MR_STORAGE_UNAVAILABLE', name)
  const bug = new TypeError('x is undefined')
  assert.equal(fileError(bug, 'cannot write a', '/c'), bug)
})
