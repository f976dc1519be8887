/** Answers where there is no response object: what Node's parser threw out, and upgrades that are refused. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** Writes a whole HTTP answer by hand and closes. @param body goes out as JSON */
export function endSocket(socket: Socket, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    () => socket.destroySoon(),
  );
}
