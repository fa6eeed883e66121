import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { logoutText } from '../src/commands/host/linger-hint.ts'

const track = asyncCleanups()
const username = 'ada'

it.runIf(process.platform === 'linux')(
  'a start says that a logout stops the peer, unless the user lingers',
  () => {
    const directory = privateDirectory()
    track(directory.remove)
    const [run, lingering] = [join(directory.path, 'run'), join(directory.path, 'linger')]
    const env = { XDG_RUNTIME_DIR: run, USER: username }
    expect(logoutText(env, lingering)).toBeUndefined()
    mkdirSync(join(run, 'systemd', 'private'), { recursive: true })
    mkdirSync(lingering)
    expect(logoutText({}, lingering)).toBeUndefined()
    expect(logoutText(env, lingering)).toBe(
      `The last logout of ${username} can stop it; loginctl enable-linger ${username} prevents that.`,
    )
    writeFileSync(join(lingering, username), '')
    expect(logoutText(env, lingering)).toBeUndefined()
  },
)
