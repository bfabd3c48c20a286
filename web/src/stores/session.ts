/** Who is signed in. The cookie is the hub's, and no script can read it. */
import { defineStore } from "pinia";
import { ref } from "vue";

import { signIn, signOut, whoAmI } from "@/api/hub";

export const useSessionStore = defineStore("session", () => {
  const username = ref("");

  async function enter(name: string, password: string): Promise<void> {
    username.value = (await signIn(name, password)).username;
  }

  /** Raises ApiError 401 when nobody is. */
  async function greet(): Promise<void> {
    username.value = (await whoAmI()).username;
  }

  async function leave(): Promise<void> {
    username.value = "";
    await signOut().catch(() => undefined); // the session may have ended already
  }

  return { username, enter, greet, leave };
});
