/** What can go wrong between a command and the plane, each with a sentence that names the plane and says what to do. */
import { CommandFailure, EXIT } from '../exit-code.ts';

/** Nobody answers there. The run, if there is one, goes on. */
export class PlaneAway extends CommandFailure {
  readonly reason: string;

  constructor(url: string, reason: string, remedy: string, cause?: unknown) {
    super('plane_away', `no plane answers at ${url} (${reason})`, { remedy, cause });
    this.name = 'PlaneAway';
    this.reason = reason;
  }
}

/** The plane said no, with its own sentence. */
export class PlaneRefusal extends CommandFailure {
  readonly status: number;

  /** @param refused `problems`: of an invalid request, each is told on a line of its own */
  constructor(refused: {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly problems?: readonly Problem[] | undefined;
    readonly remedy: string | null;
  }) {
    const { status, code, detail, problems = [], remedy } = refused;
    super(
      code,
      problems.length > 1
        ? ['the request cannot be taken', ...problems.map(describeProblem)].join('\n')
        : (problems.map(describeProblem)[0] ?? detail),
      {
        exitCode: code === 'invalid_request' ? EXIT.usage : EXIT.failed,
        remedy,
      },
    );
    this.name = 'PlaneRefusal';
    this.status = status;
  }
}

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** By the name that its user gave: the body around a configuration is not theirs. */
const describeProblem = ({ path, message }: Problem): string => {
  const name = path.replace(/^(?:config|hyperparameters|model_parameters)\.(?=\w)/, '');
  return name === '' ? message : `${name}: ${message}`;
};

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EPIPE: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_HEADERS_TIMEOUT: 'no answer came in time',
  UND_ERR_BODY_TIMEOUT: 'the answer broke off',
};

/** `fetch` hides what happened in causes, of which the innermost has the code. @returns null for an error that is not the network's */
export function networkReason(error: unknown): string | null {
  for (let inner = error, depth = 0; inner instanceof Error && depth < 5; inner = inner.cause, depth++) {
    if ('code' in inner && typeof inner.code === 'string') return REASONS[inner.code] ?? `${inner.code}: ${inner.message}`;
    if (inner.name === 'TimeoutError') return 'no answer came in time';
  }
  return error instanceof TypeError && /fetch failed|terminated/.test(error.message) ? error.message : null;
}
