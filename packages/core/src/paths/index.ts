export { type RecordLayout, type RecordPlace, recordLayout } from './record-layout.ts'
export { iapeerRoot, rootRecordPlace } from './root-layout.ts'
