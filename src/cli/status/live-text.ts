/** What a running job's copies tell, for people. */
import { roundedBytes, roundedDuration } from '../../service/log-fields.ts'
import { factorText } from '../factor-text.ts'
import { type Column, tableText } from '../table.ts'
import type { LiveCopy, LivePlan, LiveStatus, UnreadableCopy } from './live-status.ts'

/** Facts of the whole job, name and value. */
export function planFacts(plan: LivePlan): [name: string, value: string][] {
  const time = (ms: number | null) => (ms === null ? 'for ever' : roundedDuration(ms))
  const facts: [string, string][] = [
    ['size', `${bytes(plan.fullBytes)} live, ${bytes(plan.storedBytes)} stored, ${bytes(plan.incrementalBytes)} a checkpoint`],
    ['interval', `${roundedDuration(plan.intervalMs)}; the least sensible is ${roundedDuration(plan.leastIntervalMs)}`],
    ['recovery', `takes ${time(plan.recoveryMeanMs)} on average, ${time(plan.recoveryWorstMs)} at worst`],
    ['factors', factorsText(plan)],
  ]
  if (plan.warnings.length > 0) facts.push(['warnings', `${plan.warnings.join(', ')}: see millrace plan`])
  return facts
}

function factorsText({ storageFactor, restoreFactor, compactionFactor }: LivePlan): string {
  const texts = [
    [storageFactor, 'of the live state stored'],
    [restoreFactor, 'read by a restore'],
    [compactionFactor, 'of changes written by compaction'],
  ] as const
  const known = texts.flatMap(([factor, text]) => (factor === null ? [] : [`${factorText(factor)} ${text}`]))
  return known.length === 0 ? 'not known yet' : known.join(', ')
}

export function copiesText({ copies }: LiveStatus): string {
  const hasMemory = copies.some((copy) => !('error' in copy) && copy.memory !== null)
  const columns: Column[] = [
    { title: 'COPY' },
    { title: 'SLOT', align: 'right' },
    { title: 'STATE' },
    { title: 'RESTORED' },
    ...(hasMemory
      ? [
          { title: 'CACHE', align: 'right' } as const,
          { title: 'CHANGES', align: 'right' } as const,
          { title: 'FETCHING', align: 'right' } as const,
          { title: 'MEMORY' },
        ]
      : []),
  ]
  return tableText(
    columns,
    copies.flatMap((copy) => rowsOf(copy)),
  )
}

function rowsOf(copy: LiveCopy | UnreadableCopy): string[][] {
  if ('error' in copy) return [[copy.url, '', `${copy.error.code}: ${copy.error.message}`]]
  return copy.workers.map(({ slot, restore, memory }, i) => [
    copy.url,
    String(slot),
    copy.state,
    restoreText(restore),
    ...(memory === null ? [] : [bytes(memory.cache), bytes(memory.overlay), bytes(memory.fetch)]),
    // Of the whole process.
    i === 0 ? memoryText(copy.memory) : '',
  ])
}

function restoreText({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }): string {
  if (totalBytes === 0) return 'nothing'
  if (doneBytes >= totalBytes) return bytes(totalBytes)
  return `${bytes(doneBytes)} of ${bytes(totalBytes)}, ${Math.floor((100 * doneBytes) / totalBytes)}%`
}

function memoryText(memory: LiveCopy['memory']): string {
  if (memory === null) return ''
  const { residentBytes, budgetBytes, sharedBytes } = memory
  return `${bytes(residentBytes)} of ${bytes(budgetBytes)}, ${bytes(sharedBytes)} shared out`
}

function bytes(value: number): string {
  return roundedBytes(Math.round(value))
}
