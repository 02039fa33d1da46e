#!/usr/bin/env node
/** The program `millrace`. Looks at Node.js before it loads what an old one can't even parse or link. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`Millrace needs Node.js 22.18 or newer; this is ${process.versions.node}.\n`)
  process.exit(1)
}
const [{ runProgram }, { productionWiring }] = await Promise.all([import('./program.ts'), import('./wiring.ts')])
await runProgram(productionWiring)

export {}
