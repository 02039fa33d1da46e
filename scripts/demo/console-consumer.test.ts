import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readWithConsoleConsumer } from './console-consumer.ts'

const LINE = 'Partition:2\tDTW\t{"key":"DTW"}\n'

/** Answers each call with the next output; notes the patience that it was called with. */
function tool(...outputs: string[]) {
  const patience: (string | undefined)[] = []
  const run = async (_: string, args: readonly string[]) => {
    patience.push(args.at(-1))
    return { stdout: outputs.shift() ?? '', stderr: '', exitCode: 0 }
  }
  return { run, patience }
}

describe("reading by Kafka's console consumer", () => {
  test('takes partition, key and value from each line', async () => {
    const { run, patience } = tool(LINE + LINE)
    const record = { partition: 2, key: Buffer.from('DTW'), value: Buffer.from('{"key":"DTW"}') }
    assert.deepEqual(await readWithConsoleConsumer(run, 'airports', 2), [record, record])
    assert.deepEqual(patience, ['3000'])
  })

  test('is repeated with more patience when it ended before all that is known to be there', async () => {
    const { run, patience } = tool(LINE, LINE + LINE)
    assert.equal((await readWithConsoleConsumer(run, 'airports', 2)).length, 2)
    assert.deepEqual(patience, ['3000', '30000'])
  })

  test('fails on a line that it does not understand, and with the tool', async () => {
    await assert.rejects(readWithConsoleConsumer(tool('WARN something\n').run, 'airports', 1), /a line of another form: WARN/)
    const failing = async () => ({ stdout: '', stderr: 'no such topic', exitCode: 1 })
    await assert.rejects(readWithConsoleConsumer(failing, 'airports', 1), /ended with code 1:\nno such topic/)
  })
})
