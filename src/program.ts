/** The process around the command line: streams, signals, exit code. */
import type { CliEnvironment } from './cli/cli-environment.ts'
import { main } from './cli/main.ts'
import { systemClock } from './common/clock.ts'
import { startJob, type Wiring } from './wiring.ts'

/** Runs the command line of this process, and ends it. */
export async function runProgram(wiring: Wiring): Promise<never> {
  const environment: CliEnvironment = {
    env: process.env,
    directory: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    clock: systemClock,
    startJob: (context) => startJob(context, wiring),
    openStorage: (config) => wiring.openStorage(config),
  }
  const exitCode = await main(process.argv.slice(2), environment)
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  }
  process.exit(exitCode)
}
