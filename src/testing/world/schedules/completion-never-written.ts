import type { Schedule } from './schedule.ts'

/** R2: who acts on a decision that nobody can read. */
export const completionNeverWritten: Schedule = {
  name: 'completion-never-written',
  about: 'the leader dies when it has sent a completion, which is lost',
  workers: 2,
  async strike(adversary) {
    await adversary.someCheckpoints()
    const completion = await adversary.record('checkpoint-completed')
    // Time enough to commit.
    await adversary.sleep(adversary.random.between(20, 500))
    adversary.crash(completion.process)
    completion.lose()
    await adversary.sleep(adversary.random.between(0, 2_000))
    adversary.start(2)
  },
}
