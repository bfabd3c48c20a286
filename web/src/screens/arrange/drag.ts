/** A stream that is dragged with the mouse: from the tree, or from one place of the wall to another. */

const STREAM = "application/x-recorder-hub-stream";
const PLACE = "application/x-recorder-hub-place";

export function take(event: DragEvent, stream: string, place: number | null): void {
  const data = event.dataTransfer;
  if (data === null) return;
  data.setData(STREAM, stream);
  if (place !== null) data.setData(PLACE, String(place));
  data.effectAllowed = "copyMove";
}

/** Before it is let go only the kinds of what is carried can be read, not their values. */
export const carries = (event: DragEvent): boolean => event.dataTransfer?.types.includes(STREAM) ?? false;

export const carried = (event: DragEvent): string | null => event.dataTransfer?.getData(STREAM) || null;

export function carriedPlace(event: DragEvent): number | null {
  const text = event.dataTransfer?.getData(PLACE) ?? "";
  return text === "" ? null : Number(text);
}
