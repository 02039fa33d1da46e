/** The pages that are generated: path in the repository → text. */
import { configurationPage } from './configuration-page.ts'
import { errorsPage } from './errors-page.ts'

export const PAGES: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
}
