import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatheredMetrics } from './gathered-metrics.ts'
import { Metrics } from './metrics.ts'
import { snapshotOf } from './metrics-snapshot.ts'
import { prometheusText } from './prometheus-text.ts'

test('what threads count is merged by name, with a label for each thread', async () => {
  const own = new GatheredMetrics()
  own.gauge('heap_bytes', 'Heap.', () => 1)
  const thread = (records: number) => {
    const metrics = new Metrics()
    metrics.gauge('heap_bytes', 'Heap.', () => records * 10)
    metrics.counter('records_total', 'Records.', { source: 'a' }).add(records)
    metrics.gauge('broken', 'Broken.', () => {
      throw new Error('no')
    })
    metrics.histogram('pause_seconds', 'Pauses.', [0.1, 1]).observe(records)
    return structuredClone(snapshotOf(metrics.all()))
  }
  own.setOthers(async () => [
    { labels: { worker: '0' }, families: thread(0.5) },
    { labels: { worker: '1' }, families: thread(2) },
  ])
  assert.equal(
    prometheusText(await own.collect()),
    `# HELP heap_bytes Heap.
# TYPE heap_bytes gauge
heap_bytes 1
heap_bytes{worker="0"} 5
heap_bytes{worker="1"} 20
# HELP records_total Records.
# TYPE records_total counter
records_total{source="a",worker="0"} 0.5
records_total{source="a",worker="1"} 2
# HELP broken Broken.
# TYPE broken gauge
broken{worker="0"} NaN
broken{worker="1"} NaN
# HELP pause_seconds Pauses.
# TYPE pause_seconds histogram
pause_seconds_bucket{worker="0",le="0.1"} 0
pause_seconds_bucket{worker="0",le="1"} 1
pause_seconds_bucket{worker="0",le="+Inf"} 1
pause_seconds_sum{worker="0"} 0.5
pause_seconds_count{worker="0"} 1
pause_seconds_bucket{worker="1",le="0.1"} 0
pause_seconds_bucket{worker="1",le="1"} 0
pause_seconds_bucket{worker="1",le="+Inf"} 1
pause_seconds_sum{worker="1"} 2
pause_seconds_count{worker="1"} 1
`,
  )
  // What was merged at one scrape is not there twice at the next, nor counted as its own.
  assert.equal(prometheusText(await own.collect()).match(/heap_bytes\{/g)?.length, 2)
  assert.equal([...own.all()].length, 1)
})
