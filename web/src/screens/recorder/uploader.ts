/** Brings clips to the hub by tus, one at a time; where a reload or a cut stopped it, it goes on. */
import { type DetailedError, Upload } from "tus-js-client";

import { refusalIn, uploadId } from "@/domain/upload";

import type { Clip } from "./clips";
import type { DeviceHub } from "./hub";
import type { Shelf } from "./shelf";
import type { FootageDto } from "./types";

/** What a cut loses is at most this. */
const CHUNK_BYTES = 512 << 10;
const RETRY_MS = [500, 1000, 2000, 4000];
const LOOK_MS = 1000;
const LOOKS = 60;

export class Uploader {
  private busy = false;

  constructor(
    private readonly hub: DeviceHub,
    private readonly shelf: Shelf,
    private readonly changed: (clip: Clip) => void,
  ) {}

  /** The clips that are still to be sent, and those whose fate is not known yet. A failure ends the round; the next one goes on. */
  async bring(clips: readonly Clip[]): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (const clip of clips) {
        if (clip.state !== "here") await this.send(clip);
        await this.ask(clip);
      }
    } catch {
      // the link again; what was sent stays there
    } finally {
      this.busy = false;
    }
  }

  private async send(clip: Clip): Promise<void> {
    const file = await this.shelf.file(clip);
    if (file === null) return this.settle(clip, "refused", "the local file is gone");
    clip.state = "sending";
    this.changed(clip);
    try {
      await this.tus(clip, file);
      await this.settle(clip, "here", "");
    } catch (error) {
      const answer = (error as DetailedError).originalResponse ?? null;
      const status = answer?.getStatus() ?? 0;
      if (status === 409) return this.settle(clip, "here", ""); // all of it is there already
      if (status >= 400 && status < 500 && status !== 401 && status !== 429 && status !== 423) {
        return this.settle(clip, "refused", refusalIn(answer?.getBody() ?? "")?.message ?? `HTTP ${status}`);
      }
      await this.settle(clip, "kept", "");
      throw error;
    }
  }

  private tus(clip: Clip, file: Blob): Promise<void> {
    const told: Record<string, string> = { stream: clip.stream, filename: `${clip.id}.${clip.mime.includes("mp4") ? "mp4" : "webm"}`, from: new Date(clip.fromMs).toISOString() };
    if (clip.clock !== null) {
      told["clock_offset_ms"] = String(Math.round(clip.clock.offsetMs));
      // rounding both the begin and the offset to milliseconds is part of it
      told["clock_error_ms"] = String(Math.ceil(clip.clock.errorMs + clip.startErrorMs) + 1);
    }
    return new Promise((resolve, reject) => {
      const upload = new Upload(file, {
        endpoint: `${location.origin}/api/uploads`, uploadUrl: clip.upload, headers: this.hub.headers, metadata: told, chunkSize: CHUNK_BYTES, retryDelays: RETRY_MS,
        storeFingerprintForResuming: false,
        onUploadUrlAvailable: () => {
          clip.upload = upload.url;
          void this.shelf.note(clip);
        },
        onProgress: (sent) => {
          clip.sent = sent;
          this.changed(clip);
        },
        onSuccess: () => resolve(),
        onError: reject,
      });
      upload.start();
    });
  }

  /** What the hub made of it: only its word lets the local file go. */
  private async ask(clip: Clip): Promise<void> {
    if (clip.state !== "here" || clip.upload === null) return;
    for (let n = 0; n < LOOKS; n += 1) {
      const { body } = await this.hub.send<FootageDto>("GET", `/api/footage/${uploadId(clip.upload)}`, null, "");
      if (body.state === "recorded" || body.state === "duplicate") return this.settle(clip, "stored", "");
      if (body.state === "apart" || body.state === "failed") return this.settle(clip, "refused", body.message);
      if (body.state === "receiving") return this.settle(clip, "kept", "");
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  private async settle(clip: Clip, state: Clip["state"], problem: string): Promise<void> {
    clip.state = state;
    clip.problem = problem;
    if (state === "here" || state === "stored") clip.sent = clip.bytes;
    await this.shelf.note(clip);
    this.changed(clip);
  }
}
