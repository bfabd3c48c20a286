/** This phone's calls: with its device token in the header, nowhere else, and never with anybody's cookie. */
import { ApiError } from "@/api/http";

import type { Pairing } from "./pairing";

export interface Answer<T> {
  readonly body: T;
  readonly headers: Headers;
}

const PATIENCE_MS = 8000;

export class DeviceHub {
  constructor(private readonly pairing: Pairing) {}

  get stream(): string {
    return this.pairing.stream;
  }

  get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.pairing.token}` };
  }

  /** Below /api/streams/{id}. Raises ApiError. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await this.send<T>(method, `/api/streams/${this.stream}/${path}`, body === undefined ? null : JSON.stringify(body), "application/json")).body;
  }

  /** Any address of the hub. Raises ApiError; `unreachable` also for an answer that does not come. */
  async send<T>(method: string, path: string, body: string | null, type: string): Promise<Answer<T>> {
    const headers: Record<string, string> = { ...this.headers, Accept: "application/json, application/sdp" };
    if (body !== null) headers["Content-Type"] = type;
    let response: Response;
    let text: string;
    try {
      response = await fetch(path, { method, headers, body, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      text = await response.text();
    } catch {
      throw new ApiError(0, "unreachable", "the hub does not answer");
    }
    const json = (response.headers.get("Content-Type") ?? "").startsWith("application/json");
    if (response.ok) return { body: (json ? JSON.parse(text) : text) as T, headers: response.headers };
    throw refusal(response.status, text);
  }
}

function refusal(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(status, error.code, error.message);
  } catch {
    return new ApiError(status, "error", text.slice(0, 200));
  }
}

/** Trying again later may help: no answer, a busy hub, or one that cannot at the moment. */
export const passing = (error: unknown): boolean => error instanceof ApiError && (error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500);
