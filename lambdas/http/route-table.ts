/**
 * Finds a route as API Gateway's HTTP API does: a full match of method and path first, a literal segment before a parameter,
 * a greedy parameter last. Source: "Routing API requests" in AWS's http-api-develop-routes.html.
 */
import type { Route } from './route.ts';
import type { Surface } from './surface.ts';

/** `GET /api/sft/jobs/{job_id}`. A GET route answers HEAD too, and API Gateway wants that said: one key each. */
export function routeKeys(route: Route): string[] {
  return methodsOf(route).map((method) => `${method} ${route.path}`);
}

const methodsOf = (route: Route): string[] => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]);

export interface RouteMatch {
  readonly surface: Surface;
  readonly route: Route;
  readonly routeKey: string;
  /** undefined where the path has none, as in an event */
  readonly params: Record<string, string> | undefined;
}

interface Leaf {
  readonly surface: Surface;
  readonly route: Route;
  readonly routeKey: string;
  readonly names: readonly string[];
}

interface Node {
  readonly literals: Map<string, Node>;
  parameter?: Node;
  greedy?: Leaf;
  leaf?: Leaf;
}

export class RouteTable {
  /** by method: paths without parameters in one look-up, the others by their segments */
  readonly #exact = new Map<string, Map<string, Leaf>>();
  readonly #trees = new Map<string, Node>();

  /** @throws Error where two routes have the same key, or a template is not one: a fault of ours, found at start */
  constructor(surfaces: readonly Surface[]) {
    for (const surface of surfaces) {
      for (const route of surface.routes) {
        for (const method of methodsOf(route)) this.#add(method, surface, route);
      }
    }
  }

  /** @param path decoded, as in `rawPath` */
  find(method: string, path: string): RouteMatch | undefined {
    const exact = this.#exact.get(method)?.get(path);
    if (exact) return { surface: exact.surface, route: exact.route, routeKey: exact.routeKey, params: undefined };
    const tree = this.#trees.get(method);
    if (!tree || path.charCodeAt(0) !== 47) return undefined;
    const segments = path.slice(1).split('/');
    const values: string[] = [];
    const leaf = descend(tree, segments, 0, values);
    if (!leaf) return undefined;
    const params: Record<string, string> = {};
    for (let i = 0; i < leaf.names.length; i++) params[leaf.names[i] ?? ''] = values[i] ?? '';
    return { surface: leaf.surface, route: leaf.route, routeKey: leaf.routeKey, params };
  }

  /** What a path answers, for `Allow`: `GET, HEAD, POST`; empty where nothing does. A path that is a route of its own is described by that alone. */
  methodsAt(path: string): string[] {
    const own = [...this.#exact].filter(([, leaves]) => leaves.has(path)).map(([method]) => method);
    if (own.length > 0) return own.sort();
    return [...this.#trees.keys()].filter((method) => this.find(method, path) !== undefined).sort();
  }

  /** Any route of that path, whatever its method. */
  findAny(path: string): RouteMatch | undefined {
    for (const method of this.#trees.keys()) {
      const match = this.find(method, path);
      if (match) return match;
    }
    return undefined;
  }

  #add(method: string, surface: Surface, route: Route): void {
    const routeKey = `${method} ${route.path}`;
    const segments = route.path.slice(1).split('/');
    const names = segments.filter((segment) => segment.startsWith('{')).map((segment) => segment.replace(/^\{|\+?\}$/g, ''));
    if (!/^\/(?:[^{}]*|(?:[^{}/]+\/|\{\w+\}\/)*(?:[^{}/]+|\{\w+\+?\}))$/.test(route.path))
      throw new Error(`not a path template: ${route.path}`);
    const leaf: Leaf = { surface, route, routeKey, names };

    let node: Node = this.#trees.get(method) ?? { literals: new Map() };
    this.#trees.set(method, node);
    for (const segment of segments) {
      if (segment.endsWith('+}')) {
        if (node.greedy) throw new Error(`two routes for ${routeKey}`);
        node.greedy = leaf;
        return;
      }
      node = segment.startsWith('{') ? parameterOf(node) : childOf(node, segment);
    }
    if (node.leaf) throw new Error(`two routes for ${routeKey}`);
    node.leaf = leaf;
    if (names.length === 0) {
      const exact = this.#exact.get(method) ?? new Map<string, Leaf>();
      this.#exact.set(method, exact.set(route.path, leaf));
    }
  }
}

function parameterOf(node: Node): Node {
  node.parameter ??= { literals: new Map() };
  return node.parameter;
}

function childOf(node: Node, segment: string): Node {
  const child = node.literals.get(segment) ?? { literals: new Map() };
  node.literals.set(segment, child);
  return child;
}

/** Literal before parameter before greedy, at each segment; a dead end goes back. A parameter is never empty. */
function descend(node: Node, segments: readonly string[], at: number, values: string[]): Leaf | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.leaf;
  const literal = node.literals.get(segment);
  const found = literal && descend(literal, segments, at + 1, values);
  if (found) return found;
  if (segment === '') return undefined;
  if (node.parameter) {
    const depth = values.push(segment);
    const leaf = descend(node.parameter, segments, at + 1, values);
    if (leaf) return leaf;
    values.length = depth - 1;
  }
  if (node.greedy) values.push(segments.slice(at).join('/'));
  return node.greedy;
}
