/** The requests that one sees, kept true by events and now and then by asking. */
import { computed, onBeforeUnmount, onMounted, ref, watch } from "vue";

import { type ExportDto, listExports } from "@/api/exports";
import { listLooks, type LookDto } from "@/api/looks";
import { useSay } from "@/composables/useSay";
import { oneAtATime } from "@/domain/freshness";
import { useChangesStore } from "@/stores/changes";
import { useSessionStore } from "@/stores/session";

const AGAIN_MS = 15_000;
const PAGE = 50;

export function useRequests() {
  const { say } = useSay();
  const session = useSessionStore();
  const changes = useChangesStore();
  const waiting = ref<LookDto[]>([]);
  const mine = ref<LookDto[]>([]);
  const past = ref<LookDto[]>([]);
  const after = ref<string | null>(null);
  const exports = ref<ExportDto[]>([]);
  const loaded = ref(false);
  const problem = ref("");

  const load = oneAtATime(async () => {
    try {
      const decides = session.may("looks.approve");
      const [pending, open, asked, first, packages] = await Promise.all([
        decides ? listLooks({ state: "pending", limit: 200 }) : [],
        listLooks({ state: "open", mine: true, limit: 200 }),
        listLooks({ state: "pending", mine: true, limit: 200 }),
        listLooks({ limit: PAGE }),
        session.may("exports.view") ? listExports() : [],
      ]);
      waiting.value = pending.filter((one) => one.by !== session.username);
      mine.value = [...asked, ...open];
      if (past.value.length <= PAGE) [past.value, after.value] = [first, first.length < PAGE ? null : (first.at(-1)?.id ?? null)];
      exports.value = packages;
      problem.value = "";
      loaded.value = true;
    } catch (error) {
      problem.value = say(error);
    }
  });

  async function more(): Promise<void> {
    if (after.value === null) return;
    try {
      const next = await listLooks({ limit: PAGE, after: after.value });
      past.value = [...past.value, ...next];
      after.value = next.length < PAGE ? null : (next.at(-1)?.id ?? null);
    } catch (error) {
      problem.value = say(error);
    }
  }

  const exportsWaiting = computed(() => (session.may("exports.approve") ? exports.value.filter((one) => one.state === "requested" && one.requested_by !== session.username) : []));
  /** What lives is above; this is what was decided or ended. */
  const history = computed(() => past.value.filter((one) => one.state === "refused" || one.state === "ended" || one.by !== session.username).filter((one) => one.state !== "pending"));
  const exportsPast = computed(() => exports.value.filter((one) => one.decided_at !== null));

  let timer: ReturnType<typeof setInterval>;
  watch(() => [changes.look, changes.exports], () => void load());
  onMounted(() => {
    void load();
    timer = setInterval(() => void load(), AGAIN_MS);
  });
  onBeforeUnmount(() => clearInterval(timer));

  return { waiting, mine, history, after, exportsWaiting, exportsPast, loaded, problem, load, more };
}
