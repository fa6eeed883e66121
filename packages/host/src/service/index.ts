export { daemonSettings } from './daemon-settings.ts'
export { assertStablePaths, withoutEphemeralPaths } from './ephemeral-path.ts'
export { renderLaunchdPlist } from './launchd-plist.ts'
export {
  type Installed,
  installService,
  planService,
  type ServicePlan,
  startService,
  type Uninstalled,
  uninstallService,
} from './service.ts'
export { type ServiceManager, type ServiceSpec, type ServiceSystem, thisServiceSystem } from './spec.ts'
export { type ServiceStatus, serviceStatus } from './status.ts'
export { renderSystemdUnit } from './systemd-unit.ts'
