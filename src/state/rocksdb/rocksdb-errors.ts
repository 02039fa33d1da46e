/**
 * RocksDB's errors as ours. The binding gives every error the code EIO, so the text must tell them apart; the texts are
 * those of RocksDB 10.5 and of the operating system.
 */
import { MillraceError, toError } from '../../common/errors.ts'
import { readOwner } from './directory-owner.ts'

const HELD = /while lock file|lock hold by current process/i
const FULL = /no space left on device|disk quota exceeded/i
const UNUSABLE = /permission denied|read-only file system|too many open files|not a directory|cannot allocate memory/i
const CORRUPT = /corrupt|checksum mismatch|size mismatch|bad magic|truncated|no such file|unknown (footer|compression|wal)/i

/** An open that fails for no reason of the machine fails because of the files: RocksDB has many words for that. */
export function openError(thrown: unknown, directory: string): MillraceError {
  const { text, cause } = describe(thrown)
  if (HELD.test(text)) return lockedError(directory, cause)
  return fullError(text, directory, cause) ?? unusableError(text, directory, cause) ?? corruptError(directory, text, cause)
}

export function useError(thrown: unknown, directory: string, doing: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown
  const { text, cause } = describe(thrown)
  const full = fullError(text, directory, cause)
  if (full !== null) return full
  if (CORRUPT.test(text)) return corruptError(directory, text, cause)
  return new MillraceError('MR_STATE_LOCAL_FAILED', `RocksDB failed in ${directory} ${doing}: ${text}`, {
    cause,
    details: { directory },
  })
}

export function corruptError(directory: string, text: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_STATE_LOCAL_CORRUPT', `The local state in ${directory} cannot be read: ${text}`, {
    cause,
    details: { directory },
  })
}

function lockedError(directory: string, cause: Error): MillraceError {
  const owner = readOwner(directory)
  const who = owner === null ? 'another process' : owner === process.pid ? 'this process already' : `process ${owner}`
  return new MillraceError('MR_STATE_DIRECTORY_LOCKED', `The state directory ${directory} is in use by ${who}.`, {
    cause,
    details: { directory, ...(owner !== null && { pid: owner }) },
  })
}

function fullError(text: string, directory: string, cause: Error): MillraceError | null {
  if (!FULL.test(text)) return null
  return new MillraceError('MR_STATE_LOCAL_FULL', `The disk of the state directory ${directory} is full: ${text}`, {
    cause,
    details: { directory },
  })
}

function unusableError(text: string, directory: string, cause: Error): MillraceError | null {
  if (!UNUSABLE.test(text)) return null
  return new MillraceError('MR_STATE_LOCAL_FAILED', `The state directory ${directory} cannot be used: ${text}`, {
    cause,
    details: { directory },
  })
}

/** The binding wraps the error of a write in one that only says "Batch was not applied". */
function describe(thrown: unknown): { text: string; cause: Error } {
  const error = toError(thrown)
  const inner =
    error instanceof AggregateError ? error.errors.find((one) => one instanceof Error) : (error.cause as Error | undefined)
  return { text: (inner ?? error).message, cause: error }
}
