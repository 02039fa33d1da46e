#!/usr/bin/env node
/** The program `millrace`. Looks at Node.js before it loads what an old one can't even parse or link. */
import { setFlagsFromString } from 'node:v8'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`Millrace needs Node.js 22.18 or newer; this is ${process.versions.node}.\n`)
  process.exit(1)
}
const { settleMemory } = await import('./memory-settings.ts')
settleMemory()
// While the heap is small, values outlive a collection or two. V8 concludes that they live long and makes all later ones in
// the old generation, where each costs several times as much to collect (docs/design/0005-where-the-time-goes.md).
setFlagsFromString('--no-allocation-site-pretenuring')
const [{ runProgram }, { productionWiring }] = await Promise.all([import('./program.ts'), import('./wiring.ts')])
await runProgram(productionWiring)
