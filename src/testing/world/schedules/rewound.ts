import type { Schedule } from './schedule.ts'

/** R7, R13: local state of checkpoints that a rewind has given up. */
export const rewound: Schedule = {
  name: 'rewound',
  about: 'the job is sent back by hand while it runs, or when all are dead',
  workers: 2,
  async strike(adversary) {
    const { random } = adversary
    await adversary.someCheckpoints()
    const isRunning = random.chance(0.5)
    if (!isRunning) adversary.crashAll()
    const kept = () => adversary.log.view.retained.map(({ checkpoint }) => checkpoint)
    await adversary.until('a rewind', () => {
      const [oldest] = kept()
      return kept().length > 1 && oldest !== undefined && adversary.rewind(oldest)
    })
    if (!isRunning) adversary.start(2)
    await adversary.sleep(random.between(0, 1_000))
  },
}
