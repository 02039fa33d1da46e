/**
 * `millrace` that sends itself a signal in the middle of its FAULT_AT-th checkpoint that holds anything: state sealed,
 * output prepared, the ack not yet written. FAULT_SIGNAL is SIGSTOP (whoever sends SIGCONT wakes a process that believes
 * to be in charge) or SIGKILL. The engine is the real one.
 */
import type { ControlLog } from '../../src/ports/control-log.ts'
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'

const at = Number(process.env.FAULT_AT)
const signal = process.env.FAULT_SIGNAL as NodeJS.Signals
let acks = 0

function faulty(real: ControlLog): ControlLog {
  return {
    open: () => real.open(),
    endOffset: () => real.endOffset(),
    tail: (offset, stop) => real.tail(offset, stop),
    trim: (offset) => real.trim(offset),
    close: () => real.close(),
    append(values) {
      if (values.some(isAckOfChanges) && ++acks === at) process.kill(process.pid, signal)
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
  createControlLog: (context) => faulty(productionWiring.createControlLog(context)),
})
