import { createHash } from 'node:crypto'
import { SAVEPOINT_METADATA } from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import type { Invariant, Logged, Saved } from './invariant.ts'

/**
 * A savepoint whose completion stands in the log is whole (R15): its metadata tells of the checkpoint that the log names, and of
 * the stop that was asked for; all its files are there, as they were written; and nobody but a person deletes any of them.
 */
export class SavepointWhole implements Invariant {
  readonly name = 'savepoints are whole'
  /** Bytes of a stored file; undefined: it is not there. */
  private readonly bytesOf: (path: string) => Buffer | undefined
  /** From a savepoint's URI to the path of its folder. */
  private readonly folderOf: (uri: string) => string
  /** By URI. */
  private readonly paths = new Map<string, readonly string[]>()
  private isStop = false

  constructor(parts: {
    readonly bytesOf: (path: string) => Buffer | undefined
    readonly folderOf: (uri: string) => string
  }) {
    this.bytesOf = parts.bytesOf
    this.folderOf = parts.folderOf
  }

  onRecord({ record, isValid }: Logged): string | undefined {
    if (isValid && record.type === 'savepoint-requested') this.isStop = record.isStop
    return undefined
  }

  onSaved({ record: { uri, checkpoint, epoch, bytes }, metadata }: Saved): string | undefined {
    const folder = this.folderOf(uri)
    const files = metadata.files.map((file) => ({ ...file, path: `${folder}/${file.path}` }))
    this.paths.set(uri, [`${folder}/${SAVEPOINT_METADATA}`, ...files.map(({ path }) => path)])
    if (metadata.checkpoint !== checkpoint || metadata.epoch !== epoch) {
      return `${uri} is of checkpoint ${metadata.checkpoint} of epoch ${metadata.epoch}, the log says ${checkpoint} of ${epoch}`
    }
    if (metadata.isStopped !== this.isStop) return `${uri} says that the job has ${metadata.isStopped ? '' : 'not '}stopped`
    if (metadata.totalBytes !== bytes) return `${uri} has ${metadata.totalBytes} bytes, the log says ${bytes}`
    for (const { path, bytes: length, sha256 } of files) {
      const found = this.bytesOf(path)
      if (found === undefined) return `${uri} is complete, and ${path} is not there`
      if (found.length !== length || createHash('sha256').update(found).digest('hex') !== sha256) {
        return `${uri} is complete, and ${path} is not what it says`
      }
    }
    return undefined
  }

  onDeleted(deleted: readonly string[]): string | undefined {
    for (const [uri, paths] of this.paths) {
      const path = paths.find((one) => deleted.includes(one))
      if (path !== undefined) return `${path} is deleted, and the savepoint ${uri} is complete`
    }
    return undefined
  }

  onReleased(uri: string): string | undefined {
    this.paths.delete(uri)
    return undefined
  }
}
