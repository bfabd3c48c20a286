/** Calls to the hub. One error type; a 401 anywhere leads back to the sign-in page. */

export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    readonly status: number,
    /** The hub's stable word for it; `unreachable` when there was no answer at all. */
    readonly code: string,
    message: string,
    /** Seconds to wait, where the hub says so (429). */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

let signedOut: () => void = () => undefined;

/** What to do when the session has ended. Set once, by the router. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

let mustChange: () => void = () => undefined;

/** What to do when the hub answers that a password was given by somebody else. Set once, by the router. */
export function onMustChange(listener: () => void): void {
  mustChange = listener;
}

/** For those who call the hub without `call()`. */
export const onAnswer401 = (): void => signedOut();

export interface CallOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  /** Sent as it is, with its own type. */
  file?: File;
  signal?: AbortSignal;
}

/** The JSON of the answer; undefined for 204. Raises ApiError. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const init: RequestInit = { method: options.method ?? "GET", headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  if (options.file !== undefined) {
    init.body = options.file;
    init.headers = { ...init.headers, "Content-Type": options.file.type };
  }
  if (options.signal !== undefined) init.signal = options.signal;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the hub does not answer");
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const error = await refusal(response);
  if (response.status === 401 && !(path === "/api/session" && init.method === "POST")) signedOut();
  if (error.status === 403 && error.code === "must_change_password") mustChange();
  throw error;
}

async function refusal(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get("Retry-After"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return new ApiError(response.status, error.code, error.message, retryAfter);
  } catch {
    return new ApiError(response.status, "error", response.statusText, retryAfter);
  }
}
