/** The savepoints of a simulated world that are complete, of whichever job: what a person may begin one with. */
import type { Saved } from './invariants/invariant.ts'

export class SavepointShelf {
  private readonly storageUri: string
  private readonly kept: Saved[] = []
  private readonly byDigest = new Map<string, Saved>()

  /** @param storageUri of the storage that all their folders lie in */
  constructor(storageUri: string) {
    this.storageUri = storageUri
  }

  /** That nobody has deleted, oldest first. */
  get all(): readonly Saved[] {
    return this.kept
  }

  add(saved: Saved): void {
    this.kept.push(saved)
    this.byDigest.set(saved.record.sha256, saved)
  }

  remove(saved: Saved): void {
    this.kept.splice(this.kept.indexOf(saved), 1)
  }

  /** Deleted ones too. */
  withDigest(sha256: string): Saved | undefined {
    return this.byDigest.get(sha256)
  }

  /** In the storage. */
  folderOf(uri: string): string {
    return uri.slice(this.storageUri.length).replace(/^\/+/, '')
  }
}
