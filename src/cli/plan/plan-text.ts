/** A plan for people: what it comes to, what it was made of, what it warns of. */

import type { FigureName } from '../../planning/job-figures.ts'
import type { Plan } from '../../planning/plan.ts'
import type { PlanSettings } from '../../planning/plan-settings.ts'
import { roundedBytes, roundedDuration } from '../../service/log-fields.ts'
import { tableText } from '../table.ts'
import { FIGURES_TEXT } from './plan-figures-text.ts'

export function planText(plan: Plan, settings: PlanSettings): string {
  const { retention, recovery } = plan
  const rows: [string, string][] = [
    ['full size', roundedBytes(plan.fullBytes)],
    [
      'incremental size',
      `${roundedBytes(plan.incrementalBytes)}, ${count(plan.changedEntries)} entries every ${roundedDuration(settings.intervalMs)}`,
    ],
    ['a checkpoint takes', roundedDuration(plan.durationMs)],
    [
      'least interval',
      `${roundedDuration(plan.leastIntervalMs)} (${roundedDuration(plan.leastFullIntervalMs)} if all were full)`,
    ],
  ]
  if (plan.longestIntervalMs !== null) {
    rows.push([
      'longest interval',
      plan.longestIntervalMs === 0
        ? 'none keeps the recovery target'
        : `${roundedDuration(plan.longestIntervalMs)} for the recovery target`,
    ])
  }
  rows.push(
    ['stored', `${roundedBytes(retention.storedBytes)} in ${settings.retained} checkpoints`],
    ['written a day', `${roundedBytes(retention.writtenBytesPerDay)} in ${count(retention.putsPerDay)} requests`],
  )
  if (retention.moneyPerDay !== null) rows.push(['cost a day', retention.moneyPerDay.toFixed(4)])
  rows.push(
    ['recovery', `${roundedDuration(recovery.totalMeanMs)} on average, ${roundedDuration(recovery.totalWorstMs)} at worst`],
    ['  detection', roundedDuration(recovery.detectionMs)],
    ['  restart', roundedDuration(recovery.restartMs)],
    ['  restore', roundedDuration(recovery.restoreMs)],
    ['  replay', `${roundedDuration(recovery.replayMeanMs)} to ${roundedDuration(recovery.replayWorstMs)}`],
    ['caught up after', roundedDuration(recovery.caughtUpMs)],
    ['working set', `${roundedBytes(plan.workingSetBytes)} of heap, caches have ${roundedBytes(settings.cacheBytes)}`],
  )
  const sections = [rows.map(([name, value]) => `${name.padEnd(20)}${value}\n`).join(''), figuresText(plan)]
  sections.push(
    plan.warnings.length === 0
      ? 'nothing to warn of\n'
      : plan.warnings.map(({ code, message, remedy }) => `${code}: ${message}\n  ${remedy}\n`).join(''),
  )
  return sections.join('\n')
}

function figuresText({ figures, sources }: Plan): string {
  const names = Object.keys(FIGURES_TEXT) as FigureName[]
  return tableText(
    [{ title: 'MADE OF' }, { title: 'VALUE', align: 'right' }, { title: 'FROM' }],
    names.map((name) => {
      const { text, kind } = FIGURES_TEXT[name]
      return [text, valueText(figures[name], kind), sources[name]]
    }),
  )
}

function valueText(value: number, kind: (typeof FIGURES_TEXT)[FigureName]['kind']): string {
  switch (kind) {
    case 'count':
      return count(value)
    case 'rate':
      return `${count(value)}/s`
    case 'bytes':
      return roundedBytes(Math.round(value))
    case 'byte-rate':
      return `${roundedBytes(Math.round(value))}/s`
    case 'time':
      return roundedDuration(value)
    case 'factor':
      return value.toFixed(2)
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}
