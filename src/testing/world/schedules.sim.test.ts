import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runSchedule } from './run-schedule.ts'
import { schedules } from './schedules.ts'

const FROM = Number(process.env.MILLRACE_SIM_FROM ?? 1)
const SEEDS = 5

describe('whoever strikes at the worst moment, all output is committed once and in order', () => {
  for (const schedule of schedules) {
    test(schedule.about, async () => {
      const violations: string[] = []
      for (let seed = FROM; seed < FROM + SEEDS; seed++) {
        const { wrong } = await runSchedule(schedule, seed)
        if (wrong !== undefined) violations.push(`seed ${seed}: ${wrong}`)
      }
      assert.deepEqual(violations, [], `npm run simulate -- --schedule ${schedule.name} --seed S replays one, with its trace`)
    })
  }

  test('a seed of each replays exactly', async () => {
    for (const schedule of schedules) {
      const [first, second] = [await runSchedule(schedule, FROM), await runSchedule(schedule, FROM, { keepTrace: true })]
      assert.equal(first.digest, second.digest, schedule.name)
    }
  })
})
