import type { Schedule } from './schedule.ts'

/** R15, R17: a savepoint holds all that the job has not put out yet. */
export const handedOver: Schedule = {
  name: 'handed-over',
  about:
    'a job is stopped with much on its way between workers; another application goes on, with other tasks; its leader dies',
  workers: 2,
  input: { records: 900, intervalMs: 6 },
  async strike(adversary) {
    const { random, world } = adversary
    const { network } = world
    network.conditions = { ...network.conditions, latencyMs: { least: 0.1, most: 40 } }
    await adversary.someCheckpoints()
    const answer = await adversary.ask({ type: 'savepoint-requested', to: null, isStop: true }).done
    if (answer instanceof Error || answer.savepoint === undefined) throw new Error(`nothing else goes wrong: ${answer}`)
    await adversary.until('the end of all copies', () => world.running.length === 0)
    const partitions = random.pick([undefined, 2, 5])
    world.launch = { application: 'transfers-2', from: answer.savepoint.uri, partitions }
    adversary.start(3)
    await adversary.until('the savepoint', () => world.checker.view.restoredFrom !== undefined)
    await adversary.sleep(random.between(0, 500))
    adversary.crashAll()
    adversary.start(2, random.chance(0.5) ? 'same machines' : 'fresh machines')
  },
}
