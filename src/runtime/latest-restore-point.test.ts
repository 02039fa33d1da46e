import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMetadata } from '../checkpoint/metadata.ts'
import { type ControlRecord, encodeControlRecord } from '../checkpoint/protocol/control-records.ts'
import { isMillraceError } from '../common/errors.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { checkpoint, claim, dropped, ready, recovered, triggered } from '../testing/world/invariants/history.fixture.ts'
import { LogFollower } from './log-follower.ts'
import { readLatestRestorePoint } from './recovery.ts'

const [first, second] = [checkpoint(1), checkpoint(2)]

/** Somebody else leads, completes checkpoints and drops them, whatever this process reads at the moment. */
class Others extends MemoryStorage {
  readonly log = new MemoryControlLog()
  beforeGet: () => Promise<unknown> = async () => {}

  append(...records: ControlRecord[]): Promise<number> {
    return this.log.append(records.map(encodeControlRecord))
  }

  async complete({ point, metadata }: typeof first): Promise<void> {
    await this.put(point.path, [encodeMetadata(metadata).bytes])
    await this.append(triggered(0, point.checkpoint), { type: 'checkpoint-completed', ...point })
  }

  override async get(path: string): Promise<Buffer> {
    await this.beforeGet()
    return super.get(path)
  }
}

async function begun() {
  const others = new Others()
  await others.append(claim(-1), recovered([]), ready(0), { type: 'epoch-started', epoch: 0, at: '2026-01-01T00:00:00Z' })
  await others.complete(first)
  const follower = new LogFollower(others.log)
  await follower.start()
  return { others, follower }
}

test('a restore point that is dropped while it is read is followed by the next one', async () => {
  const { others, follower } = await begun()
  others.beforeGet = async () => {
    others.beforeGet = async () => {}
    await others.complete(second)
    await others.append(dropped(0, 1))
    await others.delete([first.point.path])
  }
  assert.equal((await readLatestRestorePoint(follower, others, 'app'))?.checkpoint, 2)
  await follower.stop()
})

test('one that is missing, and still the restore point, is an error', async () => {
  const { others, follower } = await begun()
  await others.delete([first.point.path])
  await assert.rejects(readLatestRestorePoint(follower, others, 'app'), (error) =>
    isMillraceError(error, 'MR_STORAGE_NOT_FOUND'),
  )
  await follower.stop()
})
