import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storageContract } from '../../checkpoint/storage-contract.ts'
import { isMillraceError } from '../../common/errors.ts'
import { pumped } from './pumped.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { SimulatedStorage } from './simulated-storage.ts'
import { Simulation } from './simulation.ts'

storageContract('simulated', () => {
  const simulation = new Simulation(1)
  // The contract compares the times of files with the real clock.
  const storage = new SimulatedStorage(simulation, Date.now)
  return pumped(simulation, storage.of(new SimulatedProcess(simulation, 'p')))
})

test('a put that fails, or whose process dies, may be published later', async () => {
  let published = 0
  for (let seed = 0; seed < 40; seed++) {
    const simulation = new Simulation(seed)
    const storage = new SimulatedStorage(simulation)
    storage.conditions = { ...storage.conditions, failure: 1, latePublication: 0.5 }
    const process = new SimulatedProcess(simulation, 'p')
    let error: unknown
    storage
      .of(process)
      .put('file', [Buffer.from('late')])
      .catch((thrown) => {
        error = thrown
      })
    await simulation.run(() => error !== undefined)
    assert.ok(isMillraceError(error, 'MR_STORAGE_UNAVAILABLE'))
    assert.equal(storage.files.files.size, 0)
    await simulation.run(() => false)
    published += storage.files.files.size
  }
  assert.ok(published > 5 && published < 35, `${published} of 40`)
})

test('what a process has sent before it died is carried out, and nobody is told', async () => {
  const simulation = new Simulation(1)
  const storage = new SimulatedStorage(simulation)
  const process = new SimulatedProcess(simulation, 'p')
  let isTold = false
  void storage
    .of(process)
    .put('file', [Buffer.from('sent')])
    .finally(() => {
      isTold = true
    })
  process.crash()
  await simulation.run(() => false)
  assert.equal(storage.files.files.size, 1)
  assert.equal(isTold, false)
})
