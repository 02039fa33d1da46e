/** What of a job lies in checkpoint storage, known from the paths alone (metadata.ts makes them). */
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'

export interface JobFile extends StoredFile {
  readonly kind: 'metadata' | 'segment'
  readonly checkpoint: number
  readonly epoch: number
}

const PATHS = /\/(?:checkpoints\/(\d+)-e(\d+)\/metadata\.json|segments\/(\d+)-e(\d+)-w\d+(?:-m\d+)?\.seg)$/

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
