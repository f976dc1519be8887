import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** names as sent */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** everything, latin1 */
  readonly text: string;
}

/** Sends bytes as they are (latin1) and reads until the server closes or the answer is complete. */
export async function sendRaw(port: number, raw: string): Promise<RawAnswer> {
  const text = await new Promise<string>((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(raw, 'latin1'));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (isComplete(received, raw.startsWith('HEAD '))) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', (error) => (received === '' ? reject(error) : resolve(received)));
  });
  return parseAnswer(text);
}

function isComplete(received: string, isHead: boolean): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(received.slice(0, end))?.[1];
  return isHead || /^HTTP\/1\.1 (?:204|304)/.test(received) || (length !== undefined && received.length >= end + 4 + Number(length));
}

function parseAnswer(text: string): RawAnswer {
  const [headText = '', ...rest] = text.split('\r\n\r\n');
  const [start = '', ...lines] = headText.split('\r\n');
  return {
    status: Number(start.split(' ')[1]),
    headers: lines.map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
    body: Buffer.from(rest.join('\r\n\r\n'), 'latin1').toString('utf8'),
    text,
  };
}
