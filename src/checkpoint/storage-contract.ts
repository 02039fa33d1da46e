/** What every CheckpointStorage keeps. Files run it in a unit test, S3 against a real server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'

const MIB = 1024 * 1024

/** @param create an empty storage: a folder or prefix of its own */
export function storageContract(name: string, create: () => CheckpointStorage | Promise<CheckpointStorage>): void {
  describe(`${name} as a checkpoint storage`, () => {
    let storage: CheckpointStorage

    beforeEach(async () => {
      storage = await create()
    })

    afterEach(async () => {
      await storage.close()
    })

    const put = (path: string, text: string): Promise<void> => storage.put(path, [Buffer.from(text)])
    const list = async (prefix = ''): Promise<StoredFile[]> => {
      const files: StoredFile[] = []
      for await (const file of storage.list(prefix)) files.push(file)
      return files
    }
    const paths = async (prefix = ''): Promise<string[]> => (await list(prefix)).map(({ path }) => path)

    it('is checked without leaving anything behind', async () => {
      await storage.check()
      await storage.check()
      assert.deepEqual(await paths(), [])
    })

    it('gives back what was put, of one chunk, many or none', async () => {
      const noise = randomBytes(100_000)
      const pieces = Array.from({ length: 2500 }, (_, i) => noise.subarray(i * 40, i * 40 + 40))
      await storage.put('a/one', [noise])
      await storage.put('a/many', pieces)
      await storage.put('a/none', [])
      assert((await storage.get('a/one')).equals(noise))
      assert((await storage.get('a/many')).equals(noise))
      assert.equal((await storage.get('a/none')).length, 0)
    })

    it('takes large files', { timeout: 120_000 }, async () => {
      const large = randomBytes(37 * MIB + 11)
      await storage.put('large', [large.subarray(0, 5), large.subarray(5, 20 * MIB), large.subarray(20 * MIB)])
      assert((await storage.get('large')).equals(large))
      const range = await storage.getRange('large', 16 * MIB - 5, 17 * MIB)
      assert(range.equals(large.subarray(16 * MIB - 5, 17 * MIB)))
      await storage.put('large', [large])
      large[large.length - 1]! ^= 1
      await assert.rejects(storage.put('large', [large]), { code: 'MR_STORAGE_EXISTS' })
      assert.equal((await list())[0]!.bytes, large.length)
    })

    it('takes the same bytes again, in other chunks too, and refuses others', async () => {
      await put('a/file', 'content')
      await put('a/file', 'content')
      await storage.put('a/file', [Buffer.from('con'), Buffer.from('tent')])
      for (const other of ['CONTENT', 'longer content', '']) {
        await assert.rejects(put('a/file', other), { code: 'MR_STORAGE_EXISTS' })
      }
      assert.equal(String(await storage.get('a/file')), 'content')
    })

    it('lets one of twenty writers win', async () => {
      const contents = Array.from({ length: 20 }, (_, i) => `content of writer ${i}`)
      const results = await Promise.allSettled(contents.map((content) => put('race/file', content)))
      const winners = contents.filter((_, i) => results[i]!.status === 'fulfilled')
      assert.equal(winners.length, 1)
      assert.equal(String(await storage.get('race/file')), winners[0])
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'MR_STORAGE_EXISTS')
    })

    it('lets twenty writers of the same bytes all succeed', async () => {
      await Promise.all(Array.from({ length: 20 }, () => put('same/file', 'content')))
      assert.equal(String(await storage.get('same/file')), 'content')
    })

    it('names a file that is not there', async () => {
      await put('a/file', 'content')
      for (const path of ['a/other', 'b', 'a/deeper/file']) {
        await assert.rejects(storage.get(path), { code: 'MR_STORAGE_NOT_FOUND' })
        await assert.rejects(storage.getRange(path, 0, 5), { code: 'MR_STORAGE_NOT_FOUND' })
      }
    })

    it('reads ranges, fewer bytes where the file ends', async () => {
      await put('file', '0123456789')
      const range = async (start: number, end: number) => String(await storage.getRange('file', start, end))
      assert.equal(await range(0, 10), '0123456789')
      assert.equal(await range(3, 4), '3')
      assert.equal(await range(8, 100), '89')
      assert.equal(await range(10, 20), '')
      assert.equal(await range(4, 4), '')
    })

    it('lists by prefix in ascending order of whole paths, with sizes and times', async () => {
      const all = ['a', 'b-c', 'b.c', 'b/a', 'b/a-b', 'b/b/c', 'b/c', 'b0', 'c/d/e/f', 'ca']
      for (const path of [...all].reverse()) await put(path, path)
      assert.deepEqual(await paths(), all)
      assert.deepEqual(await paths('b'), ['b-c', 'b.c', 'b/a', 'b/a-b', 'b/b/c', 'b/c', 'b0'])
      assert.deepEqual(await paths('b/'), ['b/a', 'b/a-b', 'b/b/c', 'b/c'])
      assert.deepEqual(await paths('b/a'), ['b/a', 'b/a-b'])
      assert.deepEqual(await paths('c/d/e'), ['c/d/e/f'])
      assert.deepEqual(await paths('nothing/here'), [])
      const [file] = await list('c/')
      assert.equal(file!.bytes, 'c/d/e/f'.length)
      assert(Math.abs(file!.modifiedAtMs - Date.now()) < 60_000, `modified at ${file!.modifiedAtMs}`)
    })

    it('lists and deletes more than a thousand files', { timeout: 120_000 }, async () => {
      const all = Array.from({ length: 1050 }, (_, i) => `many/${String(i).padStart(5, '0')}`)
      for (let i = 0; i < all.length; i += 50) await Promise.all(all.slice(i, i + 50).map((path) => put(path, 'x')))
      await put('more', 'x')
      assert.deepEqual(await paths('many/'), all)
      await storage.delete(all)
      assert.deepEqual(await paths(), ['more'])
    })

    it('deletes what is there and nothing else', async () => {
      for (const path of ['a/b/1', 'a/b/2', 'a/c', 'd/e']) await put(path, path)
      await storage.delete(['a/b/1', 'a/b/none', 'x/y', 'd/e'])
      assert.deepEqual(await paths(), ['a/b/2', 'a/c'])
      await storage.delete([])
      await put('a/b/1', 'other')
      assert.equal(String(await storage.get('a/b/1')), 'other')
    })

    it('puts into a folder while its last file is deleted', async () => {
      for (let i = 0; i < 30; i++) {
        await put(`folder/${i}`, 'x')
        await Promise.all([storage.delete([`folder/${i}`]), put(`folder/${i + 1}`, 'x')])
      }
      assert.deepEqual(await paths(), ['folder/30'])
    })

    it('does not begin what is aborted already', async () => {
      const signal = AbortSignal.abort(new Error('no longer wanted'))
      await put('file', 'content')
      await assert.rejects(storage.put('other', [Buffer.from('x')], signal), /no longer wanted/)
      await assert.rejects(storage.get('file', signal), /no longer wanted/)
      await assert.rejects(storage.getRange('file', 0, 1, signal), /no longer wanted/)
      assert.deepEqual(await paths(), ['file'])
    })

    it('publishes a file whole or not at all when it is aborted', { timeout: 120_000 }, async () => {
      const large = randomBytes(20 * MIB)
      for (const [i, delayMs] of [0, 1, 5, 20, 60].entries()) {
        const abort = new AbortController()
        const timer = setTimeout(() => abort.abort(new Error('no longer wanted')), delayMs)
        const result = await storage.put(`file-${i}`, [large], abort.signal).catch((error: Error) => error)
        clearTimeout(timer)
        if (result instanceof Error) assert.match(result.message, /no longer wanted/)
        else assert((await storage.get(`file-${i}`)).equals(large))
      }
      for (const { bytes } of await list()) assert.equal(bytes, large.length)
    })

    it('refuses paths that lead elsewhere', async () => {
      for (const path of ['', '/etc/passwd', '../up', 'a/../b', 'a//b', 'a/', 'ü']) {
        await assert.rejects(put(path, 'x'), /invariant broken/, path)
      }
      for (const prefix of ['../', '/', 'a/../']) await assert.rejects(list(prefix), /invariant broken/, prefix)
    })
  })
}
