/** R19 to R21 and R28: exchanges and sinks. */
import { type DirectedProof, edit } from './directed-proof.ts'

const TOPICS_TEST = 'connectors/kafka/exchange/exchange-topics.test.ts'
const TRANSACTIONS = 'connectors/kafka/sink/kafka-transactions.ts'
const TRANSACTIONS_TEST = 'connectors/kafka/sink/kafka-transactions.test.ts'
const ABORTS_NOTHING =
  'a worker raises only what it has committed, by the identity that it knows, and aborts nothing, not at its end either'
const WORKER_LOOP = 'src/runtime/worker-loop.ts'
const WORKER_LOOP_TEST = 'src/runtime/worker-loop.test.ts'

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
  {
    id: 'R19 order',
    rule: 'R19',
    without: 'exchange input is served before sources',
    edits: [
      edit(
        WORKER_LOOP,
        '      if (await this.processExchange()) continue\n',
        '      if (!this.parts.isHeldBack() && (await this.processSource())) continue\n      if (await this.processExchange()) continue\n',
      ),
    ],
    test: { file: WORKER_LOOP_TEST, name: 'exchange input is served before sources' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R19 lag',
    rule: 'R19',
    without: 'sources wait while an exchange lags',
    edits: [edit(WORKER_LOOP, 'if (!this.parts.isHeldBack() && (await', 'if ((await')],
    test: { file: WORKER_LOOP_TEST, name: 'sources wait while an exchange lags, and go on when it does no more' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R21 end',
    rule: 'R21',
    without: 'a channel of an earlier epoch leaves the minimum at its end',
    edits: [edit('src/runtime/tasks/exchange-tasks.ts', '    task.watermark.leave(producerId)\n', '')],
    test: {
      file: 'src/runtime/tasks/exchange-tasks.test.ts',
      name: 'a channel of an earlier epoch holds the watermark up to its end, and no further',
    },
    fails: /expected: 200/,
  },
  {
    id: 'R21 until then',
    rule: 'R21',
    without: 'a channel of an earlier epoch holds the watermark up to its end',
    edits: [
      edit(
        'src/runtime/tasks/exchange-tasks.ts',
        'for (const channel of [...producers, ...channels.keys()]) watermark',
        'for (const channel of producers) watermark',
      ),
    ],
    test: {
      file: 'src/runtime/tasks/exchange-tasks.test.ts',
      name: 'a channel of an earlier epoch holds the watermark up to its end, and no further',
    },
    fails: /the others have not spoken/,
  },
  {
    id: 'R19 told',
    rule: 'R19',
    without: 'a worker that lags tells the log',
    edits: [edit('src/runtime/tasks/exchange-lag.ts', 'if (frames > limit === isLagging) return', 'if (frames >= 0) return')],
    test: {
      file: 'src/runtime/tasks/exchange-lag.test.ts',
      name: 'sources are held back from the time that one worker lags until none does',
    },
    fails: /Expected values to be strictly equal/,
  },
  {
    id: 'R21 restored',
    rule: 'R21',
    without: 'the watermark of a task goes on from the restore point',
    edits: [edit('src/runtime/tasks/worker-watermarks.ts', 'new TaskWatermark(restored[task])', 'new TaskWatermark()')],
    test: {
      file: 'src/runtime/tasks/worker-watermarks.test.ts',
      name: 'a task goes on from where it was at the restore point, and tells the tasks behind it at once',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R28 known identity',
    rule: 'R28',
    without: 'a worker raises a slot by the identity that it knows',
    edits: [
      edit(
        TRANSACTIONS,
        'this.raise(transactionalId, { producerId, producerEpoch }).then(',
        'this.raise(transactionalId).then(',
      ),
    ],
    test: { file: TRANSACTIONS_TEST, name: ABORTS_NOTHING },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R28 begin',
    rule: 'R28',
    without: 'a worker begins with the identities that the leader has fenced',
    edits: [
      edit(
        TRANSACTIONS,
        '    this.turnToNext()\n  }\n\n  async cut()',
        '    this.turnToNext()\n    for (const id of ids) void this.raise(id)\n  }\n\n  async cut()',
      ),
    ],
    test: { file: TRANSACTIONS_TEST, name: ABORTS_NOTHING },
    fails: /a InitProducerId request was sent/,
  },
  {
    id: 'R28 end',
    rule: 'R28',
    without: 'a worker that ends aborts nothing',
    edits: [
      edit(
        TRANSACTIONS,
        '    this.isClosed = true\n',
        "    this.isClosed = true\n    const { transactionalId, producerId, producerEpoch } = defined(this.current, 'current').identity\n    void endTxn(this.parts.client, { transactionalId: transactionalId ?? '', producerId, producerEpoch }, 'abort')\n",
      ),
    ],
    test: { file: TRANSACTIONS_TEST, name: ABORTS_NOTHING },
    fails: /Expected values to be strictly deep-equal/,
  },
]
