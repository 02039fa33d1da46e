/** Metrics in Prometheus's text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
import type { Family, HistogramValues, Labels } from './metrics.ts'
import { readSafely } from './read-safely.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(families: Iterable<Family>): string {
  const lines: string[] = []
  for (const { name, help, type, series } of families) {
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`)
    for (const one of series.values()) {
      if (one.kind === 'value') lines.push(`${name}${labelText(one.labels)} ${numberText(readSafely(one.read))}`)
      else lines.push(...histogramLines(name, one.labels, one.histogram))
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Buckets are cumulative: each counts everything up to its bound. */
function histogramLines(name: string, labels: Labels, { bounds, counts, sum }: HistogramValues): string[] {
  let count = 0
  const buckets = [...counts].map((own, i) => {
    count += own
    return `${name}_bucket${labelText({ ...labels, le: numberText(bounds[i] ?? Number.POSITIVE_INFINITY) })} ${count}`
  })
  return [...buckets, `${name}_sum${labelText(labels)} ${numberText(sum)}`, `${name}_count${labelText(labels)} ${count}`]
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
