import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assertJobDefinition } from '../src/api/define-job.ts'
import { planStages } from '../src/graph/stages.ts'

const EXAMPLES = fileURLToPath(new URL('.', import.meta.url))

describe('examples', () => {
  for (const file of globSync('*.job.ts', { cwd: EXAMPLES })) {
    test(`${file} is a job of the same name, with a plan`, async () => {
      const { default: job } = await import(`./${file}`)
      assertJobDefinition(job, file)
      assert.equal(`${job.name}.job.ts`, file)
      const exchanges = job.graph.nodes.filter((node) => node.kind === 'keyBy').length
      assert.equal(planStages(job.graph).length, 1 + exchanges)
    })
  }
})
