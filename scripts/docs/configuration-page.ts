/** docs/configuration.md, from the table of options. */
import { OPTION_KEYS, optionOf } from '../../src/config/config.ts'
import { camelCase, environmentName, OPTION_GROUPS, type Option, type OptionGroup } from '../../src/config/option.ts'

export function configurationPage(): string {
  const groups = Object.keys(OPTION_GROUPS) as OptionGroup[]
  const options = OPTION_KEYS.map(optionOf)
  const sections = groups.map((group) => {
    const ofGroup = options.filter((option) => option.group === group)
    return `## ${OPTION_GROUPS[group]}\n\n${ofGroup.map(optionText).join('\n')}`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from src/config/options.ts. -->

An option is taken from the first of these that has it:

1. **flag**: \`--checkpoint-interval 1s\`
2. **environment**: \`MILLRACE_CHECKPOINT_INTERVAL=1s\`
3. **config file**: \`millrace.config.ts\` or \`millrace.config.json\` in the working directory, or the one that \`--config\` names
4. **the job's own options**: the third argument of \`defineJob\`
5. **default**

Names in files and jobs may be written \`checkpointInterval\` or \`checkpoint-interval\`. A TypeScript file has the options
as its default export:

\`\`\`ts
import type { MillraceConfig } from 'millrace'

export default {
  brokers: ['kafka-1:9092', 'kafka-2:9092'],
  checkpoints: 's3://bucket/jobs',
  checkpointInterval: '1s',
} satisfies MillraceConfig
\`\`\`

An unknown option and a value outside its type or range are refused before the job starts, with the place they were read
from; so is a variable of the environment that begins with \`MILLRACE_\` and is no option, but for those that Kubernetes
sets for a service (\`…_SERVICE_HOST\`, \`…_PORT_…\`). A service called \`millrace-metrics\` would set
\`MILLRACE_METRICS_PORT\`: turn that off in the pod with \`enableServiceLinks: false\`.

- **Durations** are a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`500ms\`, \`10s\`. A plain number is milliseconds.
- **Sizes** are a number with \`B\`, \`KiB\`, \`MiB\`, \`GiB\`, \`TiB\` (powers of 1024) or \`kB\`, \`MB\`, \`GB\`, \`TB\` (powers of 1000).
  A plain number is bytes.
- **Booleans** as flags: \`--kafka-tls\`, \`--no-kafka-tls\`. Elsewhere \`true\` or \`false\`.
- **Lists** are separated by commas, and arrays in files. A list flag may be given more than once.
- **Secrets** are never printed: not in logs, not in errors.
`

function optionText(option: Option): string {
  const { name, description, type } = option
  const facts = [
    ...(type.isPlain ? [] : [`Takes ${type.accepts}.`]),
    defaultText(option),
    `Flag \`--${name}\`, environment \`${environmentName(name)}\`${name === 'config' ? '' : `, file \`${camelCase(name)}\``}.`,
  ]
  return `### ${name}\n\n${description}\n\n${facts.map((fact) => `- ${fact}\n`).join('')}`
}

function defaultText({ required, default: value, defaultText, type }: Option): string {
  if (defaultText !== undefined) return `Default: ${defaultText}.`
  if (required) return '**Required.**'
  return value === undefined || value === null ? 'Optional.' : `Default: \`${type.format(value)}\`.`
}
