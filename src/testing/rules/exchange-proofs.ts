/** R19 to R21 and R28: exchanges and sinks. */
import { type DirectedProof, edit } from './directed-proof.ts'

const TOPICS_TEST = 'connectors/kafka/exchange/exchange-topics.test.ts'

export const exchangeProofs: readonly DirectedProof[] = [
  {
    id: 'R20 creation',
    rule: 'R20',
    without: 'an exchange topic is made with no bound of time or size',
    edits: [
      edit(
        'connectors/kafka/exchange/exchange-topics.ts',
        'const configs = { ...REQUIRED, ...INITIAL }',
        'const configs = { ...INITIAL }',
      ),
    ],
    test: { file: TOPICS_TEST, name: 'a topic that is missing is made, and waited for until brokers know it' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R20 settings',
    rule: 'R20',
    without: 'the settings of exchange topics are put right at each start',
    edits: [
      edit(
        'connectors/kafka/exchange/exchange-topics.ts',
        '  await Promise.all(names.map((topic) => mendSettings(cluster, topic, created.has(topic))))\n',
        '  await Promise.all([...created].map((topic) => mendSettings(cluster, topic, true)))\n',
      ),
    ],
    test: { file: TOPICS_TEST, name: 'what somebody changed is put right' },
    fails: /no DescribeConfigs request came/,
  },
  {
    id: 'R20 position',
    rule: 'R20',
    without: 'a position out of range is fatal',
    edits: [
      edit(
        'connectors/kafka/client/fetcher.ts',
        'throw offsetOutOfRange(partition.topic, partition.partition, asked, first, end)',
        'this.assign([{ topic: partition.topic, partition: partition.partition, offset: first }])\n      return',
      ),
    ],
    test: {
      file: 'connectors/kafka/exchange/kafka-exchange-reader.test.ts',
      name: 'a position out of range is lost, for poll and for whoever waits',
    },
    fails: /a Fetch request was sent/,
  },
  {
    id: 'R21 back',
    rule: 'R21',
    without: 'the watermark of a task never goes back',
    edits: [edit('src/time/task-watermark.ts', 'if (least !== IDLE && least > this.reached)', 'if (least !== IDLE)')],
    test: {
      file: 'src/time/watermarks.test.ts',
      name: 'the watermark of a task never goes back: not by an input, not by a new one, not by recovery',
    },
    fails: /expected: 70/,
  },
]
