/**
 * `millrace` that dies while it writes a savepoint, at KILL_AT: `check`, before anything of it is written; `state`, behind its
 * first file; `metadata`, before that is put. KILL_REACHED names a file that is made when it does.
 */
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'
import { dieAt } from '../support/die.ts'

const { KILL_AT = '', KILL_REACHED = '' } = process.env

function reach(here: string): void {
  if (here === KILL_AT) dieAt(here, KILL_REACHED)
}

await runProgram({
  ...productionWiring,
  async openStorage(config) {
    const real = await productionWiring.openStorage(config)
    if (!config.checkpoints.includes('/savepoints/')) return real
    return {
      uri: real.uri,
      async check() {
        reach('check')
        await real.check()
      },
      get: (path, signal) => real.get(path, signal),
      getRange: (path, start, end, signal) => real.getRange(path, start, end, signal),
      list: (prefix) => real.list(prefix),
      delete: (paths) => real.delete(paths),
      close: () => real.close(),
      async put(path, chunks, signal) {
        if (path === 'metadata.json') reach('metadata')
        await real.put(path, chunks, signal)
        reach('state')
      },
    }
  },
})
