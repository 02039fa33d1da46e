/**
 * The peer kit: Kafka Streams, Flink and a loop over kafkajs doing the same work, and a driver that measures any engine.
 * It is no part of Millrace: where it lies beside the repository it is copied to the cache and built there once per version.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDir, cached } from '../itest/support/cache.ts'
import { javaProgram } from '../itest/support/java.ts'
import { isInstalled, mustRun } from '../itest/support/run-command.ts'

/** Where it is looked for when nothing else is said. */
const BESIDE = fileURLToPath(new URL('../../shared/peers', import.meta.url))

/** What makes up the kit; all else in its folder is made by building or running it. */
const SOURCES = /(^|\/)(pom\.xml|package(-lock)?\.json)$|[.](java|mjs|sh|tmpl)$/
const MADE = new Set(['target', 'node_modules', 'work', 'results', '.venv', 'python-quix'])
const JARS = ['common', 'flink', 'kstreams'].map((part) => join(part, 'target', `peers-${part}-1.jar`))
const KAFKAJS = join('node-kafkajs', 'node_modules', 'kafkajs', 'package.json')

export type FoundKit = { readonly folder: string } | { readonly missing: string }

/** A built copy of the kit, or why there is none. A folder that is named must hold it. */
export async function findPeerKit(named: string | undefined): Promise<FoundKit> {
  if (named === 'none') return { missing: 'Millrace is measured alone, as --peers none asks' }
  const wanted = named ?? (process.env.MILLRACE_PEERS || undefined)
  const source = resolve(wanted ?? BESIDE)
  if (!existsSync(join(source, 'bench.sh'))) {
    if (wanted !== undefined) throw new Error(`${source} does not hold the peer kit: it has no bench.sh`)
    return { missing: 'the peer kit is not here (--peers names its folder)' }
  }
  if (!(await isInstalled(javaProgram('java'), ['-version'])))
    return { missing: 'the peer kit needs Java, which was not found' }
  const files = await sourceFiles(source)
  const target = join(cacheDir(), 'peers', await digestOf(source, files))
  if (!existsSync(target) && !isBuilt(source) && !(await isInstalled('mvn', ['--version']))) {
    return { missing: 'the peer kit is built with Maven, which was not found' }
  }
  return { folder: await cached(target, 'peer kit', (unfinished) => build(source, files, unfinished)) }
}

async function build(source: string, files: readonly string[], target: string): Promise<void> {
  if (isBuilt(source)) {
    await cp(source, target, { recursive: true, filter: (path) => !/^(work|results)$/.test(relative(source, path)) })
    return
  }
  // File by file: the kit's folder may be read-only, and a copy of the folder would be as well.
  for (const file of files) await cp(join(source, file), join(target, file))
  await mustRun('chmod', ['-R', 'u+w', target])
  await mustRun('mvn', ['--quiet', '--batch-mode', 'package'], { cwd: target })
  await mustRun('npm', ['ci'], { cwd: join(target, 'node-kafkajs') })
}

function isBuilt(folder: string): boolean {
  return [...JARS, KAFKAJS].every((file) => existsSync(join(folder, file)))
}

async function sourceFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return files.filter((file) => SOURCES.test(file) && !file.split(sep).some((part) => MADE.has(part))).sort()
}

async function digestOf(folder: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\0`).update(await readFile(join(folder, file)))
  return hash.digest('hex').slice(0, 12)
}
