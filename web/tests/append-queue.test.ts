import { describe, expect, it } from "vitest";

import { AppendQueue, type Buffer, MAX_QUEUED_BYTES } from "@/live/append-queue";

/** A SourceBuffer that updates only when it is told to, and refuses what the browser would refuse. */
class FakeBuffer implements Buffer {
  updating = false;
  log: string[] = [];
  range: [number, number] | null = [0, 30];
  refuse: string[] = [];
  private listeners = new Map<string, () => void>();

  get buffered(): TimeRanges {
    const range = this.range;
    return { length: range === null ? 0 : 1, start: () => range?.[0] ?? 0, end: () => range?.[1] ?? 0 };
  }
  appendBuffer(data: Uint8Array<ArrayBuffer>): void {
    if (this.updating) throw new Error("InvalidStateError: appended while updating");
    const refusal = this.refuse.shift();
    if (refusal !== undefined) throw Object.assign(new Error(refusal), { name: refusal });
    this.updating = true;
    this.log.push(`append ${data[0]}`);
  }
  remove(start: number, end: number): void {
    if (this.updating) throw new Error("InvalidStateError: removed while updating");
    this.updating = true;
    this.log.push(`remove ${start}-${end}`);
  }
  addEventListener(type: string, listener: () => void): void {
    this.listeners.set(type, listener);
  }
  removeEventListener(type: string): void {
    this.listeners.delete(type);
  }
  done(): void {
    this.updating = false;
    this.listeners.get("updateend")?.();
  }
  error(): void {
    this.listeners.get("error")?.();
  }
}

function queue(currentTime = 20) {
  const buffer = new FakeBuffer();
  const told: string[] = [];
  const subject = new AppendQueue(buffer, () => currentTime, {
    appended: () => told.push("appended"),
    dropped: (n) => told.push(`dropped ${n}`),
    failed: (reason) => told.push(`failed ${reason}`),
  });
  return { buffer, told, subject };
}

const piece = (n: number, size = 1): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(n);

describe("the queue before a SourceBuffer", () => {
  it("appends one at a time, in order", () => {
    const { buffer, subject } = queue();
    subject.init(piece(0));
    subject.fragment(piece(1), true);
    subject.fragment(piece(2), false);
    expect(buffer.log).toEqual(["append 0"]);
    buffer.done();
    buffer.done();
    buffer.done();
    expect(buffer.log).toEqual(["append 0", "append 1", "append 2"]);
  });

  it("begins at a keyframe", () => {
    const { buffer, subject } = queue();
    subject.init(piece(0));
    buffer.done();
    subject.fragment(piece(1), false);
    subject.fragment(piece(2), true);
    expect(buffer.log).toEqual(["append 0", "append 2"]);
  });

  it("waits for the next keyframe after the hub has dropped something", () => {
    const { buffer, subject } = queue();
    subject.init(piece(0));
    subject.fragment(piece(1), true);
    subject.skipToKey();
    subject.fragment(piece(2), false);
    subject.fragment(piece(3), true);
    for (let i = 0; i < 4; i++) buffer.done();
    expect(buffer.log).toEqual(["append 0", "append 1", "append 3"]);
  });

  it("makes room once when the quota is used up, then appends the same piece", () => {
    const { buffer, told, subject } = queue(20);
    buffer.refuse = ["QuotaExceededError"];
    subject.fragment(piece(1), true);
    expect(buffer.log).toEqual(["remove 0-18"]);
    buffer.done();
    expect(buffer.log).toEqual(["remove 0-18", "append 1"]);
    expect(told.some((t) => t.startsWith("failed"))).toBe(false);
  });

  it("gives up when making room did not help", () => {
    const { buffer, told, subject } = queue(20);
    buffer.refuse = ["QuotaExceededError", "QuotaExceededError"];
    subject.fragment(piece(1), true);
    buffer.done();
    expect(told.at(-1)).toBe("failed QuotaExceededError");
  });

  it("gives up when there is nothing to remove", () => {
    const { buffer, told, subject } = queue(1);
    buffer.refuse = ["QuotaExceededError"];
    subject.fragment(piece(1), true);
    expect(told).toEqual(["failed QuotaExceededError"]);
  });

  it("is bounded: drops to the next keyframe, but never an init", () => {
    const { buffer, told, subject } = queue();
    subject.fragment(piece(9), true); // occupies the buffer
    subject.init(piece(0));
    subject.fragment(piece(1, MAX_QUEUED_BYTES - 10), true);
    subject.fragment(piece(2, 100), false);
    expect(told).toContain("dropped 2");
    subject.fragment(piece(3), false);
    subject.fragment(piece(4), true);
    for (let i = 0; i < 4; i++) buffer.done();
    expect(buffer.log).toEqual(["append 9", "append 0", "append 4"]);
  });

  it("tells a decode error once and is silent after", () => {
    const { buffer, told, subject } = queue();
    subject.fragment(piece(1), true);
    buffer.error();
    buffer.error();
    subject.fragment(piece(2), true);
    buffer.done();
    expect(told).toEqual(["failed decode"]);
    expect(buffer.log).toEqual(["append 1"]);
  });
});
