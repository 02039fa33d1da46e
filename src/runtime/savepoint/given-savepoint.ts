/**
 * The savepoint that a copy of the job was started with (`--from`), and whether the job is to take it over. It is, once:
 * what the control log tells decides, so that copies with the same options agree, and starting one again is safe.
 */
import type { TakenSavepoint } from '../../checkpoint/protocol/control-records.ts'
import type { LogView } from '../../checkpoint/protocol/log-view.ts'
import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { defined } from '../../common/assert.ts'
import { isMillraceError, MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'

export class GivenSavepoint {
  readonly storage: CheckpointStorage
  private readonly found: SavepointReader | MillraceError
  private readonly isForced: boolean

  private constructor(storage: CheckpointStorage, found: SavepointReader | MillraceError, isForced: boolean) {
    this.storage = storage
    this.found = found
    this.isForced = isForced
  }

  /** @throws MR_SAVEPOINT_CORRUPT, MR_SAVEPOINT_UNKNOWN_VERSION, MR_STORAGE_… */
  static async open(storage: CheckpointStorage, isForced: boolean): Promise<GivenSavepoint> {
    try {
      return new GivenSavepoint(storage, await SavepointReader.open(storage), isForced)
    } catch (error) {
      // No trouble where the job has taken it long ago.
      if (isMillraceError(error, 'MR_SAVEPOINT_NOT_FOUND')) return new GivenSavepoint(storage, error, isForced)
      throw error
    }
  }

  /** Of one that is to be taken. */
  get reader(): SavepointReader {
    const { found } = this
    return defined(found instanceof SavepointReader ? found : undefined, 'savepoint to take')
  }

  get identity(): TakenSavepoint {
    return { uri: this.storage.uri, sha256: this.reader.sha256 }
  }

  /** False: the job has taken it already. @throws MR_SAVEPOINT_NOT_TAKEN, MR_SAVEPOINT_NOT_FOUND */
  isToTake({ restoredFrom, restorePoint }: Pick<LogView, 'restoredFrom' | 'restorePoint'>): boolean {
    const { found, storage } = this
    if (!(found instanceof SavepointReader)) {
      if (restoredFrom?.uri === storage.uri) return false
      throw found
    }
    if (restoredFrom?.sha256 === found.sha256) return false
    if (restorePoint === null || this.isForced) return true
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_TAKEN',
      `the job has a checkpoint of its own, ${restorePoint.checkpoint}, and ${
        restoredFrom === undefined ? 'has begun without a savepoint' : `has begun with ${restoredFrom.uri}`
      }, not with ${storage.uri}`,
    )
  }
}
