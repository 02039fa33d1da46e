/**
 * The process around the command line: streams, signals, exit code. And each thread of several workers, which begins with
 * the same module as the process: so it has the same wiring, whose functions can't be posted to it.
 */
import { pathToFileURL } from 'node:url'
import { isMainThread, workerData } from 'node:worker_threads'
import type { CliEnvironment, RunningJob, StartContext } from './cli/cli-environment.ts'
import { loadJob } from './cli/load-job.ts'
import { main } from './cli/main.ts'
import { defined } from './common/assert.ts'
import { systemClock } from './common/clock.ts'
import type { Config } from './config/config.ts'
import { MemorySharing, type SharingWorker } from './runtime/memory-sharing.ts'
import type { RunningWorker } from './runtime/worker.ts'
import { runInThread } from './threads/run-in-thread.ts'
import { startWorkers } from './threads/start-workers.ts'
import { isThreadTask } from './threads/thread-messages.ts'
import { startOneWorker, visitControlLog, type Wiring } from './wiring.ts'

/** Someone waits for the answer. */
const COMMAND_PATIENCE_MS = 20_000

/** Runs the command line of this process, or the worker of this thread, and ends it. */
export async function runProgram(wiring: Wiring): Promise<never> {
  if (!isMainThread && isThreadTask(workerData)) {
    await runInThread(workerData, { loadJob, startWorker: (setting) => startOneWorker(setting, wiring) })
    // Of the thread alone.
    process.exit(0)
  }
  const environment: CliEnvironment = {
    env: process.env,
    directory: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    clock: systemClock,
    startJob: (context) => startJob(context, wiring),
    openStorage: (config) => wiring.openStorage(config, COMMAND_PATIENCE_MS),
    openControlLog: visitControlLog,
  }
  const exitCode = await main(process.argv.slice(2), environment)
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  }
  process.exit(exitCode)
}

/**
 * One worker runs in the main thread: a thread more would cost it 50 MB, and gain a restart that platforms do as well
 * (docs/design/0006-scale-out.md).
 */
async function startJob(context: StartContext, wiring: Wiring): Promise<RunningJob> {
  const { config } = context.resolved
  const workers =
    config.workers > 1
      ? startWorkers({ ...context, config }, pathToFileURL(defined(process.argv[1], 'path of the program')).href)
      : await startAlone({ ...context, config }, wiring)
  return { done: workers.done, stop: async () => workers.stop() }
}

/** Its own sharer of memory, if there is any to share. */
async function startAlone(context: StartContext & { readonly config: Config }, wiring: Wiring): Promise<RunningWorker> {
  const { config } = context
  let memory: MemorySharing | undefined
  const shareMemory = (worker: SharingWorker) => {
    memory = new MemorySharing({ config, clock: systemClock })
    memory.join(0, worker)
  }
  const worker = await startOneWorker({ ...context, slot: 0, shareMemory }, wiring)
  void worker.done.then(() => memory?.stop())
  return worker
}
