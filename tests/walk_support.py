"""For the walk over every screen: what axe finds there, what the keyboard reaches, and what does not fit in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_MOST_STOPS = 400

# Adopted sheets are no inline styles: the page's policy lets them be. Colours are measured when they are at rest.
_STILL_JS = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync('*, *::before, *::after { transition: none !important; animation: none !important; }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
}"""
# What is open over a page alone, and of the office pages the frame that they share but once: axe takes its time.
_AXE_JS = """(colours) => {
  const open = [...document.querySelectorAll('dialog:modal, [role=dialog][aria-modal=true], .el-popper')]
    .filter((one) => one.checkVisibility({ checkVisibilityCSS: true }))
    .at(-1);
  const frame = document.querySelector('main')?.closest('.desk') ?? null;
  const where = open ?? (frame !== null && window.judged === frame ? document.querySelector('main') : document);
  window.judged = frame;
  return axe.run(where, {
    resultTypes: ['violations'],
    rules: { 'label-content-name-mismatch': { enabled: true }, 'color-contrast': { enabled: colours } },
  });
}"""
_WORDS_JS = """() => {
  // a key without its word is shown as itself: screen.part.name
  const missing = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const known = /^[a-z][A-Za-z]*(\\.[a-z][A-Za-z0-9_]*)+$/;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim();
    if (known.test(text) && !node.parentElement.closest('code, td, dd')) missing.add(text);
  }
  return [...missing];
}"""
_WIDE_JS = """() => [document.documentElement, ...document.querySelectorAll('main')]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.tagName.toLowerCase()} ${one.scrollWidth} > ${one.clientWidth}`)"""
_STOPS_JS = """() => {
  const kinds = 'a[href], button, input, select, textarea, summary, audio[controls], video[controls], [tabindex]';
  const seen = (one) => one.checkVisibility({ checkVisibilityCSS: true }) && one.getClientRects().length > 0;
  const modal = [...document.querySelectorAll('dialog:modal, [role=dialog][aria-modal=true]')].filter(seen).at(-1);
  const groups = new Set();
  const stops = [...(modal ?? document).querySelectorAll(kinds)].filter((one) => {
    if (one.tabIndex < 0 || one.matches(':disabled') || one.closest('[inert]') || !seen(one)) return false;
    if (one.type !== 'radio' || one.name === '') return true;
    // of a group of radio buttons one is a stop
    if (groups.has(one.name)) return false;
    groups.add(one.name);
    return true;
  });
  const near = (one) => [one, one.parentElement, one.parentElement?.parentElement, one.nextElementSibling,
    one.closest('.el-select__wrapper')];
  const look = (one) => near(one)
    .filter((near) => near)
    .map((near) => {
      const { outline, boxShadow, borderColor, backgroundColor, textDecorationLine, opacity } = getComputedStyle(near);
      return [outline, boxShadow, borderColor, backgroundColor, textDecorationLine, opacity].join();
    })
    .join(';');
  document.activeElement?.blur();
  const before = new Map(stops.map((one) => [one, look(one)]));
  const group = (one) => (one.type === 'radio' && one.name !== '' ? one.name : one);
  const walked = { stops, reached: new Set(), unseen: new Set(), again: 0 };
  window.walked?.abort.abort();
  window.walked = { ...walked, abort: new AbortController() };
  if (modal !== undefined && stops.length > 0) {
    // the keyboard was in it before its looks were noted down
    stops[0].focus();
    walked.reached.add(stops[0]);
  }
  document.addEventListener('focusin', ({ target }) => {
    const known = stops.find((one) => one === target || group(one) === group(target));
    if (known === undefined) return;
    window.walked.again = window.walked.reached.has(known) ? window.walked.again + 1 : 0;
    window.walked.reached.add(known);
    // a component marks it a moment later
    const judge = () => {
      if (document.activeElement === target && look(target) === before.get(target)) window.walked.unseen.add(target);
    };
    // the browser's own date fields mark the part that has the keyboard, inside
    if (known === target && !['radio', 'date', 'datetime-local'].includes(target.type)) setTimeout(judge, 0);
  }, { signal: window.walked.abort.signal });
  return stops.length;
}"""
_LEFT_JS = """() => {
  const { stops, reached, unseen, again } = window.walked;
  const told = (one) => one.outerHTML.slice(0, 140);
  const left = stops.filter((one) => one.isConnected && !reached.has(one) && one.checkVisibility());
  return { left: left.map(told), again, unseen: [...unseen].filter((one) => one.isConnected).map(told) };
}"""


async def hold_still(page: Page) -> None:
    """Once for each document: nothing moves, and axe is there."""
    await page.evaluate(_STILL_JS)
    await page.evaluate(f"() => {{ {AXE.read_text(encoding='utf-8')} }}")


async def faults_of(page: Page, *, colours: bool = True) -> list[str]:
    """What axe calls serious or critical, words that are missing, and what is wider than its place."""
    found = await page.evaluate(_AXE_JS, colours)
    grave = [
        f"{one['id']}: {_node(node)}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    missing = [f"no word for {key}" for key in await page.evaluate(_WORDS_JS)]
    wide = [f"too wide: {one}" for one in await page.evaluate(_WIDE_JS)]
    return [*grave, *missing, *wide]


def _node(node: dict[str, Any]) -> str:
    why = next((check["message"] for kind in ("any", "all", "none") for check in node[kind]), "")
    return f"{' '.join(str(one) for one in node['target'])} {node['html'][:160]} {why[:200]}"


async def keyboard_faults_of(page: Page) -> list[str]:
    """What Tab does not reach, where it does not come out again, and where nothing shows that one has arrived."""
    count = await page.evaluate(_STOPS_JS)
    told: dict[str, Any] = {}
    for pressed in range(1, min(_MOST_STOPS, count * 2) + 1):
        await page.keyboard.press("Tab")
        if pressed < count or pressed % 5:
            continue
        told = await page.evaluate(_LEFT_JS)
        if not told["left"] or told["again"] > count:
            break
    told = await page.evaluate(_LEFT_JS)
    not_reached = [f"not reached by Tab: {one}" for one in told["left"]]
    return not_reached + [f"focus is not seen: {one}" for one in told["unseen"]]
