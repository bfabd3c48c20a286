/** One interruption in full, kept true: read again when the hub tells of it, and now and then. */
import { onBeforeUnmount, onMounted, ref, watch } from "vue";

import { type CaseDto, historyOf, readStatement, showCase, type StatementDto, type ToldDto } from "@/api/followup";
import { ApiError } from "@/api/http";
import { oneAtATime } from "@/domain/freshness";
import { useChangesStore } from "@/stores/changes";

/** The hub tells of every entry; an event may be lost with a connection. */
const LOOK_MS = 60_000;

export function useCase(id: () => string) {
  const found = ref<CaseDto | null>(null);
  const history = ref<ToldDto[]>([]);
  const failure = ref<ApiError | null>(null);
  const texts = new Map<string, string>();
  const changes = useChangesStore();

  const load = oneAtATime(async () => {
    const asked = id();
    try {
      const [next, told] = await Promise.all([showCase(asked), historyOf(asked)]);
      next.statements = await Promise.all(next.statements.map((one) => withText(asked, one)));
      if (asked !== id()) return;
      found.value = next;
      history.value = told;
      failure.value = null;
    } catch (error) {
      if (error instanceof ApiError) failure.value = error;
      else throw error;
    }
  });

  /** Its words never change: read once. */
  async function withText(interruption: string, one: StatementDto): Promise<StatementDto> {
    const known = texts.get(one.id);
    if (known !== undefined) return { ...one, text: known };
    try {
      const { text } = await readStatement(interruption, one.id);
      if (text !== null) texts.set(one.id, text);
      return { ...one, text };
    } catch {
      return one; // said where it is shown: without its words nobody signs
    }
  }

  let timer: ReturnType<typeof setInterval>;
  onMounted(() => {
    void load();
    timer = setInterval(() => {
      if (!document.hidden) void load();
    }, LOOK_MS);
  });
  onBeforeUnmount(() => clearInterval(timer));
  watch(id, () => {
    found.value = null;
    void load();
  });
  watch(() => changes.interruption, (change) => {
    if (change.id === id()) void load();
  });

  return { found, history, failure, load };
}
