import * as z from 'zod/mini'
import { ANSWERS, ROUTES, type Route } from './routes.ts'

type Json = Readonly<Record<string, unknown>>

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** Returns a schema without the fields that only a schema document of its own has. */
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

function parameters(schema: z.ZodMiniObject, position: 'path' | 'query'): Json[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: position,
    required: position === 'path',
    schema: property,
  }))
}

function requestBody(body: z.ZodMiniObject): Json {
  const schema = embedded({ ...z.toJSONSchema(body, { io: 'input' }) })
  return { required: 'required' in schema, content: { 'application/json': { schema } } }
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
    ...(method === 'get' ? {} : { requestBody: requestBody(body) }),
    responses: {
      200: { description: 'success', content },
      default: {
        description: 'an error; its code does not change between versions',
        content: { 'application/json': { schema: ref('Error') } },
      },
    },
  }
}

/**
 * Returns the OpenAPI 3.1 document of the API, made from the schemas that check requests and answers.
 * @param version the version of the daemon that serves the document
 */
export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of Object.values<Route>(ROUTES)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'iapeerd',
      version,
      description:
        'The local API of the iapeer daemon. The unix socket needs no token; TCP needs the bearer token.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost' }],
    security: [{ bearer: [] }, {}],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: components() },
  }
}
