import { DEFAULT_PERMISSIONS, type PeerProfile, type Permissions } from '@iapeer/core/profile'
import type { LaunchEnv } from '@iapeer/core/storage'

/** How the options of an agent state its permissions. */
interface PermissionOptions {
  /** Options without a value that let it act without asking. */
  readonly skips: ReadonlySet<string>
  /** Other options without a value. */
  readonly plain: ReadonlySet<string>
  /** Options with a value. */
  readonly valued: ReadonlySet<string>
  /** Values that let it act without asking. */
  readonly skipValues: ReadonlySet<string>
}

const OPTIONS: ReadonlyMap<string, PermissionOptions> = new Map([
  [
    'claude',
    {
      skips: new Set(['--dangerously-skip-permissions']),
      plain: new Set(),
      valued: new Set(['--permission-mode']),
      skipValues: new Set(['bypassPermissions']),
    },
  ],
  [
    'codex',
    {
      skips: new Set(['--dangerously-bypass-approvals-and-sandbox', '--yolo']),
      plain: new Set(['--approve-for-me', '--full-auto']),
      valued: new Set(['--sandbox', '-s', '--ask-for-approval', '-a']),
      skipValues: new Set(),
    },
  ],
])

/** What the arguments of an agent state about its permissions. */
export interface StatedPermissions {
  /** `own`: they state permissions other than `skip`. Undefined: they state none. */
  readonly stated: Extract<Permissions, 'own' | 'skip'> | undefined
  /** The arguments without those options. */
  readonly rest: readonly string[]
}

/** Reads the options of a command line that state permissions. */
export function readPermissionArgs(runtime: string, args: readonly string[]): StatedPermissions {
  const options = OPTIONS.get(runtime)
  if (options === undefined) return { stated: undefined, rest: args }
  const { skips, plain, valued, skipValues } = options
  const rest: string[] = []
  let stated: StatedPermissions['stated']
  for (let at = 0; at < args.length; at++) {
    const [arg = '', next] = args.slice(at, at + 2)
    const [name = '', inline] = /^(--[^=]+)=(.*)$/s.exec(arg)?.slice(1) ?? [arg]
    if (skips.has(arg)) stated = 'skip'
    else if (plain.has(arg)) stated ??= 'own'
    else if (valued.has(name)) {
      if (inline === undefined) at++
      if (skipValues.has(inline ?? next ?? '')) stated = 'skip'
      else stated ??= 'own'
    } else rest.push(arg)
  }
  return { stated, rest }
}

/** Returns whether peers of a runtime have permissions. */
export const hasPermissions = (runtime: string): boolean => OPTIONS.has(runtime)

/** The profile of a peer, and its launch.env where that is known. */
export interface PermissionSource {
  readonly profile: Pick<PeerProfile, 'command' | 'permissions'>
  readonly launchEnv?: Pick<LaunchEnv, 'startArgs'>
}

/**
 * Returns the permissions of a peer: those of its profile, unless its own command line (`command`, or the start arguments of
 * launch.env) states others.
 */
export function permissionsOf(runtime: string, { profile, launchEnv }: PermissionSource): Permissions {
  const { command = [], permissions = DEFAULT_PERMISSIONS } = profile
  const { stated } = readPermissionArgs(runtime, [...command, ...(launchEnv?.startArgs ?? [])])
  return stated ?? permissions
}

/** Returns the options that give an agent its permissions; none if its own command line states them. */
export function permissionArgs(
  runtime: string,
  { profile, launchEnv }: Required<PermissionSource>,
  options: Readonly<Record<Permissions, readonly string[]>>,
): readonly string[] {
  const { stated } = readPermissionArgs(runtime, [...(profile.command ?? []), ...launchEnv.startArgs])
  return stated === undefined ? options[profile.permissions ?? DEFAULT_PERMISSIONS] : []
}
