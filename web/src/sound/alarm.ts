/** Alarm sounds, made in the browser: no file. Browsers are silent until a click, so sound is armed first. */

interface Tone {
  readonly hz: number;
  readonly atS: number;
  readonly forS: number;
}

/** Two rising pairs: something broke off. */
const INTERRUPTION: readonly Tone[] = [0, 0.5].flatMap((s) => [
  { hz: 740, atS: s, forS: 0.16 },
  { hz: 988, atS: s + 0.19, forS: 0.22 },
]);
/** Falling and low, unlike the other: the page itself is cut off. */
const LOST: readonly Tone[] = [
  { hz: 523, atS: 0, forS: 0.3 },
  { hz: 392, atS: 0.33, forS: 0.3 },
  { hz: 294, atS: 0.66, forS: 0.5 },
];
const ARMED: readonly Tone[] = [{ hz: 880, atS: 0, forS: 0.12 }];
const VOLUME = 0.22;
/** Several in one moment sound once. */
const APART_S = 1.2;

export type Sound = "interruption" | "lost" | "armed";
const SOUNDS: Record<Sound, readonly Tone[]> = { interruption: INTERRUPTION, lost: LOST, armed: ARMED };

export class Alarm {
  private context: AudioContext | null = null;
  private quietUntil = 0;

  /** `stopped`: the browser or the machine has taken the sound away. */
  constructor(private readonly stopped: () => void = () => undefined) {}

  /** Call it from a click. True when the browser lets us sound. */
  async arm(): Promise<boolean> {
    this.context ??= this.made();
    await this.context.resume();
    return this.context.state === "running";
  }

  private made(): AudioContext {
    const context = new AudioContext();
    context.addEventListener("statechange", () => {
      if (context.state !== "running") this.stopped();
    });
    return context;
  }

  async disarm(): Promise<void> {
    await this.context?.suspend();
  }

  play(sound: Sound): void {
    const context = this.context;
    if (context?.state !== "running" || context.currentTime < this.quietUntil) return;
    const begin = context.currentTime + 0.02;
    if (sound !== "armed") this.quietUntil = begin + APART_S; // what breaks off just then is heard
    for (const tone of SOUNDS[sound]) this.note(context, begin, tone);
  }

  private note(context: AudioContext, begin: number, tone: Tone): void {
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency: tone.hz });
    const gain = new GainNode(context, { gain: 0 });
    const start = begin + tone.atS;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(VOLUME, start + 0.015);
    gain.gain.setValueAtTime(VOLUME, start + tone.forS - 0.04);
    gain.gain.linearRampToValueAtTime(0, start + tone.forS);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + tone.forS + 0.02);
  }
}
