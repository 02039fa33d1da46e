/** The result as a table for people. */
import { type DemoResult, thousands } from './run-demo.ts'

export function reportOf(result: DemoResult): string {
  const { restored, killedAt } = result
  const facts: readonly (readonly [string, string, string])[] = [
    ['records in', thousands(result.recordsIn), `flights of ${result.airports} airports`],
    ['updates out', thousands(result.updatesOut), `read_committed, by ${result.reader}`],
    ['missing', thousands(result.missing), 'of the updates that a model in plain JavaScript has'],
    ['doubled', thousands(result.doubled), ''],
    ['out of order', thousands(result.outOfOrder), ''],
    ['wrong', thousands(result.wrong), ''],
    ['committed at SIGKILL', thousands(killedAt.committed), `with ${thousands(killedAt.loaded)} flights in the topic`],
    ['restored checkpoint', String(restored.checkpoint), `in ${thousands(restored.durationMs)} ms`],
    ['first new update', `${(result.firstUpdateAfterRestartMs / 1000).toFixed(1)} s`, 'after the restart'],
  ]
  const lines = facts.map(([name, value, note]) => `  ${name.padEnd(20)}  ${value.padStart(7)}  ${note}`.trimEnd())
  const airports = result.top.map(({ key, flights, meanDelay, worstDelay }) => {
    const numbers = [thousands(flights), minutes(meanDelay.toFixed(1)), minutes(String(worstDelay))]
    return `  ${key.padEnd(7)}  ${numbers.map((text, column) => text.padStart(COLUMNS[column]?.length ?? 0)).join('  ')}`
  })
  const complaints = result.examples.map((text) => `  ${text}`)
  return [
    ...lines,
    '',
    `  airport  ${COLUMNS.join('  ')}`,
    ...airports,
    '',
    ...complaints,
    result.ok ? 'Every update once, in order, and right.' : 'The output differs from the model.',
    '',
  ].join('\n')
}

const COLUMNS = ['flights', 'mean delay', 'worst delay']

function minutes(value: string): string {
  return `${value} min`
}
