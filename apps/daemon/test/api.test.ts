import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
import { isFullCampaign, serverAt, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { ANSWERS, parseAs } from '@iapeer/protocol/routes'
import { describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { type Answer, ask, post, roots, type Where } from './support.ts'

const newRoot = roots()

const peer = (root: string, name: string, command: readonly string[] = ['sleep', '1000']) =>
  createPeer(root, { personality: toPersonality(name), defaultRuntime: toRuntime('command'), command })

/** Checks an answer against its schema: no field is missing and none is undescribed. */
function checked<T>(answer: Answer, schema: Parameters<typeof parseAs<T>>[0], status = 200): T {
  expect(answer.status, answer.text).toBe(status)
  const value = parseAs(schema, answer.json(), 'the answer')
  expect(value).toEqual(answer.json())
  return value
}

const codeOf = (answer: Answer, status: number) => checked(answer, ANSWERS.Error, status).error.code

describe('the API, over the unix socket', () => {
  it.runIf(isFullCampaign())(
    'reports a blocked peer: at its start, in the fleet and in the metrics, and then that it is running',
    async () => {
      const { root, directory, up } = newRoot()
      const script = join(directory, 'asks.sh')
      const rule = '─'.repeat(40)
      writeFileSync(
        script,
        `stty raw -echo; printf '\\033[2J\\033[HDo you want to use this API key?\\r\\n❯ No\\r\\n'
      while [ "$(dd bs=1 count=1 2>/dev/null)" != y ]; do :; done
      printf '\\033[2J\\033[H'; printf '%s\\r\\n' Welcome ${rule} '❯ ' ${rule} '  bypass permissions on'; exec sleep 1000`,
      )
      await createPeer(root, {
        personality: toPersonality('bob'),
        defaultRuntime: toRuntime('claude'),
        command: ['/bin/sh', script],
      })
      const { where } = await up({ IAPEER_TICK_SECS: '0.5' })
      const obstacle = {
        dialog: 'API key',
        hint: expect.any(String),
        screen: expect.stringContaining('❯ No'),
      }
      expect(checked(await post(where, '/v1/peers/bob/start'), ANSWERS.Result)).toMatchObject({
        session: { state: 'blocked', identity: 'claude-bob', ...obstacle },
      })
      expect(checked(await ask(where, '/v1/fleet'), ANSWERS.Fleet).peers).toMatchObject([
        { state: 'blocked', blockedSince: expect.any(String), ...obstacle },
      ])
      expect((await ask(where, '/metrics')).text).toContain('iapeer_peers{state="blocked"} 1')
      expect(checked(await post(where, '/v1/peers/bob/wake', {}), ANSWERS.Result)).toMatchObject({
        outcome: { state: 'live', session: { state: 'blocked' } },
      })
      const [session] = await listSessions(root)
      if (session === undefined) throw new Error('the peer is not running')
      await serverAt(session.socketPath, session.server.pid).tmux('send-keys', '-t', session.paneId, 'y')
      const running = await until('the daemon to finish its launch', async () => {
        const now = checked(await ask(where, '/v1/peers/bob'), ANSWERS.Peer)
        return now.state === 'running' ? now : undefined
      })
      expect([running.gen, running.dialog, running.screen]).toEqual([session.gen, undefined, undefined])
      expect((await post(where, '/v1/peers/bob/stop')).status).toBe(200)
      expect(checked(await ask(where, '/v1/deaths'), ANSWERS.Deaths).deaths).toEqual([])
    },
  )

  it('answers every route as its schema describes, while a peer starts, dies and is stopped', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { where, socketPath, pid } = await up()
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
    expect(checked(await ask(where, '/healthz'), ANSWERS.Health)).toMatchObject({
      status: 'ok',
      pid,
      canaries: {},
      problems: [],
    })
    expect(checked(await ask(where, '/version'), ANSWERS.Version)).toMatchObject({
      name: 'iapeerd',
      version: manifest.version,
    })
    expect(checked(await ask(where, '/v1/fleet'), ANSWERS.Fleet).peers).toMatchObject([
      { identity: 'command-bob', state: 'not-running', shown: { word: 'new', isTrouble: false } },
    ])
    const startAt = new Date(Date.now() + 60_000).toISOString()
    const tally = join(root, 'state', 'lifecycle', 'command-bob.tally')
    writeFileSync(tally, JSON.stringify({ endings: [], restarts: 1, startAt }))
    expect(checked(await ask(where, '/v1/peers/bob'), ANSWERS.Peer)).toMatchObject({
      state: 'not-running',
      nextStartAt: startAt,
      shown: { word: 'restarting' },
    })
    const started = checked(await post(where, '/v1/peers/bob/start'), ANSWERS.Result)
    expect(started).toMatchObject({
      action: 'start',
      peer: 'bob',
      session: { state: 'launched', warnings: [] },
    })
    const again = await post(where, '/v1/peers/command-bob/start', { runtime: 'command', timeoutMs: 5_000 })
    expect(checked(again, ANSWERS.Result)).toMatchObject({ session: { state: 'already' } })
    const running = checked(await ask(where, '/v1/peers/bob'), ANSWERS.Peer)
    expect(running).toMatchObject({ state: 'running', canary: 'guard', personality: 'bob' })
    expect(checked(await ask(where, '/healthz'), ANSWERS.Health).canaries).toEqual({ armed: 1 })
    const renewed = checked(await post(where, '/v1/peers/bob/new', { timeoutMs: 100 }), ANSWERS.Result)
    expect(renewed).toMatchObject({ action: 'new', session: { state: 'launched' } })
    expect(checked(await ask(where, '/v1/deaths'), ANSWERS.Deaths).deaths).toEqual([])

    const [session] = await listSessions(root)
    process.kill(session?.server.pid ?? 0, 'SIGKILL')
    const [death] = await until('the record', async () => {
      const { deaths } = checked(
        await ask(where, '/v1/deaths?peer=bob&since=2020-01-01T00:00:00Z&limit=5'),
        ANSWERS.Deaths,
      )
      return deaths.length > 0 && deaths
    })
    expect(death).toMatchObject({
      identity: 'command-bob',
      cause: 'killed',
      signal: 'SIGKILL',
      waitStatus: 137,
    })
    expect(checked(await ask(where, `/v1/deaths/${death?.id}`), ANSWERS.Death)).toMatchObject({
      ...death,
      provisional: true,
      autopsy: { verdict: 'killed-by-signal', confidence: 'medium' },
    })
    expect(checked(await ask(where, '/v1/deaths?peer=ann'), ANSWERS.Deaths).deaths).toEqual([])
    // Until the daemon has settled the death, the state is not-running.
    await until(
      'the death to be settled',
      async () => checked(await ask(where, '/v1/peers/bob'), ANSWERS.Peer).state === 'failed',
    )
    await post(where, '/v1/peers/bob/start')
    const stopped = await post(where, '/v1/peers/bob/stop', { force: false, timeoutMs: 2_000 })
    expect(checked(stopped, ANSWERS.Result)).toMatchObject({
      action: 'stop',
      sessions: [{ identity: 'command-bob', state: 'ended' }],
    })
    expect(checked(await post(where, '/v1/peers/bob/stop'), ANSWERS.Result)).toMatchObject({
      sessions: [{ state: 'stopped' }],
    })
    expect(statSync(join(root, 'logs', 'iapeer', 'daemon.log')).mode & 0o777).toBe(0o600)
    const metrics = await ask(where, '/metrics')
    expect(metrics.headers['content-type']).toMatch(/^text\/plain/)
    expect(metrics.text).toMatch(/^iapeer_peers\{state="stopped"\} 1$/m)
    expect(metrics.text).toMatch(/^process_resident_memory_bytes /m)
  })

  it('leaves a metric that cannot be determined out of a scrape, and logs its name', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { where } = await up()
    const canaries = join(root, 'state', 'canary')
    rmSync(canaries, { recursive: true, force: true })
    symlinkSync('canary', canaries)
    const scraped = await ask(where, '/metrics')
    expect(scraped.status).toBe(200)
    expect(scraped.text).toMatch(/^iapeer_peers\{state="not-running"\} 1$/m)
    expect(scraped.text).toMatch(/^iapeer_sweep_seconds_count \d+$/m)
    expect(scraped.text).not.toMatch(/^iapeer_canaries\{/m)
    const log = () => readFileSync(join(root, 'logs', 'iapeer', 'daemon.log'), 'utf8')
    expect(log()).toContain('iapeer_canaries cannot be counted')
    rmSync(canaries)
    const { registry } = rootLayout(root)
    const whole = readFileSync(registry)
    writeFileSync(registry, 'not JSON')
    const without = await ask(where, '/metrics')
    expect(without.text).not.toMatch(/^iapeer_peers\{/m)
    expect(without.text).toMatch(/^iapeerd_event_clients\{state="open"\} 0$/m)
    writeFileSync(registry, whole)
  })

  it('answers an invalid request with the code and the status of the error', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    await peer(root, 'odd', ['no-such-program'])
    await peer(root, 'brief', ['sh', '-c', 'exit 3'])
    const { where } = await up()
    const raw = (path: string, body: string, headers: Record<string, string> = {}) =>
      ask(where, path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
    const table: [string, number, Promise<Answer>][] = [
      ['not-found', 404, ask(where, '/v1/nothing')],
      ['not-found', 404, ask(where, '/')],
      ['no-such-peer', 404, ask(where, '/v1/peers/unknown')],
      ['no-such-peer', 404, post(where, '/v1/peers/unknown/start')],
      ['no-such-peer', 404, post(where, '/v1/peers/unknown/wake')],
      ['no-such-death', 404, ask(where, '/v1/deaths/command-bob-1')],
      ['invalid-request', 400, ask(where, '/v1/deaths?limit=many')],
      ['invalid-request', 400, ask(where, '/v1/deaths?since=yesterday')],
      ['invalid-request', 400, ask(where, '/v1/fleet?state=alive')],
      ['invalid-request', 400, ask(where, `/v1/peers/${'b'.repeat(65)}`)],
      ['invalid-runtime', 400, post(where, '/v1/peers/bob/start', { runtime: 'a-b' })],
      ['invalid-request', 400, post(where, '/v1/peers/bob/start', { timeoutMs: 0 })],
      ['invalid-request', 400, post(where, '/v1/peers/bob/start', { topic: 'x' })],
      ...[{ LD_PRELOAD: '/x.so' }, { PATH: 'bin' }, { PATH: '/bin:' }, { LANG: 'a\n' }, { PATH: 7 }].map(
        (environment): [string, number, Promise<Answer>] => [
          'invalid-request',
          400,
          post(where, '/v1/peers/bob/start', { environment }),
        ],
      ),
      ['invalid-request', 400, raw('/v1/peers/bob/start', '[]')],
      ['invalid-request', 400, raw('/v1/peers/bob/start', '{')],
      ['invalid-request', 400, raw('/v1/peers/bob/start', '"\ud800"'.slice(0, 2))],
      ['method-not-allowed', 405, post(where, '/v1/fleet')],
      ['method-not-allowed', 405, ask(where, '/v1/peers/bob/start')],
      ['method-not-allowed', 405, ask(where, '/v1/fleet', { method: 'OPTIONS' })],
      ['method-not-allowed', 405, ask(where, '/v1/peers/bob', { method: 'DELETE' })],
      ['body-too-large', 413, post(where, '/v1/peers/bob/wake', { topic: 'x'.repeat(66_000) })],
      [
        'body-too-large',
        413,
        raw('/v1/peers/bob/wake', `"${'x'.repeat(66_000)}"`, { 'transfer-encoding': 'chunked' }),
      ],
      ['unsupported-media-type', 415, raw('/v1/peers/bob/start', '{}', { 'content-type': 'text/plain' })],
      ['command-not-found', 422, post(where, '/v1/peers/odd/start')],
      ['program-ended', 422, post(where, '/v1/peers/brief/start')],
      ['runtime-undeclared', 422, post(where, '/v1/peers/bob/start', { runtime: 'codex' })],
      ['headers-too-large', 431, ask(where, '/healthz', { headers: { 'x-long': 'x'.repeat(20_000) } })],
    ]
    for (const [code, status, answer] of table)
      expect([codeOf(await answer, status), status]).toEqual([code, status])
    expect((await ask(where, '/v1/fleet', { method: 'PUT' })).headers['allow']).toBe('GET, HEAD')
    expect((await ask(where, '/v1/fleet', { method: 'HEAD' })).status).toBe(200)
    expect((await ask(where, '/v1/peers/bob/stop', { method: 'POST' })).status).toBe(200)
  })

  it('describes every path and the schema of its answer in the OpenAPI document', async () => {
    const { up } = newRoot()
    const { where } = await up()
    const { text } = await ask(where, '/openapi.json')
    const document = JSON.parse(text)
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'iapeerd', version: manifest.version },
    })
    expect(Object.keys(document.paths).sort()).toMatchSnapshot()
    expect(Object.keys(document.components.schemas).sort()).toEqual(Object.keys(ANSWERS).sort())
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(document.components.schemas).toHaveProperty(name ?? '')
    expect(document.paths['/v1/deaths'].get.parameters).toMatchObject([
      { name: 'since', in: 'query', required: false },
      { name: 'peer' },
      { name: 'limit', schema: { default: 1_000 } },
    ])
    const { requestBody } = document.paths['/v1/peers/{name}/wake'].post
    expect(Object.keys(requestBody.content['application/json'].schema.properties)).toEqual([
      'runtime',
      'topic',
      'from',
      'resume',
      'timeoutMs',
    ])
    // The daemon serves each path of the document.
    for (const [path, methods] of Object.entries<object>(document.paths))
      for (const method of Object.keys(methods)) {
        const headers = { accept: 'application/json' }
        const wanted = { method: method.toUpperCase(), headers }
        const answer = await ask(where, path.replace(/\{\w+\}/, 'unknown'), wanted)
        expect(answer.text).not.toMatch(/"(not-found|method-not-allowed)"/)
      }
  })
})

const TOKEN = 'a-token-of-23-characters'

describe('the API, over TCP', () => {
  const bearer = { authorization: `Bearer ${TOKEN}` }

  it('requires the token, and gives the same answers as the socket', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { port, where } = await up({ IAPEER_PORT: '0', IAPEER_BEARER_TOKEN: TOKEN })
    const tcp: Where = { port }
    const get = (path: string, headers: Record<string, string>) => ask(tcp, path, { headers })
    expect(checked(await get('/v1/fleet', bearer), ANSWERS.Fleet)).toEqual(
      (await ask(where, '/v1/fleet')).json(),
    )
    expect(checked(await post(tcp, '/v1/peers/bob/start', {}, bearer), ANSWERS.Result)).toMatchObject({
      peer: 'bob',
    })
    for (const path of ['/healthz', '/metrics', '/openapi.json', '/v1/fleet', '/v1/events', '/nothing'])
      expect(codeOf(await get(path, {}), 401)).toBe('unauthorized')
    for (const wrong of [
      '',
      'Bearer',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      TOKEN,
    ])
      expect(codeOf(await get('/v1/fleet', { authorization: wrong }), 401)).toBe('unauthorized')
    expect((await get('/v1/fleet', {})).headers['www-authenticate']).toBe('Bearer')
    expect((await post(where, '/v1/peers/bob/stop')).status).toBe(200)
  })

  it('refuses names and origins that are not of this host', async () => {
    const { up } = newRoot()
    const { port } = await up({ IAPEER_PORT: '0', IAPEER_BEARER_TOKEN: TOKEN })
    const get = (headers: Record<string, string>) =>
      ask({ port }, '/version', { headers: { ...bearer, ...headers } })
    for (const host of ['localhost', '127.0.0.1', `127.0.0.1:${port}`, '[::1]:80', 'LOCALHOST:1'])
      expect((await get({ host })).status).toBe(200)
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil',
      '0.0.0.0',
    ])
      expect(codeOf(await get({ host }), 403)).toBe('host-refused')
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:1'])
      expect((await get({ origin })).status).toBe(200)
    for (const origin of [
      'http://evil.example',
      'null',
      'http://localhost@evil.example',
      'file://',
      'http://127.0.0.1.evil',
    ])
      expect(codeOf(await get({ origin }), 403)).toBe('origin-refused')
  })

  it.each([
    [{ IAPEER_PORT: '0' }, /IAPEER_BEARER_TOKEN/],
    [{ IAPEER_PORT: '0', IAPEER_BEARER_TOKEN: 'fifteen-letters' }, /not a valid token/],
    [{ IAPEER_PORT: '65536', IAPEER_BEARER_TOKEN: TOKEN }, /65536/],
    [{ IAPEER_PORT: 'http', IAPEER_BEARER_TOKEN: TOKEN }, /"http"/],
  ])('does not start with %j', async (env, message) => {
    const { launch, up } = newRoot()
    const refused = await launch(env)
    expect(refused).toMatchObject({
      exitCode: 2,
      failure: { code: 'bad-setting', message: expect.stringMatching(message) },
    })
    expect((await up()).port).toBe(0)
  })

  it.runIf(isFullCampaign())('reports a port that is in use, and leaves nothing behind', async () => {
    const [first, second] = [newRoot(), newRoot()]
    const { port } = await first.up({ IAPEER_PORT: '0', IAPEER_BEARER_TOKEN: TOKEN })
    const refused = await second.launch({ IAPEER_PORT: String(port), IAPEER_BEARER_TOKEN: TOKEN })
    expect(refused).toMatchObject({ exitCode: 1, failure: { code: 'port-taken' } })
    expect((await second.up()).port).toBe(0)
  })
})
