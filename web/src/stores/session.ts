/** Who is signed in, and what they may do. The cookie is the hub's, and no script can read it. */
import { defineStore } from "pinia";
import { ref } from "vue";

import { type SessionDto, signIn, signOut, whoAmI } from "@/api/hub";
import { setZone } from "@/domain/time";

export const useSessionStore = defineStore("session", () => {
  const username = ref("");
  const name = ref("");
  const unit = ref("root");
  /** Of the whole hub: whom it asks for no reason. */
  const admin = ref(false);
  /** The password was given by somebody else: nothing is answered until it is one's own. */
  const mustChange = ref(false);
  /** Signed in by the organisation's own service (OIDC), not by a password of this hub. */
  const elsewhere = ref(false);
  const rights = ref<ReadonlySet<string>>(new Set());

  /** The hub decides, and refuses; this only spares people forms that it would refuse. */
  const may = (right: string): boolean => rights.value.has(right);

  async function enter(username: string, password: string): Promise<void> {
    know(await signIn(username, password));
  }

  /** Raises ApiError 401 when nobody is. */
  async function greet(): Promise<void> {
    know(await whoAmI());
  }

  function know(session: SessionDto): void {
    if (session.time_zone !== undefined) setZone(session.time_zone);
    username.value = session.username;
    name.value = session.name ?? session.username;
    admin.value = session.role === "admin";
    unit.value = session.unit === undefined || session.unit === "" ? "root" : session.unit;
    rights.value = new Set(session.rights ?? []);
    elsewhere.value = session.method === "oidc";
    mustChange.value = session.must_change_password === true;
  }

  async function leave(): Promise<void> {
    username.value = "";
    rights.value = new Set();
    await signOut().catch(() => undefined); // the session may have ended already
    // who came by the organisation's own sign-in leaves there too
    if (elsewhere.value) location.assign("/api/session/oidc/end");
  }

  return { username, name, unit, admin, rights, mustChange, elsewhere, may, enter, greet, leave };
});
