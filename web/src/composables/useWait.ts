/** Counts down the seconds that the hub asks to wait (Retry-After). */
import { onBeforeUnmount, type Ref, ref } from "vue";

export function useWait(): { left: Ref<number>; wait: (seconds: number) => void } {
  const left = ref<number>(0);
  let timer: ReturnType<typeof setInterval> | undefined;
  let until = 0;

  function tick(): void {
    left.value = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    if (left.value === 0) clearInterval(timer);
  }
  function wait(seconds: number): void {
    clearInterval(timer);
    until = performance.now() + seconds * 1000;
    timer = setInterval(tick, 250);
    tick();
  }
  onBeforeUnmount(() => clearInterval(timer));
  return { left, wait };
}
