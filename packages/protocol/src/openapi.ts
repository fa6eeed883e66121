import * as z from 'zod'
import { VERSION } from '../version.ts'
import type { Route } from './route.ts'
import { ANSWERS } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** A schema as it stands in the document, without what says that it is one of its own. */
function embedded(schema: Json): Json {
  const { $schema: _dialect, $id: _id, ...rest } = schema
  return rest
}

function components(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, embedded({ ...schema })]))
}

function parameters(schema: z.ZodObject, place: 'path' | 'query'): Json[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
  }))
}

function operation({ method, path, summary, params, query, body, answers }: Route): Json {
  const content = Object.fromEntries(
    Object.entries(answers).map(([type, name]) => [
      type,
      { schema: name === undefined ? { type: 'string' } : ref(name) },
    ]),
  )
  const all = [...parameters(params, 'path'), ...parameters(query, 'query')]
  return {
    operationId: `${method}${path.replace(/[/:.]+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(method === 'get'
      ? {}
      : {
          requestBody: {
            required: false,
            content: {
              'application/json': { schema: embedded({ ...z.toJSONSchema(body, { io: 'input' }) }) },
            },
          },
        }),
    responses: {
      200: { description: 'done', content },
      default: {
        description: 'what went wrong; the code is stable',
        content: { 'application/json': { schema: ref('Error') } },
      },
    },
  }
}

/** The OpenAPI document of these routes, made from the schemas that they check with. */
export function openApi(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'iapeerd',
      version: VERSION,
      description: 'The local API of the daemon. Over its unix socket no token is needed.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost' }],
    security: [{ bearer: [] }, {}],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: components() },
  }
}
