import { isIapeerError } from '@iapeer/core/errors'
import { readSwitch, SETTINGS } from '@iapeer/core/settings'
import { assertTracefs, staleTraceInstance } from '@iapeer/lifecycle/deaths'
import type { Check, DoctorContext, Finding } from '../finding.ts'

/** Finds the trace that the kernel keeps recording for a killed daemon, although no process reads it. */
async function findStale({ root, daemon, fix }: DoctorContext): Promise<Finding[]> {
  const instance = daemon === undefined ? await staleTraceInstance(root) : undefined
  if (instance === undefined) return []
  if (fix) await instance.remove()
  return [
    {
      id: 'left-signal-witness',
      level: 'warning',
      what: 'a killed daemon left its signal witness in the kernel',
      where: instance.path,
      fix: fix ? 'Removed.' : 'iapeer daemon start takes it over; iapeer doctor --fix removes it.',
      ...(fix ? { fixed: true } : {}),
    },
  ]
}

async function checkRequested({ system }: DoctorContext): Promise<Finding[]> {
  if (!readSwitch(system.env, SETTINGS.signalWitness)) return []
  try {
    await assertTracefs()
    return [{ id: 'signal-witness', level: 'ok', what: 'the sender of a fatal signal can be recorded' }]
  } catch (error) {
    if (!isIapeerError(error)) throw error
    const { message: what, hint } = error
    return [{ id: 'signal-witness', level: 'warning', what, ...(hint === undefined ? {} : { fix: hint }) }]
  }
}

async function runSignals(context: DoctorContext): Promise<Finding[]> {
  return context.system.platform === 'linux'
    ? [...(await findStale(context)), ...(await checkRequested(context))]
    : []
}

export const signals: Check = { id: 'signals', title: 'Signal witness', group: 'host', run: runSignals }
