/** The watermarks of a worker's tasks, and what it tells the tasks behind its exchanges. */
import type { WriterChannels } from '../../checkpoint/metadata.ts'
import type { Stage } from '../../graph/stages.ts'
import type { ExchangeWriter } from '../../ports/exchange.ts'
import { encodeWatermark } from '../../records/exchange-frame.ts'
import { parseTaskKey, type TaskKey } from '../../records/task-id.ts'
import { IDLE, TaskWatermark } from '../../time/task-watermark.ts'

export class WorkerWatermarks {
  private readonly tasks = new Map<TaskKey, TaskWatermark>()
  private readonly stages: readonly Stage[]
  private readonly announced = new Map<string, number>()

  /** @param restored task → what it had reached at the restore point */
  constructor(stages: readonly Stage[], tasks: readonly TaskKey[], restored: Readonly<Record<TaskKey, number>>) {
    this.stages = stages
    for (const task of tasks) this.tasks.set(task, new TaskWatermark(restored[task]))
  }

  of(task: TaskKey): TaskWatermark {
    const watermark = this.tasks.get(task) ?? new TaskWatermark()
    this.tasks.set(task, watermark)
    return watermark
  }

  /** The least of the stage's tasks on this worker that are not idle: what the worker may promise behind them. */
  ofStage({ name }: Stage): number {
    let least = IDLE
    for (const [task, watermark] of this.tasks) {
      if (parseTaskKey(task).stage === name && !watermark.isIdle) least = Math.min(least, watermark.value)
    }
    return least
  }

  /** For a barrier, which goes to all exchanges. */
  least(): number {
    return Math.min(IDLE, ...this.stages.filter(({ exchanges }) => exchanges.length > 0).map((stage) => this.ofStage(stage)))
  }

  /** For the checkpoint: task → what it has reached. */
  reached(): Record<TaskKey, number> {
    const entries = [...this.tasks].map(([task, { value }]) => [task, value] as const)
    return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)))
  }

  /** Tells the tasks behind each exchange what has changed. */
  announce(writer: ExchangeWriter, partitionsOf: (exchange: string) => number): void {
    for (const stage of this.stages) {
      const watermark = this.ofStage(stage)
      for (const { name } of stage.exchanges) {
        if (watermark === Number.NEGATIVE_INFINITY || this.announced.get(name) === watermark) continue
        this.announced.set(name, watermark)
        const frame = encodeWatermark(watermark)
        for (let partition = 0; partition < partitionsOf(name); partition++) {
          writer.append(name, partition, frame, 0, frame.length)
        }
      }
    }
  }
}

/** The channels of earlier epochs that a partition has not read to their end: they count until it has (R21). */
export function unfinishedChannels(
  writers: readonly WriterChannels[],
  exchange: string,
  partition: number,
  position: number,
): Map<number, number> {
  const ends = writers.map(({ producerId, ends }) => [producerId, ends[exchange]?.[partition] ?? 0] as const)
  return new Map(ends.filter(([, end]) => end > position))
}
