/** Camera and microphone, and what stops them: a locked screen, a call, another app. */

export type Quality = "720" | "480" | "360";
const SIZES: Record<Quality, { width: number; height: number; bitsPerS: number }> = {
  "720": { width: 1280, height: 720, bitsPerS: 2_000_000 },
  "480": { width: 854, height: 480, bitsPerS: 1_000_000 },
  "360": { width: 640, height: 360, bitsPerS: 600_000 },
};

export const bitsPerS = (quality: Quality): number => SIZES[quality].bitsPerS;

/** Sound as it is: an echo canceller would take the spoken notice out, a noise suppressor what somebody says far away. */
export async function openCamera(quality: Quality, facing: "environment" | "user"): Promise<MediaStream> {
  const { width, height } = SIZES[quality];
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: true },
    video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 25, max: 30 }, facingMode: { ideal: facing } },
  });
}

export type Stopped = "hidden" | "muted_video" | "muted_audio" | "ended" | "frozen";

/** Tells when capture may have stopped, and when it goes on. Returns how to stop watching. */
export function watchCapture(media: MediaStream, told: (what: Stopped, on: boolean) => void): () => void {
  const visibility = (): void => told("hidden", document.visibilityState === "visible");
  const frozen = (): void => told("frozen", false);
  const resumed = (): void => told("frozen", true);
  document.addEventListener("visibilitychange", visibility);
  document.addEventListener("freeze", frozen);
  document.addEventListener("resume", resumed);
  for (const track of media.getTracks()) {
    const muted = track.kind === "video" ? "muted_video" : "muted_audio";
    track.onmute = () => told(muted, false);
    track.onunmute = () => told(muted, true);
    track.onended = () => told("ended", false);
  }
  return () => {
    document.removeEventListener("visibilitychange", visibility);
    document.removeEventListener("freeze", frozen);
    document.removeEventListener("resume", resumed);
    for (const track of media.getTracks()) track.onmute = track.onunmute = track.onended = null;
  };
}

/** Keeps the screen on while it is held: a locked screen ends capture. The system takes it away with each hiding. */
export class Awake {
  private sentinel: WakeLockSentinel | null = null;
  private wanted = false;

  constructor(private readonly told: (held: boolean) => void) {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.wanted) void this.hold();
    });
  }

  static get possible(): boolean {
    return "wakeLock" in navigator;
  }

  async hold(): Promise<void> {
    this.wanted = true;
    if (!Awake.possible || (this.sentinel !== null && !this.sentinel.released)) return;
    try {
      this.sentinel = await navigator.wakeLock.request("screen");
      this.sentinel.onrelease = () => this.told(false);
      this.told(true);
    } catch {
      this.told(false); // battery saver, or the page is hidden at this moment
    }
  }

  async release(): Promise<void> {
    this.wanted = false;
    await this.sentinel?.release();
  }
}
