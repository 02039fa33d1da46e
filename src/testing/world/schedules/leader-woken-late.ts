import type { Schedule } from './schedule.ts'

/** R3, R14: what a leader of yesterday decides. */
export const leaderWokenLate: Schedule = {
  name: 'leader-woken-late',
  about: 'a leader stands still while it drops a checkpoint; the job is sent back to that one, by hand; then it wakes up',
  workers: 2,
  async strike(adversary) {
    const { random, log } = adversary
    await adversary.someCheckpoints()
    let dropped = -1
    const drop = await adversary.record('checkpoint-dropped', ({ checkpoint }) => {
      dropped = checkpoint
      return true
    })
    drop.process.pause()
    const { epoch } = log.view
    if (!adversary.rewind(dropped)) throw new Error('a retained checkpoint can be gone back to')
    await adversary.until('the next epoch', () => log.view.epoch > epoch && log.view.epochState === 'started')
    drop.pass()
    drop.process.resume()
    await adversary.sleep(random.between(20, 200))
    adversary.crashAll()
    adversary.start(2, random.chance(0.5) ? 'same machines' : 'fresh machines')
  },
}
