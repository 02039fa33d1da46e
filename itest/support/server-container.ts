/** A server as a container: made by Testcontainers, then driven through the engine so that it can stop and start again. */
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  ImageName,
  type WaitStrategy,
} from 'testcontainers'
import { tell } from './cache.ts'
import { guard, release } from './leftovers.ts'
import { untilReady } from './until-ready.ts'

const TERMINATION_TIMEOUT_SECONDS = 60

export interface ContainerCommand {
  /** For messages. */
  readonly name: string
  readonly image: string
  readonly env: Readonly<Record<string, string>>
  /** Behind the image's entry point; the image's own command when undefined. */
  readonly command?: readonly string[]
  /** Fixed on the host: a port chosen by the engine changes with each start. */
  readonly port: { readonly container: number; readonly host: number }
  /** An anonymous volume, deleted with the container. */
  readonly dataDir: string
  isReady(): Promise<boolean>
}

/** The host under which the engine publishes ports. */
export function engineHost(): string {
  const host = process.env.DOCKER_HOST
  return host === undefined || host === '' || host.startsWith('unix:') ? '127.0.0.1' : new URL(host).hostname
}

export class ServerContainer {
  readonly command: ContainerCommand
  readonly #handle: EngineContainer
  #paused = false

  private constructor(command: ContainerCommand, handle: EngineContainer) {
    this.command = command
    this.#handle = handle
  }

  /** Resolves when the server serves; nothing is left when it can't be started. */
  static async start(command: ContainerCommand): Promise<ServerContainer> {
    const container = new GuardedContainer(command.image)
      .withVolume(command.dataDir)
      .withEnvironment({ ...command.env })
      .withExposedPorts(command.port)
      .withAutoCleanup(false)
      .withWaitStrategy(NO_WAIT)
    if (command.command !== undefined) container.withCommand([...command.command])
    let server: ServerContainer | undefined
    try {
      const client = await runtimeClient()
      await pullIfMissing(client, command)
      const started = await container.start()
      server = new ServerContainer(command, client.container.getById(started.getId()))
      await server.#untilReady()
      return server
    } catch (error) {
      await server?.close()
      throw error
    }
  }

  /** After `stop`. */
  async start(): Promise<void> {
    await this.#handle.start()
    await this.#untilReady()
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.resume()
    if (!(await this.#handle.inspect()).State.Running) return
    if (signal === 'SIGTERM') await this.#handle.stop({ t: TERMINATION_TIMEOUT_SECONDS })
    else await this.#handle.kill({ signal })
    await this.#handle.wait()
  }

  async pause(): Promise<void> {
    if (!this.#paused) await this.#handle.pause()
    this.#paused = true
  }

  async resume(): Promise<void> {
    if (this.#paused) await this.#handle.unpause()
    this.#paused = false
  }

  async logs(): Promise<string> {
    return text(frames(await this.#handle.logs({ stdout: true, stderr: true })))
  }

  async close(): Promise<void> {
    await this.#handle.remove({ force: true, v: true })
    release('container', this.#handle.id)
  }

  /** Runs a program inside the container. */
  async run(command: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const exec = await this.#handle.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true })
    const chunks: Buffer[] = []
    for await (const chunk of await exec.start({})) chunks.push(chunk as Buffer)
    const said = frames(Buffer.concat(chunks))
    const { ExitCode } = await exec.inspect()
    return {
      stdout: text(said.filter(({ stream }) => stream === 'stdout')),
      stderr: text(said.filter(({ stream }) => stream === 'stderr')),
      exitCode: ExitCode ?? 1,
    }
  }

  #untilReady(): Promise<void> {
    return untilReady({
      name: `${this.command.name} (${this.command.image})`,
      isReady: () => this.command.isReady(),
      howItEnded: async () => {
        const { State } = await this.#handle.inspect()
        return State.Running ? undefined : `its container ended with code ${State.ExitCode}`
      },
      logs: () => this.logs(),
      stop: () => this.stop('SIGKILL'),
    })
  }
}

type EngineContainer = ReturnType<ContainerRuntimeClient['container']['getById']>

function runtimeClient(): Promise<ContainerRuntimeClient> {
  // Else Testcontainers pulls an image to find the host out, when this process seems to run in a container itself.
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= engineHost()
  return getContainerRuntimeClient()
}

async function pullIfMissing(client: ContainerRuntimeClient, { name, image }: ContainerCommand): Promise<void> {
  const imageName = ImageName.fromString(image)
  if (await client.image.exists(imageName)) return
  tell(`${name}: pulling ${image}`)
  try {
    await client.image.pull(imageName)
  } catch (error) {
    throw new Error(
      `${name} could not be started: the image ${image} could not be pulled (${(error as Error).message}). Where no registry ` +
        `can be reached, build the images first: eval "$(docker/build-local-images.sh)"`,
      { cause: error },
    )
  }
}

class GuardedContainer extends GenericContainer {
  withVolume(path: string): this {
    this.createOpts.Volumes = { [path]: {} }
    return this
  }

  protected override async containerCreated(id: string): Promise<void> {
    guard('container', id)
  }
}

/** The readiness of a server is asked of the server, after each start the same way. */
const NO_WAIT: WaitStrategy = {
  waitUntilReady: async () => undefined,
  withStartupTimeout: () => NO_WAIT,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
}

interface Frame {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

/** The engine's stream format: stream (1 byte), 3 empty bytes, length (4 bytes), then as many bytes. */
function frames(raw: Buffer): Frame[] {
  const found: Frame[] = []
  for (let at = 0; at + 8 <= raw.length; ) {
    const length = raw.readUInt32BE(at + 4)
    found.push({ stream: raw[at] === 2 ? 'stderr' : 'stdout', bytes: raw.subarray(at + 8, at + 8 + length) })
    at += 8 + length
  }
  return found
}

function text(found: readonly Frame[]): string {
  return Buffer.concat(found.map(({ bytes }) => bytes)).toString()
}
