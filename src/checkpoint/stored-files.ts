/** What of a job lies in checkpoint storage, known from the paths alone (metadata.ts makes them). */
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'
import { SAVEPOINT_METADATA, savepointsPrefix } from './savepoint/savepoint-metadata.ts'

export interface JobFile extends StoredFile {
  readonly kind: 'metadata' | 'segment'
  readonly checkpoint: number
  readonly epoch: number
}

const PATHS = /\/(?:checkpoints\/(\d+)-e(\d+)\/metadata\.json|segments\/(\d+)-e(\d+)-w\d+(?:-m\d+)?\.seg)$/

const SAVEPOINT_FILE = /\/savepoints\/(\d+-e(\d+))\/(.+)$/

export interface UnfinishedFile extends StoredFile {
  /** In the savepoint's folder. */
  readonly name: string
  readonly epoch: number
}

/** What attempts at savepoints have written in the job's own place for them, and not finished: without metadata. */
export async function* unfinishedSavepoints(storage: CheckpointStorage, applicationId: string): AsyncGenerator<UnfinishedFile> {
  let folder: string | undefined
  let files: UnfinishedFile[] = []
  for await (const file of storage.list(savepointsPrefix(applicationId))) {
    const [, name, epoch, rest] = SAVEPOINT_FILE.exec(file.path) ?? []
    if (name === undefined) continue
    if (name !== folder) {
      if (!isWhole(files)) yield* files
      files = []
      folder = name
    }
    files.push({ ...file, name: rest ?? '', epoch: Number(epoch) })
  }
  if (!isWhole(files)) yield* files
}

function isWhole(folder: readonly UnfinishedFile[]): boolean {
  return folder.some(({ name }) => name === SAVEPOINT_METADATA)
}

/** Ascending by path. Files of other names are not the job's own: nothing here touches them. */
export async function* jobFiles(storage: CheckpointStorage, applicationId: string): AsyncGenerator<JobFile> {
  for (const folder of ['checkpoints', 'segments']) {
    for await (const file of storage.list(`${applicationId}/${folder}/`)) {
      const match = PATHS.exec(file.path)
      if (match === null) continue
      const [checkpoint, epoch] = [Number(match[1] ?? match[3]), Number(match[2] ?? match[4])]
      yield { ...file, kind: folder === 'checkpoints' ? 'metadata' : 'segment', checkpoint, epoch }
    }
  }
}
