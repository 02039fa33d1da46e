/** What the operating system says, as errors that tell how to go on. */
import { MillraceError } from '../../src/common/errors.ts'

type SystemError = NodeJS.ErrnoException

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as SystemError).code : undefined
}

/** `what` begins the message: "cannot write app/segments/1". */
export function fileError(error: unknown, what: string, folder: string): unknown {
  if (error instanceof MillraceError || codeOf(error) === undefined) return error
  const message = `${what} in ${folder}: ${(error as SystemError).message}`
  const options = { cause: error, details: { folder } }
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new MillraceError('MR_STORAGE_FULL', message, options)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MillraceError('MR_STORAGE_DENIED', message, {
        ...options,
        remedy: 'Let this user read, write and create files in the folder, and check that it is not mounted read-only.',
      })
    case 'EEXIST':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new MillraceError('MR_STORAGE_UNAVAILABLE', message, {
        ...options,
        remedy: 'Name a folder with --checkpoints: no part of its path may be a file.',
      })
    case 'EMFILE':
    case 'ENFILE':
      return new MillraceError('MR_STORAGE_UNAVAILABLE', message, {
        ...options,
        remedy: 'Raise the limit of open files (ulimit -n).',
      })
    default:
      return new MillraceError('MR_STORAGE_UNAVAILABLE', message, {
        ...options,
        remedy: 'Check the disk or the network mount under the folder; the log of the operating system says more.',
      })
  }
}

/** Answers of link(2) where a file system has no hard links: FAT, some network and FUSE mounts. */
export function lacksHardLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'].includes(codeOf(error) ?? '')
}
