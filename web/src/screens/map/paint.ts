/** What things look like on the map: a colour of the page's tokens, and always a sign or a word with it. */
import Fill from "ol/style/Fill";
import RegularShape from "ol/style/RegularShape";
import Circle from "ol/style/Circle";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";

import type { Tone } from "@/domain/states";

export interface Palette {
  tone: Record<Tone, string>;
  ink: string;
  ground: string;
  text: string;
  line: string;
  accent: string;
  font: string;
}

const TONES: readonly Tone[] = ["recorded", "backfilled", "interrupted", "explained", "suspected", "off", "waiting", "mark"];

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    tone: Object.fromEntries(TONES.map((name) => [name, token(name)])) as Record<Tone, string>,
    ink: token("on-state"), ground: token("surface"), text: token("text"), line: token("line-strong"), accent: token("accent"), font: style.fontFamily,
  };
}

export interface DotLook {
  tone: Tone;
  sign: string;
  name: string;
  /** Its position is old: hollow, and dashed. */
  old: boolean;
  sos: boolean;
  chosen: boolean;
  /** The second half of a blink. */
  dim: boolean;
}

export function dotStyles(look: DotLook, palette: Palette): Style[] {
  const tone = palette.tone[look.sos ? "interrupted" : look.tone];
  const label = (text: string, offsetY: number, size: number, ink: string, halo: string): Text =>
    new Text({ text, offsetY, font: `${size >= 13 ? 600 : 700} ${size}px ${palette.font}`, fill: new Fill({ color: ink }), stroke: new Stroke({ color: halo, width: 4 }) });
  const styles = [
    new Style({
      zIndex: look.sos ? 3 : look.chosen ? 2 : 1,
      image: new Circle({
        radius: look.chosen ? 13 : 11,
        fill: new Fill({ color: look.old ? palette.ground : tone }),
        stroke: new Stroke({ color: look.old ? tone : palette.ground, width: 2.5, ...(look.old ? { lineDash: [3, 3] } : {}) }),
      }),
      text: new Text({ text: look.sos ? "SOS" : look.sign, font: `800 ${look.sos ? 9 : 13}px ${palette.font}`, fill: new Fill({ color: look.old ? tone : palette.ink }), offsetY: 1 }),
    }),
    new Style({ zIndex: 1, text: label(look.name, 23, 13, palette.text, palette.ground) }),
  ];
  if (look.chosen) styles.unshift(new Style({ image: new Circle({ radius: 18, stroke: new Stroke({ color: palette.accent, width: 3 }) }) }));
  if (look.sos && !look.dim) styles.unshift(new Style({ image: new Circle({ radius: 22, stroke: new Stroke({ color: tone, width: 5 }) }) }));
  return styles;
}

export const brokeStyle = (text: string, palette: Palette): Style =>
  new Style({
    image: new RegularShape({ points: 4, radius: 10, radius2: 0, angle: Math.PI / 4, stroke: new Stroke({ color: palette.tone.interrupted, width: 4 }) }),
    text: new Text({ text, offsetY: -18, font: `600 12px ${palette.font}`, fill: new Fill({ color: palette.tone.interrupted }), stroke: new Stroke({ color: palette.ground, width: 4 }) }),
  });

export const lineStyle = (palette: Palette): Style[] => [
  new Style({ stroke: new Stroke({ color: palette.ground, width: 7 }) }),
  new Style({ stroke: new Stroke({ color: palette.accent, width: 4 }) }),
];

/** Where nobody knows the way: from the last position before a pause to the first after it. */
export const gapStyle = (palette: Palette): Style => new Style({ stroke: new Stroke({ color: palette.line, width: 2, lineDash: [4, 8] }) });

export const timeStyle = (text: string, palette: Palette): Style =>
  new Style({
    image: new Circle({ declutterMode: "none", radius: 4, fill: new Fill({ color: palette.ground }), stroke: new Stroke({ color: palette.accent, width: 2 }) }),
    text: new Text({ text, offsetX: 8, textAlign: "left", font: `600 12px ${palette.font}`, fill: new Fill({ color: palette.text }), stroke: new Stroke({ color: palette.ground, width: 4 }) }),
  });

export const cursorStyle = (text: string, palette: Palette): Style =>
  new Style({
    zIndex: 9,
    image: new Circle({ declutterMode: "none", radius: 9, fill: new Fill({ color: palette.tone.mark }), stroke: new Stroke({ color: palette.ground, width: 3 }) }),
    text: new Text({ declutterMode: "none", text, offsetY: -20, font: `700 13px ${palette.font}`, fill: new Fill({ color: palette.tone.mark }), stroke: new Stroke({ color: palette.ground, width: 4 }) }),
  });
