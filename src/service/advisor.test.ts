import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import { resolveConfig } from '../config/resolve.ts'
import { WorkerStatus } from '../runtime/worker-status.ts'
import { Advisor } from './advisor.ts'
import { Metrics } from './metrics.ts'
import { prometheusText } from './prometheus-text.ts'

const MIB = 2 ** 20

function scene(options: Readonly<Record<string, string>>) {
  let nowMs = 0
  const warnings: { event: string; fields: Record<string, unknown> }[] = []
  const logger = {
    debug() {},
    info() {},
    warn: (event: string, fields: Record<string, unknown> = {}) => void warnings.push({ event, fields }),
    error() {},
  }
  const values = { appId: 'a', brokers: 'a:1', checkpoints: 'file:c', ...options }
  const layer = new Map(
    Object.entries(values).map(([key, raw]) => [key, { raw, origin: { kind: 'flag', place: `--${key}` } as const }]),
  )
  const { config } = resolveConfig([layer as never])
  const status = new WorkerStatus()
  const clock = { ...systemClock, monotonicMs: () => nowMs, nowMs: () => nowMs }
  const advisor = new Advisor({ status, config, clock, logger: logger as never })
  const metrics = new Metrics()
  advisor.addMetrics(metrics)
  status.onCompleted = () => advisor.look()
  let checkpoint = 0
  /** As the leader: a million entries of 100 bytes, of which 10,000 change. */
  const complete = (afterMs: number, uploadMs: number) => {
    nowMs += afterMs
    status.triggered(++checkpoint, nowMs - uploadMs - 100)
    status.load.uploaded({ entries: 10_000, bytes: MIB, ms: uploadMs })
    status.stored.push({
      storedBytes: 150e6,
      chainBytes: 120e6,
      liveBytes: 100e6,
      liveEntries: 1_000_000,
      changedEntries: 10_000,
      changedBytes: MIB,
    })
    status.completed(checkpoint, nowMs, nowMs)
  }
  return { status, advisor, warnings, complete, text: () => prometheusText(metrics.all()), pass: (ms: number) => (nowMs += ms) }
}

test('the plan follows from what the leader has seen', () => {
  const { status, advisor, complete, text } = scene({})
  const latest = () => advisor.plan
  assert.equal(latest(), undefined)
  assert.match(text(), /^millrace_plan_full_bytes NaN$/m)
  status.beginEpoch({ workers: 2, intervalMs: 10_000 }, 0)
  for (let i = 0; i < 6; i++) complete(10_000, 50)
  const plan = latest()
  assert.ok(plan)
  assert.equal(plan.figures.entries, 1_000_000)
  assert.equal(plan.figures.entryBytes, 100)
  // One mebibyte in 50 ms, on each of two workers.
  assert.ok(Math.abs(plan.figures.uploadBytesPerSecond - 40 * MIB) < 1)
  assert.equal(plan.sources.uploadBytesPerSecond, 'measured')
  assert.equal(plan.figures.storageFactor, 1.5)
  assert.ok(Math.abs(plan.changedEntries - 10_000) < 1)
  assert.match(text(), /^millrace_plan_full_bytes 100000000$/m)
  assert.match(text(), /^millrace_job_state_entries 1000000$/m)
  assert.match(text(), /^millrace_plan_warning\{warning="interval-below-least"\} 0$/m)
})

test('a warning is told once it has come three times in a row, and again after an hour', () => {
  const { status, warnings, complete, text, pass } = scene({ recoveryTargetMs: '15s' })
  status.beginEpoch({ workers: 1, intervalMs: 10_000 }, 0)
  for (let i = 0; i < 6; i++) complete(10_000, 50)
  assert.equal(warnings.length, 0)
  complete(10_000, 50)
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0]?.event, 'plan-warning')
  assert.equal(warnings[0].fields.warning, 'recovery-above-target')
  assert.match(String(warnings[0].fields.reason), /the target is 15s/)
  assert.match(text(), /^millrace_plan_warning\{warning="recovery-above-target"\} 1$/m)
  for (let i = 0; i < 10; i++) complete(10_000, 50)
  assert.equal(warnings.length, 1)
  pass(60 * 60 * 1_000)
  complete(10_000, 50)
  assert.equal(warnings.length, 2)
})

test('who does not lead any more tells nothing', () => {
  const { status, advisor, complete } = scene({})
  status.beginEpoch({ workers: 1, intervalMs: 10_000 }, 0)
  for (let i = 0; i < 3; i++) complete(10_000, 50)
  assert.ok(advisor.plan)
  status.beginEpoch({ workers: 2, intervalMs: 10_000 }, 30_000)
  assert.equal(advisor.plan, undefined)
})
