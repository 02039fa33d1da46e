/** Runs a command of `millrace` as its users do, to a good end. */
import { fileURLToPath } from 'node:url'
import { jobEnvironment } from './job-environment.ts'
import { mustRun } from './run-command.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What it says on standard output, which is no terminal. */
export async function millrace(args: readonly string[]): Promise<string> {
  const all = ['--conditions=millrace-source', 'src/main.ts', ...args]
  const { stdout } = await mustRun(process.execPath, all, { cwd: ROOT, env: jobEnvironment() })
  return stdout
}
