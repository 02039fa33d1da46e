/** An error as people read it: what happened, what it means for the data, how to mend it, what lay underneath. */
import { styleText } from 'node:util'
import { toError } from '../common/errors.ts'

type Style = (format: 'red' | 'bold' | 'dim', text: string) => string

export interface ErrorTextOptions {
  readonly colour: boolean
  /** Stands before every line but the first. */
  readonly indent?: string
  /** With the stacks of all errors: for debugging. */
  readonly stacks?: boolean
  /** What it means for the data, in place of what the error says. */
  readonly dataEffect?: string
}

/**
 * Several lines, without a newline at the end. Recognised by its fields and not by its class: an error may come from
 * another copy of the package, which the job file imported.
 */
export function errorText(thrown: unknown, { colour, indent = '', stacks = false, ...own }: ErrorTextOptions): string {
  const style: Style = (format, text) => (colour ? styleText(format, text, { validateStream: false }) : text)
  const error = toError(thrown)
  const { code, remedy, dataEffect } = error as Error & { code?: unknown; remedy?: unknown; dataEffect?: unknown }
  const lines: string[] = []
  if (typeof remedy === 'string') {
    lines.push(`${style('red', `${String(code)}:`)} ${style('bold', error.message)}`)
    lines.push(`  data:   ${own.dataEffect ?? String(dataEffect)}`, `  remedy: ${remedy}`)
    if (stacks) lines.push(...stackOf(error, style))
  } else {
    lines.push(`${style('red', `${error.name}:`)} ${style('bold', error.message)}`, ...stackOf(error, style))
  }
  lines.push(...causesOf(error, style, stacks))
  return lines.flatMap((line) => line.split('\n')).join(`\n${indent}`)
}

/** The chain of causes, but those whose words the error repeats; at most five deep: a cycle must not hang the report. */
function causesOf(error: Error, style: Style, stacks: boolean): string[] {
  const lines: string[] = []
  let cause: unknown = error.cause
  for (let depth = 0; cause !== undefined && cause !== null && depth < 5; depth++) {
    const found = toError(cause)
    const { code } = found as Error & { code?: unknown }
    const isRetold = found.message !== '' && error.message.includes(found.message)
    if (stacks || !isRetold)
      lines.push(`  cause:  ${code === undefined ? '' : `${String(code)}: `}${found.message || found.name}`)
    if (stacks) lines.push(...stackOf(found, style))
    cause = found.cause
  }
  return lines
}

function stackOf(error: Error, style: Style): string[] {
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  return frames.map((frame) => style('dim', `  ${frame.trim()}`))
}
