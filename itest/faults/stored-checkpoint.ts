/** The files of a job's last checkpoint, for tests that damage them. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CheckpointMetadata, checkpointPath, encodeMetadata, MERGED_VERSION } from '../../src/checkpoint/metadata.ts'
import type { JobProcess } from '../support/job-process.ts'

/** Of metadata that this release can't read. */
export const NEWER_VERSION = MERGED_VERSION + 1

export interface StoredCheckpoint {
  /** The folder of the storage. */
  readonly root: string
  /** Of the metadata. */
  readonly path: string
  readonly metadata: CheckpointMetadata
  /** One that a restore must read. */
  readonly slice: { readonly path: string; readonly offset: number; readonly bytes: number }
  /** Keeps a copy of a file; the result puts it back. */
  keep(path: string): () => void
}

export function lastCheckpoint(root: string, job: JobProcess): StoredCheckpoint {
  const path = String(job.lines.filter(({ event }) => event === 'checkpoint-completed').at(-1)?.path)
  const metadata: CheckpointMetadata = JSON.parse(readFileSync(join(root, path), 'utf8'))
  const link = Object.values(metadata.chains).flat().at(-1)
  const segment = metadata.segments[link?.segment ?? -1]
  if (link === undefined || segment === undefined) throw new Error(`${path} holds no state`)
  return {
    root,
    path,
    metadata,
    slice: { path: segment.path, offset: link.offset, bytes: link.bytes },
    keep(kept) {
      const file = join(root, kept)
      copyFileSync(file, `${file}.kept`)
      return () => copyFileSync(`${file}.kept`, file)
    },
  }
}

/** Changes one byte of a file. */
export function patch(checkpoint: StoredCheckpoint, path: string, offset: number, change: (byte: number) => number) {
  const repair = checkpoint.keep(path)
  const file = join(checkpoint.root, path)
  const bytes = readFileSync(file)
  bytes[offset] = change(bytes[offset] ?? 0)
  writeFileSync(file, bytes)
  return { path, repair }
}

/** The next checkpoint, as a release with another format would have stored it; what its completion in the log says. */
export function storedAsNewerVersion({ root, metadata }: StoredCheckpoint) {
  const { applicationId, epoch } = metadata
  const checkpoint = metadata.checkpoint + 1
  const path = checkpointPath(applicationId, checkpoint, epoch)
  const { bytes, sha256 } = encodeMetadata({ ...metadata, checkpoint, version: NEWER_VERSION })
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), bytes)
  return { epoch, checkpoint, path, sha256 }
}
