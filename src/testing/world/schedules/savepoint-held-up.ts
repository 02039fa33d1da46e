import type { Schedule } from './schedule.ts'

/** R14, R15: what a savepoint is made of stays, however long that takes. */
export const savepointHeldUp: Schedule = {
  name: 'savepoint-held-up',
  about: 'the storage takes the first or the last file of a savepoint late, when other checkpoints are complete',
  workers: 2,
  world: { config: { checkpointsRetained: 1 } },
  input: { intervalMs: 40 },
  async strike(adversary) {
    const { random, log } = adversary
    await adversary.someCheckpoints()
    const isLast = random.chance(0.5)
    const { done } = adversary.ask({ type: 'savepoint-requested', to: null, isStop: false })
    const put = await adversary.put((path) => /\/savepoints\//.test(path) && path.endsWith('/metadata.json') === isLast)
    const from = log.view.lastCheckpoint
    const wanted = from + 2 + random.below(3)
    await adversary.until('checkpoints beside it', () => (log.view.restorePoint?.checkpoint ?? 0) >= wanted)
    // Long enough for it to tell how far it is.
    if (random.chance(0.3)) await adversary.sleep(4_000)
    put.pass()
    const answer = await done
    if (answer instanceof Error) throw answer
    await adversary.until('a checkpoint behind it', () => (log.view.restorePoint?.checkpoint ?? 0) > wanted + 2)
  },
}
