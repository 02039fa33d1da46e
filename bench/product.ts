/** How Millrace itself is started: as users start it, from the built dist; or from the source. */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from './options.ts'

const REPOSITORY = fileURLToPath(new URL('../', import.meta.url))

/** The command line of the W1 job. Nothing stands between it and the driver, so what is measured is Millrace alone. */
export function productCommand({ runFrom, cpuProfileFolder }: BenchOptions): readonly string[] {
  if (runFrom === 'dist') buildIfOld()
  const profile = cpuProfileFolder === undefined ? [] : profileFlags(resolve(cpuProfileFolder))
  const entry =
    runFrom === 'dist'
      ? [join(REPOSITORY, 'dist', 'src', 'main.js')]
      : ['--conditions=millrace-source', join(REPOSITORY, 'src', 'main.ts')]
  // Node.js is this very one, which npm's `node` package brings: the machine's own may be another.
  return [process.execPath, ...profile, ...entry, 'run', join(REPOSITORY, 'bench', 'jobs', 'word-count.job.ts')]
}

/** This process's environment without options of Millrace: one left in a shell would alter what is measured. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))
}

function profileFlags(folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

function buildIfOld(): void {
  const builtAtMs = modifiedAtMs('dist/src/main.js')
  const sources = globSync(['{src,connectors}/**/*.ts', 'tsconfig*.json', 'package.json'], { cwd: REPOSITORY })
  if (sources.every((file) => modifiedAtMs(file) < builtAtMs)) return
  process.stderr.write('[bench] building dist\n')
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'scripts', 'build.ts')], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`dist can't be built (--from source measures the source):\n${stdout}${stderr}`)
}

function modifiedAtMs(file: string): number {
  return statSync(join(REPOSITORY, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}
