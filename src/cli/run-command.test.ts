import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../common/errors.ts'
import { jobFile, type TestCli, testCli, testFolder } from './cli-test-kit.ts'
import { main } from './main.ts'

const folder = await testFolder({ 'job.ts': jobFile('{ compression: "zstd", overlayBytes: "2MiB" }') })
const RUN = ['run', 'job.ts', '--brokers', 'localhost:9092', '--checkpoints', 'file:///c', '--metrics-port', 'off']

/** The lines of a JSON log by their event. */
function events(cli: TestCli): Record<string, Record<string, unknown>> {
  const lines = cli.stdout.text.trim().split('\n')
  return Object.fromEntries(lines.map((line) => JSON.parse(line)).map((line) => [line.event, line]))
}

test('a job gets its configuration from all sources, and is named as it says', async () => {
  const cli = testCli(folder, { env: { MILLRACE_CHECKPOINT_INTERVAL: '1s' } })
  const code = main([...RUN, '--overlay-bytes', '4MiB'], cli)
  const { resolved, job } = await cli.job.started
  assert.equal(job.name, 'orders')
  assert.equal(resolved.config.appId, 'orders')
  assert.equal(resolved.config.overlayBytes, 4 * 2 ** 20)
  assert.equal(resolved.config.compression, 'zstd')
  assert.equal(resolved.config.checkpointIntervalMs, 1_000)
  cli.job.end({ ok: true })
  assert.equal(await code, 0)
  assert.equal(cli.stderr.text, '')
  const { options } = events(cli)['job-starting'] as { options: Record<string, string> }
  assert.equal(options['overlay-bytes'], '4MiB')
  assert.equal(options['checkpoint-interval'], '1s')
})

test('the app id may be set by flag or by the job', async () => {
  const cli = testCli(await testFolder({ 'job.ts': jobFile("{ 'app-id': 'from-job' }") }))
  const code = main(RUN, cli)
  assert.equal((await cli.job.started).resolved.config.appId, 'from-job')
  cli.job.end({ ok: true })
  await code
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} stops the job and ends with 0`, async () => {
    const cli = testCli(folder)
    const code = main(RUN, cli)
    await cli.job.started
    cli.signals.emit(signal)
    assert.equal(await code, 0)
    assert.deepEqual(cli.job.stops, [signal])
    assert.equal(events(cli)['job-stopping']?.reason, signal)
    assert.ok(events(cli)['job-stopped'])
    assert.equal(cli.signals.listenerCount(signal), 0)
  })
}

test('a signal that comes before the job can be stopped stops it as soon as it can', async () => {
  const gate = Promise.withResolvers<void>()
  const cli = testCli(folder)
  const code = main(RUN, { ...cli, startJob: async (context) => gate.promise.then(() => cli.job.start(context)) })
  while (cli.signals.listenerCount('SIGTERM') === 0) await new Promise(setImmediate)
  cli.signals.emit('SIGTERM')
  gate.resolve()
  assert.equal(await code, 0)
  assert.deepEqual(cli.job.stops, ['SIGTERM'])
})

test('a second SIGINT ends at once with 130, but not its echo', async () => {
  let nowMs = 0
  const cli = testCli(folder)
  cli.job.onStop = () => {}
  const code = main(RUN, { ...cli, clock: { ...cli.clock, monotonicMs: () => nowMs } })
  await cli.job.started
  cli.signals.emit('SIGINT')
  nowMs = 50
  cli.signals.emit('SIGINT')
  assert.equal(await Promise.race([code, new Promise((resolve) => setTimeout(resolve, 20, 'waits'))]), 'waits')
  nowMs = 2_000
  cli.signals.emit('SIGINT')
  assert.equal(await code, 130)
})

test('repeated SIGTERM does not cut the final checkpoint short; SIGINT behind it does', async () => {
  let nowMs = 0
  const cli = testCli(folder)
  cli.job.onStop = () => {}
  const code = main(RUN, { ...cli, clock: { ...cli.clock, monotonicMs: () => nowMs } })
  await cli.job.started
  cli.signals.emit('SIGTERM')
  nowMs = 5_000
  cli.signals.emit('SIGTERM')
  assert.equal(await Promise.race([code, new Promise((resolve) => setTimeout(resolve, 20, 'waits'))]), 'waits')
  cli.signals.emit('SIGINT')
  assert.equal(await code, 130)
})

test('a job that fails ends with 1 and says why, in the log and on standard error', async () => {
  const cli = testCli(folder)
  const code = main(RUN, cli)
  await cli.job.started
  cli.job.end({ ok: false, error: new MillraceError('MR_JOB_NOT_A_JOB', 'too bad') })
  assert.equal(await code, 1)
  assert.match(cli.stderr.text, /^MR_JOB_NOT_A_JOB: too bad\n {2}data: .*\n {2}remedy: /)
  assert.match(JSON.stringify(events(cli)['job-failed']), /"error":\{[^}]*"code":"MR_JOB_NOT_A_JOB"/)
})

test('on a terminal it says so once', async () => {
  const cli = testCli(folder, { isTTY: true })
  const code = main(RUN, cli)
  await cli.job.started
  cli.job.end({ ok: false, error: new MillraceError('MR_JOB_NOT_A_JOB', 'too bad') })
  assert.equal(await code, 1)
  assert.equal(cli.stderr.text, '')
  assert.match(cli.stdout.plain, /ERROR {2}the job has failed\n +MR_JOB_NOT_A_JOB: too bad\n/)
})

test('a job that cannot start, and a stop that fails, are failures', async () => {
  const cannotStart = testCli(folder, { startJob: () => Promise.reject(new Error('no broker')) })
  assert.equal(await main(RUN, cannotStart), 1)
  assert.match(cannotStart.stderr.text, /^Error: no broker/)

  const cannotStop = testCli(folder)
  cannotStop.job.onStop = () => {
    throw new Error('stuck')
  }
  const code = main(RUN, cannotStop)
  await cannotStop.job.started
  cannotStop.signals.emit('SIGTERM')
  assert.equal(await code, 1)
  assert.match(cannotStop.stderr.text, /^Error: stuck/)
})

test('health and metrics are served while the job runs', async () => {
  const cli = testCli(folder)
  const code = main(RUN.slice(0, -2), cli)
  const { health, metrics } = await cli.job.started
  metrics.counter('test_total', 'Test.').add(3)
  health.enter('running')
  const url = String(events(cli)['metrics-listening']?.url)
  assert.match(await (await fetch(`${url}/metrics`)).text(), /^test_total 3$/m)
  assert.equal(((await (await fetch(`${url}/healthz`)).json()) as { state: string }).state, 'running')
  cli.job.end({ ok: true })
  assert.equal(await code, 0)
  await assert.rejects(fetch(`${url}/healthz`))
})

test('wrong usage and wrong configuration end with 2 before anything starts', async () => {
  const cases: [string[], RegExp][] = [
    [['run'], /MR_CLI_USAGE: expected a job file/],
    [['run', 'job.ts', 'more'], /MR_CLI_USAGE: unexpected more/],
    [[...RUN, '--json'], /did you mean --log-format json/],
    [['run', 'job.ts', '--broker', 'a:1'], /MR_CONFIG_UNKNOWN_OPTION: unknown option --broker .*did you mean --brokers\?/],
    [['run', 'job.ts', '--jsn'], /did you mean --json\?/],
    [
      [...RUN, '--checkpoint-interval', '1ms'],
      /MR_CONFIG_INVALID_VALUE: --checkpoint-interval is "1ms"; expected a duration from 100ms to 1h/,
    ],
    [['run', 'job.ts'], /MR_CONFIG_MISSING_OPTION: brokers is not set/],
  ]
  for (const [args, message] of cases) {
    const cli = testCli(folder)
    assert.equal(await main(args, cli), 2, args.join(' '))
    assert.match(cli.stderr.text, message)
    assert.match(cli.stderr.text, /\n {2}data: {3}None: the job has not started.\n {2}remedy: /)
    assert.equal(cli.stdout.text, '')
    assert.equal(cli.job.context, undefined)
  }
  const missing = testCli(folder)
  assert.equal(await main(['run', 'gone.ts'], missing), 1)
  assert.match(missing.stderr.text, /MR_JOB_FILE_NOT_FOUND/)
})
