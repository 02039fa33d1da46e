/** A rule broken in one way, and the test that notices. */
import type { Mutation, SourceEdit } from '../world/mutations.ts'

export interface DirectedProof extends Mutation {
  /** Begins with the rule. */
  readonly id: string
  readonly test: {
    /** From the repository's root. */
    readonly file: string
    /** In full, behind the names of what it stands in. */
    readonly name: string
  }
  /** Stands in what the failing test says. */
  readonly fails: RegExp
}

export const edit = (file: string, find: string, replace: string): SourceEdit => ({ file, find, replace })
