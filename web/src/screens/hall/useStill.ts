/** The newest picture of a window, asked for while it is in sight: a picture every few seconds, not a stream. */
import { onBeforeUnmount, onMounted, type Ref, ref, watch } from "vue";

import { stillOf } from "./api";

const EVERY_MS = 8000;
const IDLE_MS = 60_000;

export function useStill(stream: () => string, delivers: () => boolean, root: Readonly<Ref<HTMLElement | null>>, saw: (black: boolean | null) => void) {
  const url = ref("");
  const atMs = ref<number | null>(null);
  const asked = ref(false);
  let inSight = false;
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    clearTimeout(timer);
    if (over || !inSight || document.hidden) return;
    try {
      const still = await stillOf(stream());
      if (over) return;
      if (still !== null && still.atMs !== atMs.value) show(still.data, still.atMs);
      saw(still?.black ?? null);
    } catch {
      // the next look may succeed; the frame says when the hub is lost
    }
    asked.value = true;
    timer = setTimeout(() => void look(), delivers() ? EVERY_MS : IDLE_MS);
  }

  function show(data: Blob, at: number): void {
    if (url.value !== "") URL.revokeObjectURL(url.value);
    url.value = URL.createObjectURL(data);
    atMs.value = at;
  }

  const observer = new IntersectionObserver((entries) => {
    inSight = entries.at(-1)?.isIntersecting ?? false;
    if (inSight) void look();
    else clearTimeout(timer);
  });
  const wake = (): void => void look();
  onMounted(() => {
    if (root.value !== null) observer.observe(root.value);
    document.addEventListener("visibilitychange", wake);
  });
  watch(delivers, wake);
  onBeforeUnmount(() => {
    over = true;
    clearTimeout(timer);
    observer.disconnect();
    document.removeEventListener("visibilitychange", wake);
    if (url.value !== "") URL.revokeObjectURL(url.value);
  });
  return { url, atMs, asked };
}
