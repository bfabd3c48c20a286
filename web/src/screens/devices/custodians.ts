/** Names of those who keep devices, for the list and the forms. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { type CustodianDto, listCustodians } from "./api";

export const useCustodiansStore = defineStore("custodians", () => {
  const list = ref<CustodianDto[]>([]);
  const byUsername = computed(() => new Map(list.value.map((one) => [one.username, one])));
  const name = (username: string | undefined): string => (username === undefined || username === "" ? "" : (byUsername.value.get(username)?.name ?? username));

  async function load(): Promise<void> {
    list.value = await listCustodians();
  }

  return { list, name, load };
});
