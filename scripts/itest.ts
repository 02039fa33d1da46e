/** `npm run itest -- [--provider docker|native] [--only part-of-a-path] [--all] [--concurrency 1]` */
import { parseArgs } from 'node:util'
import { provider } from '../itest/support/servers.ts'
import { runItests } from './itest-suites.ts'
import { conclude } from './suite.ts'

const { values } = parseArgs({
  options: {
    provider: { type: 'string' },
    only: { type: 'string' },
    all: { type: 'boolean' },
    concurrency: { type: 'string' },
  },
})
if (values.provider !== undefined) process.env.MILLRACE_ITEST_PROVIDER = values.provider

conclude(
  await runItests({
    provider: provider(),
    only: values.only,
    all: values.all,
    concurrency: values.concurrency === undefined ? undefined : Number(values.concurrency),
  }),
)
