import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { until } from '@iapeer/dev/testing'
import { post, type TestRoot, type Where } from './support.ts'

/** Creates a peer whose program writes its environment to a file and waits. */
export const peer = (root: string, name: string) =>
  createPeer(root, {
    personality: toPersonality(name),
    defaultRuntime: toRuntime('command'),
    command: ['/bin/sh', '-c', 'env > env.tmp && mv env.tmp env.txt; exec sleep 1000'],
  })

/** Starts a peer. @returns the bearer of its session */
export async function bearerOf({ root }: TestRoot, where: Where, name: string): Promise<string> {
  const { cwd } = await peer(root, name)
  const path = join(cwd, 'env.txt')
  const started = await post(where, `/v1/peers/${name}/start`)
  if (started.status !== 200) throw new Error(started.text)
  await until('the environment of the session', () => existsSync(path))
  const [, bearer] = /^IAPEER_BEARER=(iapb_\S+)$/m.exec(readFileSync(path, 'utf8')) ?? []
  if (bearer === undefined) throw new Error('the session has no bearer')
  return bearer
}
