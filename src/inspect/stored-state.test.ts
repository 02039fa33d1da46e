import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import fc from 'fast-check'
import { numberKeys } from '../api/number-keys.ts'
import type { StateChanges } from '../records/state-changes.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import { stateKey, statePrefix } from '../state/state-key.ts'
import { CheckpointScene, describe, stored } from './testing.ts'

const TASKS = ['in/0', 'in/1', 'other/0']
const STATES = [
  describe(1),
  describe(2, { name: 'm', kind: 'map', mapKeys: 'number' }),
  describe(300, { operator: 'far', name: 's', stage: 'other' }),
]
const KEYS = ['', 'a', 'a\0', 'a\0b', 'ab', 'é', '\u{1f600}', 'k'.repeat(300)]
const MAP_KEYS = [-1.5, 0, 2, 1e9]

interface Change {
  readonly task: string
  readonly state: number
  readonly key: string
  readonly mapKey: number
  /** Null: deleted. */
  readonly value: number | null
  readonly expiresAtMs: number
}

type Step =
  | { readonly do: 'cut'; readonly changes: readonly Change[] }
  | { readonly do: 'merge'; readonly task: string; readonly first: number; readonly count: number; readonly isSplit: boolean }

const anyChange: fc.Arbitrary<Change> = fc
  .record({
    place: fc.constantFrom(['in/0', 1], ['in/0', 2], ['in/1', 1], ['in/1', 2], ['other/0', 300]),
    key: fc.constantFrom(...KEYS),
    mapKey: fc.constantFrom(...MAP_KEYS),
    value: fc.option(fc.integer(), { freq: 4 }),
    expiresAtMs: fc.constantFrom(0, 0, 50, 200),
  })
  .map(({ place: [task, state], ...rest }) => ({ task: task as string, state: state as number, ...rest }))

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cut' as const), changes: fc.array(anyChange, { maxLength: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ do: fc.constant('merge' as const), task: fc.constantFrom(...TASKS) },
      ...{ first: fc.nat(3), count: fc.integer({ min: 1, max: 4 }), isSplit: fc.boolean() },
    }),
  },
)

const bytesOf = (text: string) => Buffer.from(text).toString('latin1')

function stateKeyOf({ state, key, mapKey }: Change): string {
  const own = stateKey(statePrefix(state), bytesOf(key))
  return state === 2 ? own + numberKeys.keyCodec.encode(mapKey) : own
}

/** The last change of each key counts. */
function changesOf(all: readonly Change[]): StateChanges[] {
  return TASKS.flatMap((task) => {
    const byKey = new Map(all.filter((one) => one.task === task).map((one) => [stateKeyOf(one), one]))
    const builder = new StateChangesBuilder(task)
    for (const key of [...byKey.keys()].sort()) {
      const { value, expiresAtMs } = byKey.get(key)!
      if (value === null) builder.delete(key)
      else builder.put(key, stored(value), expiresAtMs)
    }
    return builder.entries === 0 ? [] : [builder.build()]
  })
}

const NOW_MS = 100

suite('state of a checkpoint', () => {
  test('is what a model holds after any changes, cuts and merges: streamed, by key, counted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), async (steps) => {
        const scene = await new CheckpointScene(STATES).cut([])
        const model = new Map<string, Change>()
        for (const step of steps) {
          if (step.do === 'merge') {
            const links = scene.metadata?.chains[step.task]?.length ?? 0
            if (step.first >= links) continue
            await scene.merge(step.task, step.first, Math.min(links, step.first + step.count), step.isSplit ? 1 : undefined)
            await scene.cut([])
            continue
          }
          for (const change of step.changes) {
            const place = JSON.stringify([change.task, change.state, change.key, change.state === 2 ? change.mapKey : null])
            if (change.value === null) model.delete(place)
            else model.set(place, change)
          }
          await scene.cut(changesOf(step.changes))
        }
        const live = [...model.values()].filter(({ expiresAtMs }) => expiresAtMs === 0 || expiresAtMs > NOW_MS)
        const state = await scene.open({ nowMs: NOW_MS })
        const sorted = (all: readonly unknown[]) => all.map((one) => JSON.stringify(one)).sort()

        const plain = await Array.fromAsync(state.operator('op').value<number>('s1'))
        const inPlain = live.filter((one) => one.state === 1)
        assert.deepEqual(
          sorted(plain.map(({ key, value, expiresAtMs }) => [key, value, expiresAtMs ?? 0])),
          sorted(inPlain.map(({ key, value, expiresAtMs }) => [key, value, expiresAtMs])),
        )
        const map = await Array.fromAsync(state.operator('op').map<number, number>('m'))
        const inMap = live.filter((one) => one.state === 2)
        assert.deepEqual(
          sorted(map.map(({ key, mapKey, value }) => [key, mapKey, value])),
          sorted(inMap.map(({ key, mapKey, value }) => [key, mapKey, value])),
        )
        for (const key of KEYS) {
          const values = inPlain.filter((one) => one.key === key).map(({ value }) => value)
          const found = await state.operator('op').value<number>('s1').get(key)
          assert.ok(values.length === 0 ? found === undefined : values.includes(found ?? null), `${key}: ${found} of ${values}`)
          const own = inMap.filter((one) => one.key === key)
          const first = own[0]
          if (first === undefined) continue
          const entry = await state.operator('op').map<number, number>('m').get(key, first.mapKey)
          assert.ok(own.some(({ mapKey, value }) => mapKey === first.mapKey && value === entry))
        }
        const far = live.filter((one) => one.state === 300)
        assert.deepEqual(sorted(await Array.fromAsync(state.operator('far').keys())), sorted(far.map(({ key }) => key)))
        const keysOfTasks = new Set(live.filter(({ state: id }) => id < 3).map(({ task, key }) => `${task} ${key}`))
        assert.equal((await Array.fromAsync(state.operator('op').keys())).length, keysOfTasks.size)
        const sizes = await state.sizes()
        assert.deepEqual(
          sizes.map(({ entries, keys }) => [entries, keys]),
          [inPlain, inMap, far].map((all) => [all.length, new Set(all.map(({ task, key }) => `${task} ${key}`)).size]),
        )
      }),
      { numRuns: 120 },
    )
  })
})
