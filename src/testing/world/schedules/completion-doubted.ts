import type { Schedule } from './schedule.ts'

/** R2: of a completion and an abort the first stands. */
export const completionDoubted: Schedule = {
  name: 'completion-doubted',
  about: 'the completion of a checkpoint, a final one too, takes longer than the timeout, and the leader aborts it',
  workers: 2,
  world: { config: { checkpointTimeout: 1_000 } },
  async strike(adversary) {
    const { random, log } = adversary
    await adversary.someCheckpoints()
    const isFinal = random.chance(0.5)
    if (isFinal) adversary.start(3)
    const completion = await adversary.record('checkpoint-completed', ({ checkpoint }) => {
      const { pending } = log.view
      return !isFinal || (pending?.triggered.kind === 'final' && pending.triggered.checkpoint === checkpoint)
    })
    await adversary.sleep(random.between(1_000, 1_500))
    completion.pass()
    await adversary.sleep(random.between(0, 1_000))
    adversary.crashAll()
    adversary.start(2)
  },
}
