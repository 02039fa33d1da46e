import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedProcess } from './simulated-process.ts'
import { Simulation } from './simulation.ts'

/** Three processes that wait at random and hand a number round. */
async function ring(seed: number): Promise<{ simulation: Simulation; passed: string[] }> {
  const simulation = new Simulation(seed)
  const passed: string[] = []
  const processes = ['a', 'b', 'c'].map((name) => new SimulatedProcess(simulation, name))
  let turn = 0
  const runOne = async (process: SimulatedProcess) => {
    for (let round = 0; round < 50; round++) {
      await process.clock.sleep(process.random.between(0, 10))
      await Promise.all([process.clock.turn(), process.clock.turn()])
      passed.push(`${process.name}${turn++}`)
    }
  }
  for (const process of processes) void runOne(process)
  await simulation.run(() => passed.length === 150)
  return { simulation, passed }
}

test('a run is the same for the same seed, event by event', async () => {
  const [first, second, other] = [await ring(7), await ring(7), await ring(8)]
  assert.equal(first.passed.length, 150)
  assert.deepEqual(first.passed, second.passed)
  assert.equal(first.simulation.digest, second.simulation.digest)
  assert.notEqual(first.simulation.digest, other.simulation.digest)
})

test('time passes from event to event, and costs none', async () => {
  const simulation = new Simulation(1)
  const { clock } = new SimulatedProcess(simulation, 'p')
  const wokenAt: number[] = []
  const sleep = async (ms: number) => {
    await clock.sleep(ms)
    wokenAt.push(clock.monotonicMs())
  }
  const all = Promise.all([sleep(86_400_000), sleep(5), sleep(0)])
  assert.equal(await simulation.run(() => wokenAt.length === 3), true)
  await all
  assert.deepEqual(wokenAt, [0, 5, 86_400_000])
})

test('what an event sets free is done before the next event', async () => {
  const simulation = new Simulation(1)
  const process = new SimulatedProcess(simulation, 'p')
  const order: string[] = []
  process.after(1, 'first', async () => {
    order.push('first')
    for (let hops = 0; hops < 100; hops++) await Promise.resolve()
    order.push('first, a hundred promises on')
  })
  process.after(1, 'second', () => order.push('second'))
  await simulation.run(() => false)
  assert.deepEqual(order, ['first', 'first, a hundred promises on', 'second'])
})

test('of a process that crashes nothing runs any more', async () => {
  const simulation = new Simulation(1)
  const process = new SimulatedProcess(simulation, 'p')
  let ticks = 0
  process.clock.every(10, () => ticks++)
  void process.clock.sleep(40).then(() => ticks++)
  simulation.after(null, 35, 'kill', () => process.crash())
  assert.equal(await simulation.run(() => false), false)
  assert.equal(ticks, 3)
})

test('a paused process finds what it has missed, late and in order', async () => {
  const simulation = new Simulation(1)
  const process = new SimulatedProcess(simulation, 'p')
  const seen: [string, number][] = []
  for (const [name, ms] of Object.entries({ b: 20, a: 10, c: 200 })) {
    process.clock.schedule(ms, () => seen.push([name, simulation.nowMs]))
  }
  simulation.after(null, 5, 'pause', () => process.pause())
  simulation.after(null, 100, 'resume', () => process.resume())
  await simulation.run(() => false)
  assert.deepEqual(seen, [
    ['a', 100],
    ['b', 100],
    ['c', 200],
  ])
})

test('a sleep can be called off, and a world that comes to no end is found', async () => {
  const simulation = new Simulation(3)
  const { clock } = new SimulatedProcess(simulation, 'p')
  const cancel = new AbortController()
  const sleeping = clock.sleep(1_000, cancel.signal)
  clock.schedule(10, () => cancel.abort(new Error('called off')))
  await simulation.run(() => simulation.nowMs >= 10)
  await assert.rejects(sleeping, /called off/)
  clock.every(1, () => {})
  await assert.rejects(
    simulation.run(() => false, { maxEvents: 100 }),
    /seed 3: no end after 100 events/,
  )
})
