/** docs/errors.md, from the catalogue of errors. */
import { ERROR_CATALOGUE, type ErrorEntry } from '../../src/common/error-catalogue.ts'

export function errorsPage(): string {
  const entries = Object.entries(ERROR_CATALOGUE).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${INTRODUCTION}\n${entries.map(([code, entry]) => entryText(code, entry)).join('\n')}`
}

const INTRODUCTION = `# Errors

<!-- Written by \`npm run docs\` from src/common/error-catalogue.ts. -->

Every error that Millrace reports has a code. The message says what happened and where; here stands what a code means, what
it means for the data, and how to mend it. A code never changes its meaning.
`

function entryText(code: string, { description, dataEffect, remedy }: ErrorEntry): string {
  return `## ${code}\n\n${description}\n\n- **Data:** ${dataEffect}\n- **Remedy:** ${remedy}\n`
}
