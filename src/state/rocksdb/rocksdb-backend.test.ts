import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMillraceError } from '../../common/errors.ts'
import { changesOf, markerOf, stateBackendContract } from '../backend-contract.ts'
import { createRocksDbBackend, RocksDbBackend } from './rocksdb-backend.ts'

stateBackendContract('rocksdb', (directory) => createRocksDbBackend({ directory }))

const WRITER = fileURLToPath(new URL('crash-writer.fixture.ts', import.meta.url))
const TASK = 'orders/0'

describe('RocksDbBackend', () => {
  let directory: string
  const children: ChildProcess[] = []

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-rocksdb-'))
  })

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })

  const startWriter = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [WRITER, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout!, 'data')
    return child
  }
  const kill = async (child: ChildProcess): Promise<void> => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  it('keeps state and markers across a close', async () => {
    const first = new RocksDbBackend({ directory })
    await first.open()
    await first.apply([changesOf(TASK, [['a', '1']])], new Map([[TASK, markerOf(7)]]))
    await first.close()
    const second = new RocksDbBackend({ directory })
    await second.open()
    assert.deepEqual(await second.markers(), new Map([[TASK, markerOf(7)]]))
    // A new task must not be given the ordinal of the old one.
    await second.apply([changesOf('orders/1', [['a', 'other']])], new Map([['orders/1', markerOf(8)]]))
    assert.equal(String((await second.getMany(TASK, ['a'], 0))[0]), '1')
    await second.close()
  })

  it('is refused to a second process, whose message names the first, until that is killed', async () => {
    const child = await startWriter()
    const backend = createRocksDbBackend({ directory })
    await assert.rejects(backend.open(), (error) => {
      assert(isMillraceError(error, 'MR_STATE_DIRECTORY_LOCKED'))
      assert.match(error.message, new RegExp(`process ${child.pid}\\b`))
      return true
    })
    await kill(child)
    await backend.open()
    await backend.close()
  })

  it('is refused to a second worker of the same process', async () => {
    const first = createRocksDbBackend({ directory })
    await first.open()
    await assert.rejects(createRocksDbBackend({ directory }).open(), { code: 'MR_STATE_DIRECTORY_LOCKED' })
    await first.apply([changesOf(TASK, [['a', '1']])], new Map())
    await first.close()
  })

  it('after SIGKILL during applies, holds exactly the state of its marker', { timeout: 60_000 }, async () => {
    const reached: number[] = []
    for (let round = 0; round < 12; round++) {
      const child = await startWriter()
      await sleep(20 + ((round * 37) % 130))
      await kill(child)
      const backend = createRocksDbBackend({ directory })
      await backend.open()
      const markers = await backend.markers()
      const checkpoint = markers.get(TASK)?.checkpoint ?? 0
      // The writer puts the number of the checkpoint under every key, and adds one key each time.
      assert.equal(markers.get('orders/1')?.checkpoint ?? 0, checkpoint)
      for (const task of [TASK, 'orders/1']) {
        let keys = 0
        for await (const { key, value } of backend.scan(task, '', 0)) {
          keys++
          assert.equal(String(value), String(checkpoint), `${task} ${key} after checkpoint ${checkpoint}`)
        }
        assert.equal(keys, checkpoint === 0 ? 0 : 2000 + checkpoint)
      }
      reached.push(checkpoint)
      await backend.close()
    }
    assert(reached.at(-1)! > reached[0]!, `the writer got on: ${reached}`)
  })

  it('holds the checkpoint before when the last record of the log is torn', async () => {
    const backend = createRocksDbBackend({ directory })
    await backend.open()
    const image = join(directory, 'image')
    await backend.apply([changesOf(TASK, [['a', 'before']])], new Map([[TASK, markerOf(1)]]))
    await backend.apply(
      [
        changesOf(
          TASK,
          Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'x'.repeat(100)] as const),
        ),
      ],
      new Map([[TASK, markerOf(2)]]),
    )
    // What the disk holds when the machine stops in the middle of the log's last record.
    cpSync(join(directory, 'db'), join(image, 'db'), { recursive: true })
    await backend.close()
    const log = join(
      image,
      'db',
      readdirSync(join(image, 'db'))
        .filter((name) => /^\d+\.log$/.test(name))
        .sort()
        .at(-1)!,
    )
    writeFileSync(log, readFileSync(log).subarray(0, -200_000))
    const torn = createRocksDbBackend({ directory: image })
    await torn.open()
    assert.deepEqual(await torn.markers(), new Map([[TASK, markerOf(1)]]))
    assert.equal(String((await torn.getMany(TASK, ['a'], 0))[0]), 'before')
    assert.deepEqual(await torn.getMany(TASK, ['k0', 'k4999'], 0), [null, null])
    await torn.close()
  })

  const damage = async (which: RegExp, change: (content: Buffer) => Buffer): Promise<void> => {
    const writer = new RocksDbBackend({ directory, writeBufferBytes: 64 * 1024 })
    await writer.open()
    const entries = Array.from({ length: 20_000 }, (_, i) => [`k${i}`, `value of ${i}`] as const)
    for (const value of [1, 2, 3]) await writer.apply([changesOf(TASK, entries)], new Map([[TASK, markerOf(value)]]))
    await writer.close()
    // An open writes what the log still held into a table.
    const reader = createRocksDbBackend({ directory })
    await reader.open()
    await reader.close()
    const files = readdirSync(join(directory, 'db')).filter((name) => which.test(name))
    assert.notEqual(files.length, 0)
    for (const name of files) {
      const path = join(directory, 'db', name)
      writeFileSync(path, change(readFileSync(path)))
    }
  }
  const isCorrupt = { code: 'MR_STATE_LOCAL_CORRUPT' }

  for (const [what, which, change] of [
    ['a damaged manifest', /^MANIFEST-/, (content: Buffer) => flip(content, 30)],
    ['a damaged CURRENT', /^CURRENT$/, () => Buffer.from('nonsense\n')],
    ['a truncated table', /\.sst$/, (content: Buffer) => content.subarray(0, content.length >> 1)],
  ] as const) {
    it(`names ${what} on open, and works after a reset`, async () => {
      await damage(which, change)
      const backend = createRocksDbBackend({ directory })
      await assert.rejects(backend.open(), isCorrupt)
      await backend.reset()
      assert.deepEqual(await backend.markers(), new Map())
      await backend.apply([changesOf(TASK, [['a', '1']])], new Map())
      await backend.close()
    })
  }

  it('names a damaged block when it is read, and works after a reset', async () => {
    await damage(/\.sst$/, (content) => flip(content, content.length >> 1))
    const backend = createRocksDbBackend({ directory })
    await backend.open()
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}`)
    await assert.rejects(backend.getMany(TASK, keys, 0), isCorrupt)
    await assert.rejects(async () => {
      for await (const entry of backend.scan(TASK, '', 0)) assert.notEqual(entry.key, '')
    }, isCorrupt)
    await backend.reset()
    assert.deepEqual(await backend.getMany(TASK, ['k1'], 0), [null])
    await backend.close()
  })

  it('names a directory that cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '')
    const backend = createRocksDbBackend({ directory: join(directory, 'file', 'state') })
    await assert.rejects(backend.open(), { code: 'MR_STATE_LOCAL_FAILED' })
  })

  it('refuses every apply after one that failed', async () => {
    const backend = createRocksDbBackend({ directory })
    await backend.open()
    const broken = { ...changesOf(TASK, [['a', '1']]), valueEnds: [2 ** 40] }
    await assert.rejects(backend.apply([broken], new Map()))
    await assert.rejects(backend.apply([changesOf(TASK, [['b', '1']])], new Map()))
    assert.deepEqual(await backend.getMany(TASK, ['a', 'b'], 0), [null, null])
    await backend.close()
  })

  it('keeps few of the info logs that each start leaves', async () => {
    for (let i = 0; i < 8; i++) {
      const backend = createRocksDbBackend({ directory })
      await backend.open()
      await backend.close()
    }
    const logs = readdirSync(join(directory, 'db')).filter((name) => name.startsWith('LOG'))
    assert(logs.length <= 5, String(logs))
  })

  it('tells its memory', async () => {
    const backend = createRocksDbBackend({ directory })
    await backend.open()
    const entries = Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'x'.repeat(200)] as const)
    await backend.apply([changesOf(TASK, entries)], new Map())
    assert(backend.memoryBytes() > 1_000_000)
    await backend.close()
  })
})

function flip(content: Buffer, at: number): Buffer {
  content[at]! ^= 0xff
  return content
}
