export { chooseDaemonSocket, type DaemonPaths, daemonPaths, daemonSocket } from './daemon-paths.ts'
export { type RecordLayout, type RecordLocation, recordLayout } from './record-layout.ts'
export { iapeerRoot, type RootLayout, rootLayout, rootRecordLocation } from './root-layout.ts'
export { SOCKET_PATH_LIMIT } from './socket-limit.ts'
