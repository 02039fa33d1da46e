import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../common/assert.ts'
import { Metrics } from './metrics.ts'
import { addProcessMetrics, addThreadMetrics } from './process-metrics.ts'
import { prometheusText } from './prometheus-text.ts'

test('counters, gauges and histograms in the text format', () => {
  const metrics = new Metrics()
  metrics.counter('records_total', 'Records.', { source: 'a' }).add(3)
  metrics.counter('records_total', 'Records.', { source: 'a' }).add(2)
  metrics.counter('records_total', 'Records.', { source: 'b"\\\n' }).add(1)
  metrics.gauge('lag', 'Line one\nline two \\', () => 7)
  const histogram = metrics.histogram('duration_seconds', 'Duration.', [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 2]) histogram.observe(value)
  assert.equal(
    prometheusText(metrics.all()),
    `# HELP records_total Records.
# TYPE records_total counter
records_total{source="a"} 5
records_total{source="b\\"\\\\\\n"} 1
# HELP lag Line one\\nline two \\\\
# TYPE lag gauge
lag 7
# HELP duration_seconds Duration.
# TYPE duration_seconds histogram
duration_seconds_bucket{le="0.1"} 2
duration_seconds_bucket{le="1"} 3
duration_seconds_bucket{le="+Inf"} 4
duration_seconds_sum 2.65
duration_seconds_count 4
`,
  )
})

test('the order of labels does not make another series', () => {
  const metrics = new Metrics()
  metrics.counter('a_total', 'A.', { x: '1', y: '2' }).add(1)
  metrics.counter('a_total', 'A.', { y: '2', x: '1' }).add(1)
  assert.match(prometheusText(metrics.all()), /a_total\{x="1",y="2"\} 2\n$/)
})

test('a gauge registered again reads from its new owner; one that throws does not hide the others', () => {
  const metrics = new Metrics()
  metrics.gauge('a', 'A.', () => 1)
  metrics.gauge('a', 'A.', () => 2)
  metrics.gauge('b', 'B.', () => {
    throw new Error('closed')
  })
  metrics.gauge('c', 'C.', () => Number.NEGATIVE_INFINITY)
  assert.match(prometheusText(metrics.all()), /^a 2\n.*^b NaN\n.*^c -Inf\n/ms)
})

test('a name has one type, and only counters end in _total', () => {
  const metrics = new Metrics()
  metrics.counter('a_total', 'A.')
  assert.throws(() => metrics.counter('b', 'B.'), AssertionError)
  assert.throws(() => metrics.gauge('c_total', 'C.', () => 1), AssertionError)
  assert.throws(() => metrics.gauge('a_total', 'A.', () => 1), AssertionError)
  assert.throws(() => metrics.gauge('no name', '', () => 1), AssertionError)
  assert.throws(() => metrics.histogram('d', 'D.', [2, 1]), AssertionError)
})

test('the process tells its memory, CPU time and event loop delay', () => {
  const metrics = new Metrics()
  addProcessMetrics(metrics)
  const stop = addThreadMetrics(metrics)
  const text = prometheusText(metrics.all())
  stop()
  assert.match(text, /^process_cpu_seconds_total \d/m)
  assert.match(text, /^process_resident_memory_bytes \d{7,}$/m)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m)
})
