/** S3 servers as programs in the cache: versitygw, built by Go; where Go is missing moto, a Python package. */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir, cached, tell } from './cache.ts'
import { isInstalled, mustRun } from './run-command.ts'

const VERSITYGW_VERSION = 'v1.8.0'
const MOTO_VERSION = '5.1.0'

export type S3Program =
  | { readonly kind: 'versitygw'; readonly path: string }
  /** Keeps objects in memory only and checks no credentials: tests of either can't use it. */
  | { readonly kind: 'moto'; readonly path: string }

export async function s3Program(): Promise<S3Program> {
  if (await isInstalled('go', ['version'])) return { kind: 'versitygw', path: await versitygw() }
  tell('Go was not found, so S3 is served by moto (in memory, any credentials) instead of versitygw')
  return { kind: 'moto', path: await moto() }
}

function versitygw(): Promise<string> {
  return cached(join(cacheDir(), 'bin', 'versitygw'), `versitygw ${VERSITYGW_VERSION}`, async (unfinished) => {
    const folder = `${unfinished}.bin`
    await mkdir(folder, { recursive: true })
    await mustRun('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW_VERSION}`], {
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: folder },
    })
    await rename(join(folder, 'versitygw'), unfinished)
    await rm(folder, { recursive: true })
  })
}

async function moto(): Promise<string> {
  // A virtual environment holds its own path in its scripts, so it is made in place; the note beside it says it is whole.
  const venv = join(cacheDir(), `moto-${MOTO_VERSION}`)
  await cached(join(venv, 'installed'), `moto ${MOTO_VERSION}`, async (unfinished) => {
    if (!(await isInstalled('python3', ['-m', 'venv', '--help']))) {
      throw new Error('neither Go nor Python 3 with venv was found for an S3 server: install one or use the docker provider')
    }
    await mustRun('python3', ['-m', 'venv', venv])
    await mustRun(join(venv, 'bin', 'pip'), ['install', '--quiet', `moto[s3]==${MOTO_VERSION}`, 'flask', 'flask-cors'])
    await mkdir(unfinished)
  })
  return join(venv, 'bin', 'moto_server')
}
