export { chooseDaemonSocket, type DaemonPlace, daemonPlace, daemonSocket } from './daemon-paths.ts'
export { type RecordLayout, type RecordPlace, recordLayout } from './record-layout.ts'
export { iapeerRoot, type RootLayout, rootLayout, rootRecordPlace } from './root-layout.ts'
export { SOCKET_PATH_LIMIT } from './socket-limit.ts'
