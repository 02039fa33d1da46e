import type { Schedule } from './schedule.ts'

/** R15: a job that has stopped leaves nothing that only it could commit. */
export const stopUncommitted: Schedule = {
  name: 'stop-uncommitted',
  about: 'a job is asked for a savepoint or to stop, by two at once, and the commit takes its time, or expires',
  workers: 2,
  async strike(adversary) {
    const { random, log, world } = adversary
    await adversary.someCheckpoints()
    const isCancelled = random.chance(0.3)
    const drafts: Parameters<typeof adversary.ask>[0][] = [
      isCancelled ? { type: 'cancel-requested' } : { type: 'savepoint-requested', to: null, isStop: true },
      { type: 'savepoint-requested', to: null, isStop: random.chance(0.5) },
    ]
    // At the same moment: one of them comes too late.
    for (const draft of random.chance(0.5) ? drafts : drafts.reverse()) adversary.ask(draft)
    await adversary.until('its checkpoint', () => log.view.request?.checkpoint !== undefined)
    await adversary
      .record('checkpoint-completed', ({ checkpoint }) => checkpoint === log.view.request?.checkpoint)
      .then((completed) => completed.pass())
    const commit = await adversary.commit()
    await adversary.sleep(random.between(200, 1_000))
    if (random.chance(0.3)) world.kafka.transactions.expire(commit.input.transactionalId)
    commit.pass()
    await adversary.sleep(random.between(0, 3_000))
    adversary.start(2)
  },
}
