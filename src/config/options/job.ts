/** What a job is known by. */
import { optional, required } from '../option.ts'
import { path, string } from '../option-types.ts'
import { APPLICATION_ID } from './application-id.ts'

export const JOB_OPTIONS = {
  appId: required({
    name: 'app-id',
    group: 'job',
    type: string(APPLICATION_ID),
    defaultText: "the job's name",
    description:
      'The identity of the job: its consumer group, its control topic and its transactions are named by it, and its checkpoints are found by it. All copies of a job share it.',
  }),
  config: optional({
    name: 'config',
    group: 'job',
    type: path,
    defaultText: '`millrace.config.ts` or `millrace.config.json` in the working directory, where there is one',
    description: 'A file of options: JSON, or TypeScript with a default export. Cannot be set in a file itself.',
  }),
} as const
