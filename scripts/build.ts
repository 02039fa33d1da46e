/** `npm run build`: dist/, from nothing. */
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { conclude, REPOSITORY, runProgram } from './suite.ts'

rmSync(join(REPOSITORY, 'dist'), { recursive: true, force: true })
const compiled = runProgram('build', 'tsc', ['--project', 'tsconfig.build.json'])
const command = join(REPOSITORY, 'dist', 'src', 'main.js')
if (existsSync(command)) chmodSync(command, 0o755)
conclude([compiled])
