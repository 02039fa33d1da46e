/**
 * `millrace` that stops itself with SIGSTOP in the middle of its FAULT_STOP-th checkpoint that holds anything: state sealed,
 * output prepared, the ack not yet written. The engine is the real one; whoever sends SIGCONT wakes a process that believes to be in charge.
 */
import type { ControlLog } from '../../src/ports/control-log.ts'
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'

const stopAt = Number(process.env.FAULT_STOP)
let acks = 0

function stopping(real: ControlLog): ControlLog {
  return {
    open: () => real.open(),
    endOffset: () => real.endOffset(),
    tail: (offset, signal) => real.tail(offset, signal),
    close: () => real.close(),
    append(values) {
      if (values.some(isAckOfChanges) && ++acks === stopAt) process.kill(process.pid, 'SIGSTOP')
      return real.append(values)
    },
  }
}

function isAckOfChanges(value: Buffer): boolean {
  const record = JSON.parse(value.toString())
  return record.type === 'checkpoint-acked' && record.manifest.segments.length > 0
}

await runProgram({
  ...productionWiring,
  createControlLog: (context) => stopping(productionWiring.createControlLog(context)),
})
