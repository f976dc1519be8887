import { bindWebSocket } from '../bind/websocket.ts';

export const handler = bindWebSocket();
