/** A rule of docs/protocol.md, broken in the source as it is loaded: the product has no switches for it. */
export interface Mutation {
  readonly rule: string
  /** What is left out, in words. */
  readonly without: string
  readonly edits: readonly SourceEdit[]
  /** In which it shows (schedules.ts); undefined: chance is enough. */
  readonly schedule?: string
}

export interface SourceEdit {
  /** From the repository's root. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

export const edit = (file: string, find: string, replace: string): SourceEdit => ({ file, find, replace })
