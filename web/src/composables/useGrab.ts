/** 截图: the picture as it is shown, as a PNG with its stream and time, known by its digest, entered at the hub. */
import { ref } from "vue";
import { useI18n } from "vue-i18n";

import { enterGrab } from "@/api/hub";
import type { StreamDto } from "@/api/types";
import { grabName, grabTime, hex } from "@/domain/grab";
import { useSessionStore } from "@/stores/session";

import { useSay } from "./useSay";
import { useWatermark } from "./useWatermark";

/** What is shown: a playing video, or the still picture that stands in for it. `atMs` is the hub time of it. */
export interface Shown {
  readonly source: HTMLVideoElement | HTMLCanvasElement;
  readonly atMs: number;
  /** Of the sub-stream, which nobody keeps. */
  readonly preview?: boolean;
  readonly kind: "live" | "last" | "replay";
}

export interface Grab {
  readonly name: string;
  readonly sha256: string;
}

export function useGrab(stream: () => StreamDto, shown: () => Shown | null) {
  const { t } = useI18n();
  const { say } = useSay();
  const session = useSessionStore();
  const { paintOver } = useWatermark();
  const taken = ref<Grab | null>(null);
  const problem = ref("");
  let busy = false;

  async function grab(): Promise<void> {
    const picture = shown();
    taken.value = null;
    problem.value = "";
    if (picture === null) problem.value = t("tile.grabNothing");
    if (picture === null || busy) return;
    busy = true;
    try {
      const png = await pngOf(draw(picture));
      const sha256 = hex(await crypto.subtle.digest("SHA-256", await png.arrayBuffer()));
      await enterGrab(stream().id, sha256, picture.atMs); // what cannot be entered is not handed out
      const name = grabName(stream().id, picture.atMs);
      save(png, name);
      taken.value = { name, sha256 };
    } catch (error) {
      problem.value = t("tile.grabFailed", { reason: say(error) });
    } finally {
      busy = false;
    }
  }

  /** The picture and, below it, what it is: nothing of the picture is covered but by the watermark. */
  function draw({ source, atMs, kind, preview }: Shown): HTMLCanvasElement {
    const width = source instanceof HTMLVideoElement ? source.videoWidth : source.width;
    const height = source instanceof HTMLVideoElement ? source.videoHeight : source.height;
    const line = Math.max(16, Math.round(width / 52));
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height + line * 3;
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    context.drawImage(source, 0, 0, width, height);
    paintOver(context, width, height);
    context.fillStyle = "#000";
    context.fillRect(0, height, width, line * 3);
    context.fillStyle = "#fff";
    context.font = `${line * 0.9}px ${getComputedStyle(document.body).fontFamily}`;
    const { id, name } = stream();
    const who = session.name === session.username ? session.username : `${session.name} (${session.username})`;
    context.fillText(`${name} (${id})  ${grabTime(atMs)}`, line / 2, height + line * 1.2, width - line);
    context.fillText(`${t(`tile.grabOf.${kind}`)}${preview === true ? ` · ${t("wall.preview")}` : ""}  ${who}  ${t("tile.grabNoEvidence")}`, line / 2, height + line * 2.5, width - line);
    return canvas;
  }

  function dismiss(): void {
    taken.value = null;
    problem.value = "";
  }

  return { grab, taken, problem, dismiss };
}

function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("no PNG")) : resolve(blob)), "image/png");
  });
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
