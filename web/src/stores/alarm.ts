/** Whether sound is armed, and what sounds. Until it is, the page says so. */
import { defineStore } from "pinia";
import { ref } from "vue";

import { Alarm, type Sound } from "@/sound/alarm";

export const useAlarmStore = defineStore("alarm", () => {
  const armed = ref(false);
  const alarm = new Alarm(() => (armed.value = false)); // the page says so again

  async function arm(): Promise<void> {
    armed.value = await alarm.arm();
    if (armed.value) alarm.play("armed");
  }

  async function disarm(): Promise<void> {
    armed.value = false;
    await alarm.disarm();
  }

  function ring(sound: Sound): void {
    if (armed.value) alarm.play(sound);
  }

  return { armed, arm, disarm, ring };
});
