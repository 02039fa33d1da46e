#!/usr/bin/env node
/** The program `millrace`. */
import { runProgram } from './program.ts'
import { productionWiring } from './wiring.ts'

await runProgram(productionWiring)
