/**
 * Loads a job file. Node.js runs TypeScript as it is, by leaving out the types; what can go wrong on the way is told apart
 * here, with the place where Node.js names one.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { assertJobDefinition, type JobDefinition } from '../api/define-job.ts'
import { isMillraceError, MillraceError, toError } from '../common/errors.ts'

/** Throws MR_JOB_FILE_…, MR_JOB_NOT_A_JOB, and what `defineJob` throws. */
export async function loadJob(file: string, directory: string): Promise<JobDefinition> {
  const job = await loadDefault(file, directory)
  assertJobDefinition(job, file)
  return job
}

/** What a file of the user's exports by default. Throws MR_JOB_FILE_…, and what the file itself throws. */
export async function loadDefault(file: string, directory: string): Promise<unknown> {
  const path = resolve(directory, file)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new MillraceError('MR_JOB_FILE_NOT_FOUND', `${file} does not exist in ${directory}`)
  if (!found.isFile()) throw new MillraceError('MR_JOB_FILE_NOT_FOUND', `${file} is not a file`)
  try {
    const module: { default?: unknown } = await import(pathToFileURL(path).href)
    return module.default
  } catch (thrown) {
    throw await loadingError(toError(thrown), { file, path, directory })
  }
}

interface JobFile {
  /** As the user wrote it. */
  readonly file: string
  readonly path: string
  readonly directory: string
}

async function loadingError(error: Error, { file, path, directory }: JobFile): Promise<Error> {
  if (isMillraceError(error)) return error
  const { code } = error as NodeJS.ErrnoException
  const frame = placeOf(error.stack, directory)
  const at = frame?.place ?? file
  const withFrame = (text: string) => (frame === undefined || frame.source === '' ? text : `${text}\n${frame.source}`)

  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return new MillraceError('MR_JOB_FILE_NOT_ERASABLE', withFrame(`${at}: ${error.message}`), { cause: error })
  }
  if (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING' ||
    code?.startsWith('ERR_PACKAGE_')
  ) {
    return new MillraceError('MR_JOB_FILE_IMPORT', `${file}: ${error.message}`, { cause: error })
  }
  if (!(error instanceof SyntaxError)) {
    return new MillraceError(
      'MR_JOB_FILE_THREW',
      `${firstFrameAmong(error, directory) ?? file}: ${error.name}: ${error.message}`,
      { cause: error },
    )
  }
  if (/does not provide an export named/.test(error.message)) {
    return new MillraceError('MR_JOB_FILE_IMPORT', withFrame(`${at}: ${error.message}`), {
      cause: error,
      remedy: 'Mend the name. Where it is an interface or a type, write `import type`: types are gone when the file runs.',
    })
  }
  if (/outside a module|Unexpected token 'export'/.test(error.message)) {
    return new MillraceError('MR_JOB_FILE_SYNTAX', `${at}: ${error.message}`, {
      cause: error,
      remedy: 'Set "type": "module" in the package.json beside the job, or name the file .mts.',
    })
  }
  // Node.js gives no place for plain JavaScript that is imported; a check of the file alone does.
  const checked = frame ?? placeOf(await checkOutput(path), directory)
  const text = `${checked?.place ?? `${file}, or a file it imports`}: ${error.message}`
  const source = checked?.source ?? ''
  return new MillraceError('MR_JOB_FILE_SYNTAX', source === '' ? text : `${text}\n${source}`, { cause: error })
}

interface Place {
  /** `jobs/orders.ts:12`. */
  readonly place: string
  /** The lines of code that Node.js shows, with carets below the fault. */
  readonly source: string
}

/** Node.js puts the place of a syntax error before the error's name in its stack: a URL or path with a line, then code. */
function placeOf(stack: string | undefined, directory: string): Place | undefined {
  const match = /^(\S.*):(\d+)\n([\s\S]*?)\n\n?\w*Error\b/.exec(stack ?? '')
  if (match === null) return undefined
  const [, where = '', line = '', source = ''] = match
  return { place: `${shortPath(where, directory)}:${line}`, source: source.trimEnd() }
}

/** The first line of the stack that lies in a file, and not inside Node.js. */
function firstFrameAmong(error: Error, directory: string): string | undefined {
  const match = /\((file:\/\/\S+):(\d+):\d+\)|at (file:\/\/\S+):(\d+):\d+/.exec(error.stack ?? '')
  if (match === null) return undefined
  return `${shortPath(match[1] ?? match[3] ?? '', directory)}:${match[2] ?? match[4]}`
}

function shortPath(where: string, directory: string): string {
  const path = where.startsWith('file:') ? fileURLToPath(where) : where
  const shorter = relative(directory, path)
  return shorter.startsWith('..') ? path : shorter
}

function checkOutput(path: string): Promise<string> {
  return new Promise((done) => execFile(process.execPath, ['--check', path], (_error, _stdout, stderr) => done(stderr)))
}
