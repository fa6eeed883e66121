import { randomInt } from 'node:crypto'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { daemonPaths } from '@iapeer/core/paths'
import { readText, SETTINGS } from '@iapeer/core/settings'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import { type OtherUsers, otherUsers } from '@iapeer/host'
import { removeMcpAddress, writeMcpAddress } from '@iapeer/lifecycle/launch'
import type { Logger } from 'pino'
import type { FleetHealth, FleetMail } from '../fleet.ts'
import { type ApiServer, createApiServer, listening } from '../http/server.ts'
import { createMcpApp, MCP_PATH } from './mcp-app.ts'

/** How often the users of the host are looked at, and a port that was taken is tried again. */
const CHECK_MS = 30_000
/** Below the ports that systems give to outgoing connections: from 32768 on Linux, 49152 on macOS. */
const PORTS = { first: 20_000, end: 32_000 } as const
const CHOICES = 20

export interface McpOptions {
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly mail: FleetMail
  readonly log: Logger
  /** @default otherUsers() */
  readonly users?: () => Promise<OtherUsers>
}

/** Returns the port that was chosen for the root; undefined if none was chosen yet. */
async function chosenPort(root: string): Promise<number | undefined> {
  const text = (await readRegularFile(daemonPaths(root).mcpPort))?.text.trim() ?? ''
  return /^[1-9]\d{3,4}$/.test(text) ? Number(text) : undefined
}

/**
 * The MCP server of a daemon on a port of 127.0.0.1. The port is chosen once per root, because running sessions keep the one that they
 * were launched with. If it is taken the daemon never chooses another one: new sessions are launched with the server over standard
 * input and output. The same holds while other people use the host, who could take the port while no daemon runs, and would be sent
 * the bearers and the messages of the peers.
 */
export class McpEndpoint {
  readonly #options: McpOptions
  #server: ApiServer | undefined
  #port: number | undefined
  #problem: FleetHealth['problems'][number] | undefined
  /** The last failure, which is logged once. */
  #failure: string | undefined
  /** Why new sessions do not use the port. */
  #why: string | undefined
  #isPublished = false
  #timer: NodeJS.Timeout | undefined
  #checking: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: McpOptions) {
    this.#options = options
  }

  /** Begins to serve, if that is safe, and checks from then on that it still is. */
  async start(): Promise<void> {
    await this.check()
    this.#timer = setInterval(() => void this.check(), CHECK_MS).unref()
  }

  /** What the health of the daemon reports. */
  problems(): FleetHealth['problems'] {
    return this.#problem === undefined ? [] : [this.#problem]
  }

  /** Looks whether new sessions can use the port, and listens on it. */
  check(): Promise<void> {
    this.#checking = this.#checking.then(() => this.#check())
    return this.#checking
  }

  async stop(limitMs: number): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#checking
    await this.#withdraw()
    await this.#server?.close(limitMs)
  }

  async #check(): Promise<void> {
    if (this.#isStopped) return
    const { log, root } = this.#options
    try {
      const why = await this.#refusal()
      if (why !== this.#why)
        log.info(
          why === undefined ? {} : { why },
          `MCP over HTTP is ${why === undefined ? 'on' : 'off'} for new sessions`,
        )
      this.#why = why
      if (why !== undefined) {
        this.#problem = undefined
        await this.#withdraw()
        return
      }
      this.#server ??= await this.#listen()
      this.#problem = undefined
      this.#failure = undefined
      if (!this.#isPublished) await writeMcpAddress(root, `http://127.0.0.1:${this.#port}${MCP_PATH}`)
      this.#isPublished = true
    } catch (error) {
      if (!isIapeerError(error) && errnoOf(error) === undefined) throw error
      await this.#fail(error)
    }
  }

  /** A port that was taken is a problem of its own; any other failure, such as a full disk, is one that the health already has. */
  async #fail(error: unknown): Promise<void> {
    const { log, root } = this.#options
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#failure !== reason) log.error({ err: error }, 'the MCP server cannot be served over HTTP')
    this.#failure = reason
    this.#problem = isIapeerError(error)
      ? {
          id: 'mcp-port',
          what: `${reason}: sessions that were launched with it cannot send messages, new ones start a program for it`,
          where: daemonPaths(root).mcpPort,
        }
      : undefined
    await this.#withdraw()
  }

  /** Returns why new sessions must not use the port: the setting `IAPEER_MCP_HTTP`, or other users on this host. */
  async #refusal(): Promise<string | undefined> {
    const { env, users = otherUsers } = this.#options
    const mode = readText(env, SETTINGS.mcpHttp) ?? 'auto'
    if (mode !== 'auto') return mode === 'on' ? undefined : 'the setting mail.mcp_http is off'
    const found = await users()
    if (found.kind === 'none') return undefined
    return found.kind === 'unknown'
      ? found.why
      : `other users use this host: ${found.uids.slice(0, 5).join(', ')}`
  }

  async #withdraw(): Promise<void> {
    this.#isPublished = false
    try {
      await removeMcpAddress(this.#options.root)
    } catch (error) {
      // The address has no effect once this process has exited.
      if (errnoOf(error) === undefined) throw error
      this.#options.log.warn({ err: error }, 'the address of the MCP server was not removed')
    }
  }

  async #listen(): Promise<ApiServer> {
    const { root, mail, log } = this.#options
    const api = createApiServer(createMcpApp({ mail, log }))
    const chosen = await chosenPort(root)
    this.#port = chosen ?? (await this.#choose(api))
    if (chosen !== undefined && !(await this.#bind(api, chosen)))
      throw new IapeerError(`port ${chosen} of 127.0.0.1 is taken by another program`, { code: 'port-taken' })
    log.info({ port: this.#port }, 'the MCP server listens')
    return api
  }

  /** Chooses the port of the root, and listens on it. */
  async #choose(api: ApiServer): Promise<number> {
    for (let choice = 0; choice < CHOICES; choice++) {
      const port = randomInt(PORTS.first, PORTS.end)
      if (!(await this.#bind(api, port))) continue
      await replaceFile(daemonPaths(this.#options.root).mcpPort, `${port}\n`)
      return port
    }
    throw new IapeerError('no free port was found for the MCP server', { code: 'port-taken' })
  }

  /** @returns false if the port is taken */
  async #bind({ server }: ApiServer, port: number): Promise<boolean> {
    try {
      await listening(server, () => server.listen(port, '127.0.0.1'))
      return true
    } catch (error) {
      if (errnoOf(error) === 'EADDRINUSE' || errnoOf(error) === 'EACCES') return false
      throw error
    }
  }
}
