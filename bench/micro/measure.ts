/** Nanoseconds a record of many rounds: the median, and the tenth percentile, which other work disturbs less. */
import { setImmediate } from 'node:timers/promises'

const ROUNDS = 60
/** Work a round, so that a timer tick is nothing beside it. */
const RECORDS_A_ROUND = 20_000

/** `run` handles `recordsARun` records. Between rounds the event loop turns: only then is native memory given back. */
export async function measure(what: string, recordsARun: number, run: () => void, note = ''): Promise<void> {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now()
    for (let done = 0; done < RECORDS_A_ROUND; done += recordsARun) run()
    rounds.push(((performance.now() - startMs) * 1e6) / RECORDS_A_ROUND)
    await setImmediate()
  }
  rounds.sort((left, right) => left - right)
  const column = (share: number) => (rounds[Math.floor(ROUNDS * share)] as number).toFixed(1).padStart(8)
  console.log(`${what.padEnd(40)}${column(0.5)}${column(0.1)}  ${note}`)
}
