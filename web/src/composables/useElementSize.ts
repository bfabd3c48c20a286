/** Width and height of an element in CSS pixels, and the screen's pixel ratio, as they change. */
import { onBeforeUnmount, onMounted, type Ref, ref } from "vue";

export function useElementSize(element: Readonly<Ref<HTMLElement | null>>) {
  const width = ref(0);
  const height = ref(0);
  const ratio = ref(window.devicePixelRatio);
  const observer = new ResizeObserver((entries) => {
    const box = entries.at(-1)?.contentRect;
    if (box === undefined) return;
    width.value = box.width;
    height.value = box.height;
    ratio.value = window.devicePixelRatio;
  });
  onMounted(() => {
    if (element.value !== null) observer.observe(element.value);
  });
  onBeforeUnmount(() => observer.disconnect());
  return { width, height, ratio };
}
