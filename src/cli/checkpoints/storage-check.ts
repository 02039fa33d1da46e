/** `millrace checkpoints verify` and `sweep`: what of a job lies in the storage, beside what its checkpoints refer to. */

import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { type AuditedFile, auditStorage, isClean, type StorageAudit } from '../../checkpoint/storage-audit.ts'
import { MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import { roundedBytes } from '../../service/log-fields.ts'
import type { OutputStream } from '../cli-environment.ts'
import type { CommandLine } from '../command-line.ts'

export interface StorageCheck {
  readonly stdout: OutputStream
  readonly switches: CommandLine['switches']
  readonly isJson: boolean
}

/** Throws MR_CLI_STORAGE_DIFFERS after its report. */
export async function verifyStorage(
  storage: CheckpointStorage,
  applicationId: string,
  { stdout, switches, isJson }: StorageCheck,
): Promise<void> {
  const audit = await auditStorage(storage, applicationId, { isDeep: switches.has('deep') })
  refuseNothing(storage, applicationId, audit)
  stdout.write(isJson ? `${JSON.stringify({ ...audit, isClean: isClean(audit) }, null, 2)}\n` : auditText(audit))
  if (isClean(audit)) return
  const { missing, corrupt, unreferenced } = audit
  throw new MillraceError(
    'MR_CLI_STORAGE_DIFFERS',
    `${storage.uri}: of "${applicationId}" ${missing.length} files are missing, ${corrupt.length} damaged, and ${unreferenced.length} referred to by no checkpoint`,
  )
}

/** Reads all of it. Throws MR_SAVEPOINT_…; MR_CLI_STORAGE_DIFFERS after its report. */
export async function verifySavepoint(storage: CheckpointStorage, { stdout, isJson }: StorageCheck): Promise<void> {
  const reader = await SavepointReader.open(storage)
  const damaged = await reader.verify()
  const { applicationId, checkpoint, files, totalBytes } = reader.metadata
  const facts = { savepoint: storage.uri, applicationId, checkpoint, files: files.length, bytes: totalBytes, damaged }
  stdout.write(
    isJson
      ? `${JSON.stringify({ ...facts, isClean: damaged.length === 0 }, null, 2)}\n`
      : [
          `savepoint of ${applicationId}, checkpoint ${checkpoint}: ${files.length} files, ${roundedBytes(totalBytes)}\n`,
          ...damaged.map(({ path, problem }) => `damaged       ${path}  ${problem}\n`),
        ].join(''),
  )
  if (damaged.length === 0) return
  throw new MillraceError('MR_CLI_STORAGE_DIFFERS', `${storage.uri}: ${damaged.length} files are missing or damaged`)
}

/** Lists; with --delete, deletes. */
export async function sweepStorage(
  storage: CheckpointStorage,
  applicationId: string,
  { stdout, switches, isJson }: StorageCheck,
): Promise<void> {
  const audit = await auditStorage(storage, applicationId, { isDeep: false })
  refuseNothing(storage, applicationId, audit)
  const { unreferenced, corrupt } = audit
  const isDeleting = switches.has('delete')
  // What it refers to is unknown: it may be any of them.
  const unreadable = corrupt.find(({ path }) => path.endsWith('/metadata.json'))
  if (isDeleting && unreadable !== undefined) {
    throw new MillraceError(
      'MR_CLI_STORAGE_DIFFERS',
      `${unreadable.path} cannot be read, so nothing is deleted: ${unreadable.problem}`,
    )
  }
  if (isDeleting) await storage.delete(unreferenced.map(({ path }) => path))
  if (isJson) {
    stdout.write(`${JSON.stringify({ applicationId, isDeleted: isDeleting, files: unreferenced }, null, 2)}\n`)
    return
  }
  stdout.write(filesText(unreferenced))
  const what = `${unreferenced.length} files, ${roundedBytes(bytesOf(unreferenced))}`
  stdout.write(isDeleting ? `deleted ${what}\n` : `${what}: --delete deletes them\n`)
}

/** A name that is mistaken must not pass for a storage that is clean. */
function refuseNothing(
  { uri }: CheckpointStorage,
  applicationId: string,
  { files, unreferenced, underWay }: StorageAudit,
): void {
  if (files + unreferenced.length + underWay.length > 0) return
  throw new MillraceError('MR_CLI_NO_CHECKPOINT', `there is no file of ${applicationId} in ${uri}`)
}

function auditText(audit: StorageAudit): string {
  const { checkpoints, files, bytes, missing, corrupt, unreferenced, underWay } = audit
  const verdict = isClean(audit) ? ': none missing, damaged or referred to by nothing' : ''
  return [
    `${checkpoints} checkpoints, ${files} files, ${roundedBytes(bytes)}${verdict}\n`,
    ...missing.map(({ path, checkpoint }) => `missing       ${path}  of checkpoint ${checkpoint}\n`),
    ...corrupt.map(({ path, problem }) => `damaged       ${path}  ${problem}\n`),
    ...unreferenced.map((file) => `unreferenced  ${file.path}  ${roundedBytes(file.bytes)}\n`),
    underWay.length === 0
      ? ''
      : `${underWay.length} files, ${roundedBytes(bytesOf(underWay))}, are of the newest epoch and not referred to yet\n`,
  ].join('')
}

function filesText(files: readonly AuditedFile[]): string {
  return files.map(({ path, bytes }) => `${path}  ${roundedBytes(bytes)}\n`).join('')
}

function bytesOf(files: readonly AuditedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
