/** Bytes and names that survive a loss of power. */
import { type FileHandle, open } from 'node:fs/promises'
import { codeOf } from './file-errors.ts'

/** writev(2) takes at most so many buffers at a time (IOV_MAX of Linux). */
const BUFFERS_A_WRITE = 1024
/** Between two writes an abort is noticed. */
const BYTES_A_WRITE = 16 * 1024 * 1024

/** Writes all bytes and flushes them to the disk. */
export async function writeChunks(file: FileHandle, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  let batch: Uint8Array[] = []
  let bytes = 0
  for (const chunk of chunks) {
    batch.push(chunk)
    bytes += chunk.length
    if (batch.length < BUFFERS_A_WRITE && bytes < BYTES_A_WRITE) continue
    await writeAll(file, batch, bytes)
    signal?.throwIfAborted()
    batch = []
    bytes = 0
  }
  if (bytes > 0) await writeAll(file, batch, bytes)
  // The size counts as data: fdatasync leaves out times alone.
  await file.datasync()
}

async function writeAll(file: FileHandle, batch: Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(batch)
  if (bytesWritten === bytes) return
  // A short write: a disk that is nearly full, or more bytes than a call takes. The next write says which.
  const rest = Buffer.concat(batch, bytes)
  for (let written = bytesWritten; written < bytes; ) written += (await file.write(rest, written)).bytesWritten
}

/**
 * Makes the names in a folder durable. One that is gone has none: what was in it is deleted. Windows cannot open a folder
 * and journals its names.
 */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  let folder: FileHandle
  try {
    folder = await open(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
