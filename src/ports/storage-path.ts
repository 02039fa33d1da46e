/** The paths of a checkpoint storage, the same for every implementation. */
import { assert } from '../common/assert.ts'

const STORAGE_PATH = /^(?!.*(^|\/)\.\.?(\/|$))[\w.-]+(\/[\w.-]+)*$/

/** Relative, of characters [A-Za-z0-9._-/], leading nowhere but down. */
export function isStoragePath(path: string): boolean {
  return STORAGE_PATH.test(path)
}

export function checkedStoragePath(path: string): string {
  assert(isStoragePath(path), `"${path}" is a path of the storage`)
  return path
}

/** Of list: the beginning of a path, which may end with a slash. */
export function checkedStoragePrefix(prefix: string): string {
  assert(prefix === '' || isStoragePath(prefix.replace(/\/$/, '')), `"${prefix}" is the beginning of a path of the storage`)
  return prefix
}

/** Of getRange. It may be empty, and may end behind the file. */
export function checkRange(start: number, end: number): void {
  assert(
    Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end,
    `a range of a file goes from ${start} to ${end}`,
  )
}
