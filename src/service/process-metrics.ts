/** What the process and its threads use, by the names that Prometheus clients share, and how late event loops are. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'

/** Of the whole process. */
export function addProcessMetrics(metrics: Metrics): void {
  const startedAtSeconds = Math.round(performance.timeOrigin) / 1_000
  metrics.observedCounter('process_cpu_seconds_total', 'CPU time of all threads, user and system, in seconds.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  metrics.gauge('process_start_time_seconds', 'When the process started, in seconds since 1970.', () => startedAtSeconds)
  metrics.gauge('process_resident_memory_bytes', 'Resident memory in bytes.', () => process.memoryUsage.rss())
}

/**
 * Of this thread: each has a heap and an event loop of its own.
 *
 * @returns stops the measuring of the event loop
 */
export function addThreadMetrics(metrics: Metrics): () => void {
  metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use, in bytes.', () => process.memoryUsage().heapUsed)
  metrics.gauge(
    'nodejs_external_memory_bytes',
    'Buffers and native memory that V8 knows of, in bytes.',
    () => process.memoryUsage().external,
  )

  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const seconds = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0)
  // Three gauges, as other Node.js services have them: only a summary may carry the label `quantile`.
  const lag = (part: string, read: () => number) =>
    metrics.gauge(`nodejs_eventloop_lag_${part}_seconds`, 'How late timers fire, since the process started, in seconds.', read)
  lag('p50', () => seconds(delay.percentile(50)))
  lag('p99', () => seconds(delay.percentile(99)))
  lag('max', () => seconds(delay.max))
  return () => {
    delay.disable()
  }
}
