/** What a simulated process logs, as lines of the trace. */
import type { Logger } from '../../common/logger.ts'
import type { SimulatedProcess } from '../simulator/simulated-process.ts'
import type { Simulation } from '../simulator/simulation.ts'

export function tracingLogger(simulation: Simulation, process: SimulatedProcess): Logger {
  const line = (event: string, fields?: Readonly<Record<string, unknown>>): void => {
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
