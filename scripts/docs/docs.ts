/** `npm run docs`: writes the pages that follow from the source. pages.test.ts fails when one is out of date. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../suite.ts'
import { PAGES } from './pages.ts'

for (const [path, text] of Object.entries(PAGES)) {
  writeFileSync(join(REPOSITORY, path), text())
  console.log(`wrote ${path}`)
}
