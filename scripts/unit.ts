/** `npm run unit [-- part-of-a-path]` */
import { runUnit } from './check-suites.ts'
import { conclude } from './suite.ts'

conclude([await runUnit(process.argv[2])])
