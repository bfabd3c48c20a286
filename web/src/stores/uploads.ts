/** Footage on its way to the hub. It goes on while one looks at other pages; after a reload, once the file is chosen again. */
import { defineStore } from "pinia";
import { reactive } from "vue";

import { footage, type FootageDto } from "@/api/followup";
import { ApiError, onAnswer401 } from "@/api/http";
import { refusalIn, type Remembered, type Unfinished, unfinishedOf, uploadId } from "@/domain/upload";

import type { DetailedError, Upload } from "tus-js-client";

export interface Sending {
  readonly name: string;
  readonly size: number;
  sent: number;
  state: "sending" | "paused" | "failed" | "sent";
  problem: ApiError | null;
  /** What became of it, once all of it is there. */
  became: FootageDto | null;
}

/** A piece at a time: what a link loses is at most this, and proxies that hold back whole bodies show progress all the same. */
const CHUNK_BYTES = 4 << 20;
const RETRY_MS = [500, 1000, 3000, 5000, 10_000, 20_000, 30_000];
const LOOK_MS = 1500;

export const useUploadsStore = defineStore("uploads", () => {
  /** By interruption. */
  const sending = reactive(new Map<string, Sending>());
  const uploads = new Map<string, Upload>();

  /** Goes on where an earlier upload of the same file for the same interruption stopped. `fromMs`: by the device's clock. */
  async function start(interruption: string, stream: string, file: File, fromMs: number | null): Promise<void> {
    const tus = await import("tus-js-client");
    sending.set(interruption, { name: file.name, size: file.size, sent: 0, state: "sending", problem: null, became: null });
    const metadata: Record<string, string> = { stream, interruption, filename: file.name };
    if (fromMs !== null) metadata["from"] = new Date(fromMs).toISOString();
    const upload = new tus.Upload(file, {
      endpoint: `${location.origin}/api/uploads`, metadata, chunkSize: CHUNK_BYTES, retryDelays: RETRY_MS, removeFingerprintOnSuccess: true,
      onProgress: (sent) => change(interruption, { sent }),
      onSuccess: () => void arrived(interruption, upload.url ?? ""),
      onError: (error) => failed(interruption, error),
    });
    uploads.set(interruption, upload);
    const before = (await upload.findPreviousUploads()).find((one) => one.metadata["interruption"] === interruption);
    if (before !== undefined) upload.resumeFromPreviousUpload(before);
    upload.start();
  }

  function change(interruption: string, changes: Partial<Sending>): void {
    const one = sending.get(interruption);
    if (one !== undefined) Object.assign(one, changes);
  }

  async function pause(interruption: string): Promise<void> {
    await uploads.get(interruption)?.abort();
    change(interruption, { state: "paused" });
  }

  function resume(interruption: string): void {
    change(interruption, { state: "sending", problem: null });
    uploads.get(interruption)?.start();
  }

  function failed(interruption: string, error: Error | DetailedError): void {
    const answer = "originalResponse" in error ? error.originalResponse : null;
    const status = answer?.getStatus() ?? 0;
    const refusal = refusalIn(answer?.getBody() ?? "");
    const problem = status === 0 ? new ApiError(0, "unreachable", error.message) : new ApiError(status, refusal?.code ?? "error", refusal?.message ?? error.message);
    change(interruption, { state: "failed", problem });
    if (status === 401) onAnswer401();
  }

  async function arrived(interruption: string, url: string): Promise<void> {
    const size = sending.get(interruption)?.size ?? 0;
    change(interruption, { state: "sent", sent: size });
    for (let failures = 0; failures < 20; ) {
      try {
        const became = await footage(uploadId(url));
        change(interruption, { became });
        if (became.state !== "received" && became.state !== "receiving" && became.state !== "waiting") return;
      } catch {
        failures += 1;
      }
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  /** Those of earlier visits. */
  async function unfinished(interruption: string): Promise<Unfinished[]> {
    const { defaultOptions } = await import("tus-js-client");
    const all = (await defaultOptions.urlStorage.findAllUploads()) as unknown as Remembered[];
    return unfinishedOf(all, interruption);
  }

  /** How much of it is here; null when the hub no longer has it. */
  async function here(one: Unfinished): Promise<number | null> {
    const answer = await fetch(one.url, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });
    return answer.ok ? Number(answer.headers.get("Upload-Offset")) : null;
  }

  /** Given up: the hub forgets it too. */
  async function giveUp(one: Unfinished): Promise<void> {
    const { defaultOptions, Upload } = await import("tus-js-client");
    await Upload.terminate(one.url).catch(() => undefined); // it may have expired there
    await defaultOptions.urlStorage.removeUpload(one.key);
  }

  return { sending, start, pause, resume, unfinished, here, giveUp };
});
