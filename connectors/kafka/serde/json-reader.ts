/**
 * Reads the JSON values of a topic: by templates where they are of a few kinds, else a batch with one call of JSON.parse.
 * Which of the two is found out as they come, and again ever more seldom where it was in vain.
 */
import { utf8Slice } from '../../../src/common/bytes.ts'
import { parseJsonBatch } from './json-batch.ts'
import { learnTemplate, type TemplateReader } from './json-template.ts'

/** Kinds of values. One that doesn't fit is mostly found out at its first key. */
const MAX_TEMPLATES = 4
/** After so many values templates are judged: they stay if they fitted three of four. */
const TRIAL_VALUES = 256
/** Between two attempts at most, in values. */
const MAX_PAUSE_VALUES = 2 ** 20

export class JsonReader {
  /** The one that fitted last stands first. */
  private templates: TemplateReader[] = []
  private mayLearn = true
  private values = 0
  private misses = 0
  /** Values until templates are tried again, and how many it will be the next time. */
  private pause = 0
  private nextPause = TRIAL_VALUES

  /** The values [from, to), or undefined: one of them is null or not JSON. Then read them one by one. */
  readonly readAll = (
    buffer: Buffer,
    starts: ArrayLike<number>,
    ends: ArrayLike<number>,
    from: number,
    to: number,
  ): unknown[] | undefined => {
    if (this.pause > 0) {
      this.pause -= to - from
      return parseJsonBatch(buffer, starts, ends, from, to)
    }
    let fitting = this.templates[0] ?? fitsNothing
    const values: unknown[] = new Array(to - from)
    let misses = 0
    let missed = ''
    for (let i = from; i < to; i++) {
      const start = starts[i]!
      if (start < 0) return undefined
      let value = fitting(buffer, start, ends[i]!)
      if (value === undefined) {
        value = this.readByOther(buffer, start, ends[i]!)
        fitting = this.templates[0] ?? fitsNothing
      }
      if (value === undefined) {
        misses++
        missed = utf8Slice(buffer, start, ends[i]!)
        try {
          value = JSON.parse(missed)
        } catch {
          return undefined
        }
      }
      values[i - from] = value
    }
    this.values += to - from
    this.misses += misses
    if (misses === 0 || !this.learn(missed)) this.judge()
    return values
  }

  /** By any template but the first, which is known not to fit. */
  private readByOther(buffer: Buffer, start: number, end: number): unknown {
    const { templates } = this
    for (let i = 1; i < templates.length; i++) {
      const template = templates[i]!
      const value = template(buffer, start, end)
      if (value === undefined) continue
      templates[i] = templates[0]!
      templates[0] = template
      return value
    }
    return undefined
  }

  /** @param text a valid value that no template fits */
  private learn(text: string): boolean {
    if (!this.mayLearn) return false
    const template = learnTemplate(text)
    if (template !== undefined) this.templates.push(template)
    this.mayLearn = template !== undefined && this.templates.length < MAX_TEMPLATES
    if (template !== undefined) this.startTrial()
    return template !== undefined
  }

  private judge(): void {
    if (this.values < TRIAL_VALUES) return
    if (this.misses * 4 > this.values) {
      this.templates = []
      this.mayLearn = true
      this.pause = this.nextPause
      this.nextPause = Math.min(MAX_PAUSE_VALUES, this.nextPause * 4)
    }
    this.startTrial()
  }

  private startTrial(): void {
    this.values = 0
    this.misses = 0
  }
}

const fitsNothing: TemplateReader = () => undefined
