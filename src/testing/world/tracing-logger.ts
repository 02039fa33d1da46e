/** What a simulated process logs, as lines of the trace; and what must never be logged. */
import type { Logger } from '../../common/logger.ts'
import type { SimulatedProcess } from '../simulator/simulated-process.ts'
import type { Simulation } from '../simulator/simulation.ts'

/** Bugs by the product's own account: failed assertions, and what the job itself finds wrong. */
const BUG = /invariant broken|\(this is a bug in Millrace|unreachable|comes behind|is not a function|Cannot read prop/

/**
 * @param onBug is told of errors that no fault excuses
 * @param onEvent of everything, by name
 */
export function tracingLogger(
  simulation: Simulation,
  process: SimulatedProcess,
  onBug: (what: string) => void,
  onEvent: (event: string) => void = () => {},
): Logger {
  const line = (event: string, fields?: Readonly<Record<string, unknown>>): void => {
    onEvent(event)
    for (const value of Object.values(fields ?? {})) {
      const text = value instanceof Error ? value.message : typeof value === 'string' ? value : ''
      if (BUG.test(text)) onBug(`${process.name} ${event}: ${text}`)
    }
    if (!simulation.trace.keepsLines) return
    simulation.trace.comment(simulation.nowMs, process, `${event} ${fields === undefined ? '' : textOf(fields)}`)
  }
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger }
  return logger
}

function textOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(
      ([name, value]) =>
        `${name}=${value instanceof Error ? value.message : typeof value === 'object' ? JSON.stringify(value) : value}`,
    )
    .join(' ')
}
