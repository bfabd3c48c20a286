/** What the hub told just now, for screens that read one thing in full. */
import { defineStore } from "pinia";
import { shallowRef } from "vue";

export const useChangesStore = defineStore("changes", () => {
  /** The interruption that something was said or done about. A new object each time. */
  const interruption = shallowRef<{ readonly id: string }>({ id: "" });
  /** The look at recordings that was asked for, decided or ended. A new object each time. */
  const look = shallowRef<{ readonly id: string }>({ id: "" });
  /** The wall (电视墙) that shows something else now. A new object each time. */
  const wall = shallowRef<{ readonly id: string }>({ id: "" });
  /** The export that was asked for, decided or made. A new object each time. */
  const exports = shallowRef<{ readonly id: string }>({ id: "" });
  /** The enforcement activity of which something was said. A new object each time. */
  const activity = shallowRef<{ readonly id: string }>({ id: "" });
  /** What was written into the inspection ledger, or a check of the chain. A new object each time. */
  const inspection = shallowRef<{ readonly id: string }>({ id: "" });
  return { activity, interruption, look, wall, exports, inspection };
});
