/**
 * `millrace` whose storage, or local state, kills the process: FAULT_KILL=<point>:<n>, at the n-th arrival at
 * - restore: a read before this process has written anything;
 * - compaction: a read after that;
 * - retention: a deletion, half done;
 * - apply: changes of a checkpoint are written to the local state, the first of several steps is done.
 * FAULT_REACHED names a file that is made when it does.
 */
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'
import { dieAt } from '../support/die.ts'

const [point = '', at = '1'] = (process.env.FAULT_KILL ?? '').split(':')
const reachedFile = process.env.FAULT_REACHED
let arrivals = 0
let hasWritten = false

function reach(here: string): void {
  if (here === point && ++arrivals === Number(at)) dieAt(here, reachedFile)
}

await runProgram({
  ...productionWiring,
  createBackend(config, index) {
    const backend = productionWiring.createBackend(config, index)
    const apply = backend.apply.bind(backend)
    backend.apply = async (changes, markers) => {
      await apply(changes, markers)
      // A restore marks its tasks likewise, with no changes yet.
      const isStep = [...markers.values()].some(({ since }) => since !== undefined)
      if (isStep && changes.length > 0) reach('apply')
    }
    return backend
  },
  async openStorage(config) {
    const real = await productionWiring.openStorage(config)
    return {
      uri: real.uri,
      check: () => real.check(),
      get: (path, signal) => real.get(path, signal),
      list: (prefix) => real.list(prefix),
      close: () => real.close(),
      put(path, chunks, signal) {
        hasWritten = true
        return real.put(path, chunks, signal)
      },
      async getRange(path, start, end, signal) {
        const bytes = await real.getRange(path, start, end, signal)
        reach(hasWritten ? 'compaction' : 'restore')
        return bytes
      },
      async delete(paths) {
        await real.delete(paths.slice(0, Math.ceil(paths.length / 2)))
        reach('retention')
        await real.delete(paths)
      },
    }
  },
})
