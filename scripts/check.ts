/** `npm run check`. */
import { runCheck } from './check-suites.ts'
import { conclude } from './suite.ts'

conclude(await runCheck())
