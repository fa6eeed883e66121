export { type RecordLayout, type RecordPlace, recordLayout } from './record-layout.ts'
export { iapeerRoot, type RootLayout, rootLayout, rootRecordPlace } from './root-layout.ts'
