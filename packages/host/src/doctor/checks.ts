import { canaries } from './checks/canaries.ts'
import { config } from './checks/config.ts'
import { containment } from './checks/containment.ts'
import { daemon, sharedUnit } from './checks/daemon.ts'
import { modes, registry, setAside, temporaries } from './checks/files.ts'
import { clock, disk, node, recordsSwitch, skew } from './checks/host.ts'
import { logout } from './checks/login.ts'
import { logs } from './checks/logs.ts'
import { messages } from './checks/messages.ts'
import { notifications } from './checks/notifications.ts'
import { recordDirectories } from './checks/record-directories.ts'
import { service } from './checks/service.ts'
import { signals } from './checks/signals.ts'
import { sockets } from './checks/sockets.ts'
import { tmpfiles } from './checks/tmpfiles.ts'
import { tmux, tmuxServers } from './checks/tmux.ts'
import { tmuxConf } from './checks/tmux-conf.ts'
import type { Check } from './finding.ts'

/** All checks, in the order in which their findings are reported. */
export const CHECKS: readonly Check[] = [
  node,
  disk,
  clock,
  recordsSwitch,
  signals,
  logs,
  logout,
  containment,
  tmpfiles,
  skew,
  tmux,
  tmuxServers,
  tmuxConf,
  sockets,
  daemon,
  notifications,
  service,
  sharedUnit,
  canaries,
  messages,
  config,
  recordDirectories,
  modes,
  temporaries,
  registry,
  setAside,
]
