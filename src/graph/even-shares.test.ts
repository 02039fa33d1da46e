import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { evenShares, type UnitClass } from './even-shares.ts'

/** Classes, and how many of their units want to be at which member. */
function scenes(weights: fc.Arbitrary<number>, maxMembers: number, maxClasses: number, maxUnits: number) {
  return fc.integer({ min: 1, max: maxMembers }).chain((members) =>
    fc.record({
      members: fc.constant(members),
      classes: fc.array(
        fc.record({
          weight: weights,
          homes: fc.array(fc.integer({ min: -1, max: members - 1 }), { minLength: 1, maxLength: maxUnits }),
        }),
        { minLength: 1, maxLength: maxClasses },
      ),
    }),
  )
}

function classesOf({ members, classes }: { members: number; classes: { weight: number; homes: number[] }[] }): UnitClass[] {
  return classes.map(({ weight, homes }) => ({
    weight,
    units: homes.length,
    wanted: Array.from({ length: members }, (_, member) => homes.filter((home) => home === member).length),
  }))
}

function loadsOf(classes: readonly UnitClass[], counts: number[][], members: number): number[] {
  return Array.from({ length: members }, (_, member) =>
    classes.reduce((sum, { weight }, k) => sum + weight * (counts[k]?.[member] ?? Number.NaN), 0),
  )
}

function spread(loads: readonly number[]): number {
  return Math.max(...loads) - Math.min(...loads)
}

function kept(classes: readonly UnitClass[], counts: readonly (readonly number[])[]): number {
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  return sum(classes.map(({ wanted }, k) => sum(wanted.map((want, member) => Math.min(want, counts[k]?.[member] ?? 0)))))
}

/** Every way to give each member the floor of each class, or one more. */
function* allShares(classes: readonly UnitClass[], members: number): Generator<number[][]> {
  const [first, ...rest] = classes
  if (first === undefined) return yield []
  const floor = Math.floor(first.units / members)
  for (let set = 0; set < 2 ** members; set++) {
    const row = Array.from({ length: members }, (_, member) => floor + ((set >> member) & 1))
    if (row.reduce((a, b) => a + b) !== first.units) continue
    for (const others of allShares(rest, members)) yield [row, ...others]
  }
}

test('every class is dealt evenly and completely, loads within the heaviest weight, nobody empty-handed beside two', () => {
  fc.assert(
    fc.property(scenes(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })), 12, 8, 30), (scene) => {
      const classes = classesOf(scene)
      const counts = evenShares(classes, scene.members)
      classes.forEach(({ units }, k) => {
        const row = counts[k] as number[]
        assert.equal(
          row.reduce((a, b) => a + b),
          units,
        )
        assert.ok(spread(row) <= 1)
      })
      assert.ok(spread(loadsOf(classes, counts, scene.members)) <= Math.max(...classes.map(({ weight }) => weight)))
      const units = Array.from({ length: scene.members }, (_, member) =>
        counts.reduce((sum, row) => sum + (row[member] ?? 0), 0),
      )
      assert.ok(Math.min(...units) > 0 || Math.max(...units) < 2, String(units))
    }),
    { numRuns: 2_000 },
  )
})

test('with equal weights no other even division keeps more units where they are wanted', () => {
  fc.assert(
    fc.property(scenes(fc.constant(3), 4, 3, 9), (scene) => {
      const classes = classesOf(scene)
      let best = -1
      for (const counts of allShares(classes, scene.members)) {
        if (spread(loadsOf(classes, counts, scene.members)) <= 3) best = Math.max(best, kept(classes, counts))
      }
      assert.equal(kept(classes, evenShares(classes, scene.members)), best)
    }),
    { numRuns: 2_000 },
  )
})

test('a hundred members and ten stages are shared out evenly, too', () => {
  const members = 100
  const classes = Array.from({ length: 10 }, (_, k) => ({
    weight: 1,
    units: 150,
    wanted: Array.from({ length: members }, (_, member) => (member * (k + 3)) % 5),
  }))
  assert.deepEqual([...new Set(loadsOf(classes, evenShares(classes, members), members))], [15])
})
