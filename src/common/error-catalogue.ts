/**
 * Every error code of Millrace: what it is, what it means for the data, how to mend it. `docs/errors.md` is generated
 * from this table (`npm run docs`), and a test fails when the two differ. Codes are never reused for another meaning.
 */
export interface ErrorEntry {
  /** One line: what has gone wrong. */
  readonly description: string
  /** What it means for the data. */
  readonly dataEffect: string
  /** How to mend it. */
  readonly remedy: string
}

const entry = (description: string, dataEffect: string, remedy: string): ErrorEntry => ({ description, dataEffect, remedy })

const NOTHING_LOST = 'Nothing is lost: the job restarts from its last completed checkpoint.'
const NOT_STARTED = 'None: the job has not started.'

export const ERROR_CATALOGUE = {
  MR_CONFIG_UNKNOWN_OPTION: entry(
    'An option of this name does not exist.',
    NOT_STARTED,
    'Use the name the message proposes, or see docs/configuration.md.',
  ),
  MR_CONFIG_INVALID_VALUE: entry(
    'An option has a value outside its type or range.',
    NOT_STARTED,
    'Set a value within the range that the message names.',
  ),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERROR_CATALOGUE
