/** A WebSocket that comes back: at once at first, then ever more slowly, with jitter, for ever. */

export interface SocketEvents {
  opened(): void;
  text(data: string): void;
  binary?(data: ArrayBuffer): void;
  closed(): void;
}

const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 5000;

/** 0.4 s, 0.8 s … 5 s, each ±25 % so that many pages do not come back in the same instant. */
export function backoffMs(attempt: number, random: number): number {
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(delay * (0.75 + random * 0.5));
}

export class ReconnectingSocket {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private wanted = false;

  constructor(
    private readonly path: () => string,
    private readonly events: SocketEvents,
  ) {}

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.attempt = 0;
    this.connect();
  }

  stop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Give up the present connection, which hangs or waits for its turn, and make a new one as if it were the first. */
  renew(): void {
    if (!this.wanted) return;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.attempt = 0;
    if (socket !== null) this.events.closed();
    this.retry();
  }

  /** False when there is no open connection; nothing is kept for later. */
  send(text: string): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(text);
    return true;
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  private connect(): void {
    const url = new URL(this.path(), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket === socket) this.events.opened();
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket !== socket) return;
      this.attempt = 0;
      if (typeof event.data === "string") this.events.text(event.data);
      else this.events.binary?.(event.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.closed();
      this.retry();
    };
  }

  private retry(): void {
    clearTimeout(this.timer);
    if (!this.wanted) return;
    this.timer = setTimeout(() => this.connect(), backoffMs(this.attempt, Math.random()));
    this.attempt += 1;
  }
}
