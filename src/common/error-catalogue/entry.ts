/** What every error code tells besides its message. */
export interface ErrorEntry {
  /** One line: what has gone wrong. */
  readonly description: string
  /** What it means for the data. */
  readonly dataEffect: string
  /** How to mend it. */
  readonly remedy: string
}

export const entry = (description: string, dataEffect: string, remedy: string): ErrorEntry => ({
  description,
  dataEffect,
  remedy,
})

export const NOTHING_LOST = 'Nothing is lost: the job restarts from its last completed checkpoint.'
export const NOT_STARTED = 'None: the job has not started.'
