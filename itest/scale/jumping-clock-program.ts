/** `millrace` whose wall clock jumps: at SIGUSR2 by what CLOCK_FILE holds then, in ms from the real time. */
import { readFileSync } from 'node:fs'
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'

const RealDate = Date
let offsetMs = 0

class JumpingDate extends RealDate {
  constructor(...args: ConstructorParameters<typeof Date> | []) {
    if (args.length === 0) super(JumpingDate.now())
    else super(...(args as [number]))
  }

  static override now(): number {
    return RealDate.now() + offsetMs
  }
}

globalThis.Date = JumpingDate as DateConstructor

process.on('SIGUSR2', () => {
  offsetMs = Number(readFileSync(process.env.CLOCK_FILE ?? '', 'utf8'))
  process.stdout.write(`${JSON.stringify({ event: 'clock-jumped', offsetMs })}\n`)
})

await runProgram(productionWiring)
