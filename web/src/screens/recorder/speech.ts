/** Speaks the notice in Chinese, where the phone has a voice for that. */

const VOICES_MS = 800;

function chinese(): SpeechSynthesisVoice | null {
  const voices = speechSynthesis.getVoices();
  return voices.find((one) => one.lang === "zh-CN") ?? voices.find((one) => /^(zh|cmn)/i.test(one.lang)) ?? null;
}

/** Browsers load their voices late. */
async function voice(): Promise<SpeechSynthesisVoice | null> {
  if (!("speechSynthesis" in window)) return null;
  const found = chinese();
  if (found !== null) return found;
  await new Promise((done) => {
    speechSynthesis.addEventListener("voiceschanged", done, { once: true });
    setTimeout(done, VOICES_MS);
  });
  return chinese();
}

export const canSpeak = async (): Promise<boolean> => (await voice()) !== null;

/** True when it was said to its end; false without a voice, or when something cut it short. */
export async function speak(text: string): Promise<boolean> {
  const one = await voice();
  if (one === null) return false;
  speechSynthesis.cancel();
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.voice = one;
  utterance.lang = one.lang;
  utterance.rate = 0.95;
  return new Promise((resolve) => {
    utterance.onend = () => resolve(true);
    utterance.onerror = () => resolve(false);
    speechSynthesis.speak(utterance);
  });
}
