/** What the loop does between two batches, and in which order: with everything around it played. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointCompleted, CheckpointKind } from '../checkpoint/protocol/control-records.ts'
import { systemClock } from '../common/clock.ts'
import { WorkerLoop, type WorkerLoopParts } from './worker-loop.ts'
import { WorkerStatus } from './worker-status.ts'

interface Input {
  readonly exchange?: readonly (string | { readonly barrier: number; readonly kind?: CheckpointKind })[]
  readonly source?: readonly string[]
}

/** A worker that reads one exchange and one source; a batch is its name. */
class Scene {
  /** In their order: batches by name, and cuts. */
  readonly done: string[] = []
  readonly exchange: (string | { readonly barrier: number; readonly kind?: CheckpointKind })[]
  readonly source: string[]
  readonly loop: WorkerLoop
  isHeldBack = false
  /** Up to this one checkpoints are decided. */
  lastDecided = 0
  onBatch: (name: string) => void = () => {}
  private lastCut = 0

  constructor({ exchange = [], source = [] }: Input) {
    this.exchange = [...exchange]
    this.source = [...source]
    const never = new Promise<void>(() => {})
    const chain = {
      process: ({ name }: { name: string }) => {
        this.done.push(name)
        this.onBatch(name)
        return null
      },
    }
    const batch = (name: string) => ({ name, count: 1, partition: 0, nextPosition: 1 })
    const parts = {
      clock: systemClock,
      state: { overlayBytes: 0, trim() {} },
      tasks: {
        sources: {
          poll: () => {
            const name = this.source.shift()
            const source = { name: 's', chains: new Map([[0, chain]]), positions: new Map() }
            return name === undefined ? undefined : { source, batch: batch(name) }
          },
          observe() {},
          whenAvailable: () => never,
        },
        exchanges: {
          poll: () => {
            const next = this.exchange.shift()
            if (next === undefined) return undefined
            if (typeof next === 'string') return { kind: 'records', task: { exchange: 'x', chain }, batch: batch(next) }
            const { barrier: checkpoint, kind = 'periodic' } = next
            return { kind: 'barrier', barrier: { checkpoint, kind, watermark: 0 } }
          },
          whenAvailable: () => never,
          totalLag: () => 0,
        },
        outputs: [],
      },
      checkpoints: {
        cut: (checkpoint: number, kind: CheckpointKind) => {
          if (checkpoint <= this.lastCut) return false
          this.lastCut = checkpoint
          this.done.push(`cut ${checkpoint} ${kind}`)
          return true
        },
        onCompleted: async () => {},
      },
      writers: [],
      participants: [],
      status: new WorkerStatus(),
      overlayBytes: 1_000,
      wantCheckpoint() {},
      isUndecided: (checkpoint: number) => checkpoint > this.lastDecided,
      isHeldBack: () => this.isHeldBack,
      observeLag() {},
    }
    this.loop = new WorkerLoop(parts as unknown as WorkerLoopParts)
  }

  /** Runs it until there is nothing to do any more. */
  async idle(): Promise<readonly string[]> {
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
    return this.done
  }
}

const completed = (checkpoint: number): CheckpointCompleted => ({
  type: 'checkpoint-completed',
  epoch: 0,
  checkpoint,
  path: '',
  sha256: '',
})

test('a cut comes before the first record behind its barrier', async () => {
  const scene = new Scene({ exchange: ['before', { barrier: 1 }, 'behind'] })
  void scene.loop.run()
  assert.deepEqual(await scene.idle(), ['before', 'cut 1 periodic', 'behind'])
  // Read in the log afterwards, and from another channel: the same cut.
  scene.loop.cutAt({ checkpoint: 1, kind: 'periodic' })
  scene.exchange.push({ barrier: 1 }, 'later')
  scene.loop.look()
  assert.deepEqual((await scene.idle()).slice(3), ['later'])
  await scene.loop.stop()
})

test('a trigger that is read in the middle of a batch cuts behind it', async () => {
  const scene = new Scene({ source: ['one', 'two'] })
  scene.onBatch = (name) => {
    if (name === 'one') scene.loop.cutAt({ checkpoint: 1, kind: 'periodic' })
  }
  void scene.loop.run()
  assert.deepEqual(await scene.idle(), ['one', 'cut 1 periodic', 'two'])
  await scene.loop.stop()
})

test('the barrier of a checkpoint that is decided cuts nothing', async () => {
  const scene = new Scene({ exchange: [{ barrier: 1, kind: 'final' }, 'behind', { barrier: 2 }, 'last'] })
  scene.lastDecided = 1
  void scene.loop.run()
  assert.deepEqual(await scene.idle(), ['behind', 'cut 2 periodic', 'last'])
  await scene.loop.stop()
})

test('exchange input is served before sources', async () => {
  const scene = new Scene({ exchange: ['x1', 'x2'], source: ['s1', 's2'] })
  scene.onBatch = (name) => {
    if (name === 's1') scene.exchange.push('x3')
  }
  void scene.loop.run()
  assert.deepEqual(await scene.idle(), ['x1', 'x2', 's1', 'x3', 's2'])
  await scene.loop.stop()
})

test('sources wait while an exchange lags, and go on when it does no more', async () => {
  const scene = new Scene({ exchange: ['x1'], source: ['s1'] })
  scene.isHeldBack = true
  void scene.loop.run()
  assert.deepEqual(await scene.idle(), ['x1'])
  scene.isHeldBack = false
  scene.loop.look()
  assert.deepEqual(await scene.idle(), ['x1', 's1'])
  await scene.loop.stop()
})

test('nothing is processed behind a final cut, and it ends when that is complete', async () => {
  const scene = new Scene({ source: ['one', 'two', 'three'] })
  scene.onBatch = (name) => {
    if (name === 'one') scene.loop.cutAt({ checkpoint: 1, kind: 'final' })
  }
  const running = scene.loop.run()
  assert.deepEqual(await scene.idle(), ['one', 'cut 1 final'])
  scene.loop.completed(completed(1))
  await running
  assert.deepEqual(scene.done, ['one', 'cut 1 final'])
})

test('a final checkpoint that is aborted lets it go on, until the next one', async () => {
  const scene = new Scene({ source: ['one'] })
  scene.loop.cutAt({ checkpoint: 1, kind: 'final' })
  const running = scene.loop.run()
  assert.deepEqual(await scene.idle(), ['cut 1 final'])
  scene.loop.aborted(1)
  assert.deepEqual(await scene.idle(), ['cut 1 final', 'one'])
  scene.loop.cutAt({ checkpoint: 2, kind: 'final' })
  await scene.idle()
  scene.loop.completed(completed(2))
  await running
})
