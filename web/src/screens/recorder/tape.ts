/** Records locally while it streams: clips that begin before the last one ends, so that no picture falls between two. */
import { type HubClock, localNow } from "./clock";
import { newId } from "./memory";

import type { Clip } from "./clips";
import type { Shelf } from "./shelf";

export const PIECE_MS = 2000;
export const CLIP_MS = 30_000;
const OVERLAP_MS = 400;
/** Between what the camera saw and the first picture in the file: told by no browser. See recorder.md for what was measured. */
const CAPTURE_ERROR_MS = 100;
/** H.264 first: what the wall plays and every tool reads. */
const TYPES = [
  'video/mp4;codecs="avc1.42E01F,opus"', 'video/mp4;codecs="avc1.42E01F,mp4a.40.2"', "video/mp4;codecs=avc1,opus", "video/webm;codecs=h264,opus",
  "video/mp4", "video/webm;codecs=vp9,opus", "video/webm",
];

export const tapeType = (): string | null => (typeof MediaRecorder === "undefined" ? null : (TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null));

/** After a refusal (no room): a new clip is tried, so that the one before ends whole. */
const AGAIN_MS = 5000;

export interface TapeHeard {
  /** It records: at the start; after a failure once a piece is kept. */
  began(): void;
  /** The storage refused, or the recorder broke. */
  failed(error: unknown): void;
}

interface Running {
  readonly clip: Clip;
  readonly recorder: MediaRecorder;
  readonly ended: Promise<void>;
}

export class Tape {
  private running: Running | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turning = false;
  private wanted = false;
  private broken = false;

  constructor(
    private readonly media: MediaStream,
    private readonly stream: string,
    private readonly shelf: Shelf,
    private readonly clock: HubClock,
    private readonly bitsPerS: number,
    private readonly heard: TapeHeard,
  ) {}

  get recording(): boolean {
    return this.running !== null;
  }

  async start(): Promise<void> {
    this.wanted = true;
    try {
      const first = await this.begin();
      if (!this.wanted) return await this.end(first);
      this.running = first;
      this.timer = setTimeout(() => void this.turn(), CLIP_MS);
      if (!this.broken) this.heard.began();
    } catch (error) {
      this.broke(error);
    }
  }

  private broke(error: unknown): void {
    this.broken = true;
    this.heard.failed(error);
    clearTimeout(this.timer);
    if (this.wanted) this.timer = setTimeout(() => void this.start(), AGAIN_MS);
  }

  /** Ends the clip at hand, after the next one has begun. */
  async turn(): Promise<void> {
    const old = this.running;
    if (old === null || this.turning) return;
    this.turning = true;
    clearTimeout(this.timer);
    try {
      const next = await this.begin();
      if (this.running === old) {
        this.running = next;
        await new Promise((done) => setTimeout(done, OVERLAP_MS));
        await this.end(old);
      } else {
        await this.end(next); // stopped meanwhile
      }
    } catch (error) {
      this.heard.failed(error);
    } finally {
      this.turning = false;
      if (this.running !== null) this.timer = setTimeout(() => void this.turn(), CLIP_MS);
    }
  }

  async stop(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.timer);
    const old = this.running;
    this.running = null;
    if (old !== null) await this.end(old);
  }

  private async end(one: Running): Promise<void> {
    if (one.recorder.state !== "inactive") one.recorder.stop();
    await one.ended;
  }

  private async begin(): Promise<Running> {
    const mimeType = tapeType();
    if (mimeType === null) throw new Error("this browser records nothing by itself");
    const options = { mimeType, videoBitsPerSecond: this.bitsPerS, audioBitsPerSecond: 64_000, videoKeyFrameIntervalDuration: PIECE_MS };
    const recorder = new MediaRecorder(this.media, options);
    const started = new Promise<number>((resolve, reject) => {
      recorder.onstart = () => resolve(localNow());
      recorder.onerror = () => reject(new Error("the recorder did not start"));
    });
    const calledMs = localNow();
    const waiting: Blob[] = [];
    recorder.ondataavailable = ({ data }) => waiting.push(data);
    recorder.start(PIECE_MS);
    const startedMs = await started;
    // the first picture came somewhere between the call and the word that it runs
    const clip: Clip = {
      id: newId(), stream: this.stream, mime: recorder.mimeType || mimeType, fromMs: (calledMs + startedMs) / 2, startErrorMs: (startedMs - calledMs) / 2 + CAPTURE_ERROR_MS,
      lengthMs: 0, bytes: 0, pieces: 0, clock: null, state: "recording", upload: null, sent: 0, problem: "", confirmed: false,
    };
    this.stamp(clip);
    this.shelf.add(clip);
    let written: Promise<void> = Promise.resolve();
    let torn = false;
    const tear = (error: unknown): void => {
      if (torn) return;
      torn = true; // what follows the lost piece is no part of this file
      if (recorder.state !== "inactive") recorder.stop();
      if (this.running?.clip !== clip) return this.heard.failed(error);
      this.running = null;
      this.broke(error);
    };
    const take = (data: Blob): void => {
      if (data.size === 0 || torn) return;
      this.stamp(clip);
      const lengthMs = localNow() - clip.fromMs;
      written = written.then(() => (torn ? undefined : this.shelf.append(clip, data, lengthMs).then(() => this.kept()))).catch(tear);
    };
    recorder.ondataavailable = ({ data }) => take(data);
    waiting.forEach(take);
    const ended = new Promise<void>((resolve) => {
      recorder.onstop = () => {
        void written.then(async () => {
          clip.state = "kept";
          if (this.running?.clip === clip) this.running = null; // its tracks ended
          await (clip.pieces > 0 ? this.shelf.note(clip) : this.shelf.remove(clip));
          resolve();
        });
      };
    });
    recorder.onerror = (event) => tear((event as ErrorEvent).error ?? event);
    return { clip, recorder, ended };
  }

  private kept(): void {
    if (!this.broken) return;
    this.broken = false;
    this.heard.began();
  }

  /** By what is known best of the clock at its begin. */
  private stamp(clip: Clip): void {
    const reading = this.clock.reading(clip.fromMs);
    if (reading !== null && (clip.clock === null || reading.errorMs < clip.clock.errorMs)) clip.clock = reading;
  }
}
