import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../common/errors.ts'
import { changesOf, markerOf, stateBackendContract } from '../../state/backend-contract.ts'
import { pumped } from './pumped.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { Simulation } from './simulation.ts'

const TASK = 'orders/0'

stateBackendContract('a simulated disk', () => {
  const simulation = new Simulation(1)
  return pumped(simulation, new SimulatedDisk('disk').of(new SimulatedProcess(simulation, 'p')))
})

test('it outlives its process, but for the last batches: never a later one without an earlier', async () => {
  const lost = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const simulation = new Simulation(seed)
    const disk = new SimulatedDisk('disk')
    const first = new SimulatedProcess(simulation, 'first')
    const backend = pumped(simulation, disk.of(first))
    await backend.open()
    for (let n = 1; n <= 5; n++) await backend.apply([changesOf(TASK, [[`k${n}`, `v${n}`]])], new Map([[TASK, markerOf(n)]]))
    first.crash()
    const after = pumped(simulation, disk.of(new SimulatedProcess(simulation, 'second')))
    await after.open()
    const kept = (await after.markers()).get(TASK)?.checkpoint ?? 0
    const values = await after.getMany(TASK, ['k1', 'k2', 'k3', 'k4', 'k5'], 0)
    assert.deepEqual(
      values.map((value) => (value === null ? null : String(value))),
      [1, 2, 3, 4, 5].map((n) => (n <= kept ? `v${n}` : null)),
    )
    lost.add(5 - kept)
  }
  assert.deepEqual([...lost].sort(), [0, 1, 2])
})

test('one process at a time holds it', async () => {
  const simulation = new Simulation(1)
  const disk = new SimulatedDisk('disk')
  const [first, second] = [new SimulatedProcess(simulation, 'a'), new SimulatedProcess(simulation, 'b')]
  const held = pumped(simulation, disk.of(first))
  await held.open()
  const refused = pumped(simulation, disk.of(second))
  await assert.rejects(refused.open(), (error) => isMillraceError(error, 'MR_STATE_DIRECTORY_LOCKED'))
  await held.close()
  await refused.open()
})
