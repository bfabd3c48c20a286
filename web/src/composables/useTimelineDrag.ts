/** Wheel zooms, drag moves, a click that moved nothing is a click. */
import { onBeforeUnmount, onMounted, type Ref, ref } from "vue";

import { useTimelineStore } from "@/stores/timeline";
import { span, timeAt, type View } from "@/timeline/scale";

const CLICK_PX = 4;
const ZOOM_PER_PX = 0.0016;

/** A line that is moved and zoomed: the wall's, or playback's own. */
export interface Line {
  readonly view: View;
  readonly atNow: boolean;
  zoomBy: (factor: number, anchor?: number) => void;
  moveBy: (ms: number) => void;
}

export function useTimelineDrag(
  area: Readonly<Ref<HTMLElement | null>>, width: Readonly<Ref<number>>, clicked: (x: number, y: number) => void, store: Line = useTimelineStore(),
) {
  const hover = ref<{ x: number; y: number } | null>(null);
  let from: { x: number; last: number; moved: boolean } | null = null;

  const local = (event: MouseEvent): { x: number; y: number } => {
    const box = (area.value as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const perPixel = (): number => span(store.view) / Math.max(1, width.value);

  function wheel(event: WheelEvent): void {
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      store.moveBy((event.deltaX || event.deltaY) * perPixel());
      return;
    }
    event.preventDefault();
    const anchor = store.atNow ? undefined : timeAt(store.view, width.value, local(event).x);
    store.zoomBy(Math.exp(event.deltaY * ZOOM_PER_PX), anchor);
  }

  function down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const { x } = local(event);
    from = { x, last: x, moved: false };
    area.value?.setPointerCapture(event.pointerId);
  }

  function move(event: PointerEvent): void {
    const at = local(event);
    hover.value = at;
    if (from === null) return;
    if (Math.abs(at.x - from.x) > CLICK_PX) from.moved = true;
    if (!from.moved) return;
    store.moveBy((from.last - at.x) * perPixel());
    from.last = at.x;
  }

  function up(event: PointerEvent): void {
    if (from !== null && !from.moved) clicked(local(event).x, local(event).y);
    from = null;
  }

  const leave = (): void => void (hover.value = null);
  const cancel = (): void => void (from = null);

  onMounted(() => {
    const element = area.value;
    element?.addEventListener("wheel", wheel, { passive: false });
    element?.addEventListener("pointerdown", down);
    element?.addEventListener("pointermove", move);
    element?.addEventListener("pointerup", up);
    element?.addEventListener("pointercancel", cancel);
    element?.addEventListener("pointerleave", leave);
  });
  onBeforeUnmount(() => {
    hover.value = null;
  });
  return { hover };
}
