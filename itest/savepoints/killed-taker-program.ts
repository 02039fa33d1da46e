/**
 * `millrace` that dies while its job takes over a savepoint, at KILL_AT:
 * - `state`: behind the first file of state;
 * - `frames`: the records in flight lie in the exchange, the barrier behind them doesn't;
 * - `barrier`: that lies there too;
 * - `metadata`: before the metadata of the copy is put;
 * - `metadata-put`: behind it, before the control log tells;
 * - `record`: right behind the record that tells.
 * KILL_REACHED names a file that is made when it does.
 */
import { KafkaExchangeWriter } from '../../connectors/kafka/exchange/kafka-exchange-writer.ts'
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'
import { dieAt } from '../support/die.ts'

const { KILL_AT = '', KILL_REACHED = '' } = process.env

function reach(here: string): void {
  if (here === KILL_AT) dieAt(here, KILL_REACHED)
}

/** Exchanges are no part of the wiring. The first writer of the process is that of the savepoint: a barrier before and behind its frames. */
const { appendToAll } = KafkaExchangeWriter.prototype
let barriers = 0
KafkaExchangeWriter.prototype.appendToAll = async function (this: KafkaExchangeWriter, barrier) {
  const isClosing = ++barriers === 2
  if (isClosing && KILL_AT === 'frames') {
    await acknowledged(this)
    reach('frames')
  }
  const ends = await appendToAll.call(this, barrier)
  if (isClosing) reach('barrier')
  return ends
}

/** All that was appended so far, as `appendToAll` has it, but for the barrier. */
async function acknowledged(writer: KafkaExchangeWriter): Promise<void> {
  const inside = writer as unknown as {
    span: { flushed: Promise<unknown> }
    readonly sender: { use(identity: unknown): { flushed: Promise<unknown> } }
    readonly identity: unknown
  }
  const { span } = inside
  inside.span = inside.sender.use(inside.identity)
  await span.flushed
}

await runProgram({
  ...productionWiring,
  createControlLog(context) {
    const log = productionWiring.createControlLog(context)
    const append = log.append.bind(log)
    log.append = async (values) => {
      const offset = await append(values)
      if (values.some((value) => value.includes('"savepoint-restored"'))) reach('record')
      return offset
    }
    return log
  },
  async openStorage(config) {
    const real = await productionWiring.openStorage(config)
    const put = real.put.bind(real)
    real.put = async (path, chunks, signal) => {
      const isMetadata = path.endsWith('/metadata.json')
      if (isMetadata) reach('metadata')
      await put(path, chunks, signal)
      reach(isMetadata ? 'metadata-put' : 'state')
    }
    return real
  },
})
