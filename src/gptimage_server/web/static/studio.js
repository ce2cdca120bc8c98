// Small things that a page without script does without. Behaviours are switched on by data attributes:
//   [data-focus]            takes the focus when the page opens (the error summary)
//   form[data-once]         its buttons are disabled while it is under way, so nothing is sent twice
//   [data-confirm="words"]  asks before the form is sent
//   [data-copy="#id"]       copies the text of an element
//   [data-countdown="10"]   counts the seconds down in its own text, then removes [data-countdown-hides]
//   [data-poll="/path"]     asks JSON until `done`, fires a "poll" event on the element with each answer
//   [data-reload-when-done] reloads the page when the poll says done
(() => {
  "use strict";
  const live = document.getElementById("live");
  window.gp = { say: (words) => { if (live) live.textContent = words; } };

  document.querySelector("[data-focus]")?.focus();

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const words = form.dataset.confirm;
    if (words && !window.confirm(words)) { event.preventDefault(); return; }
    if ("once" in form.dataset) {
      // after the event, so that the pressed button's own value is still sent
      setTimeout(() => form.querySelectorAll("button").forEach((b) => { b.disabled = true; b.classList.add("is-busy"); }));
    }
  });
  // a page that comes back from the browser's cache must not keep its buttons off
  window.addEventListener("pageshow", () => document.querySelectorAll("button.is-busy").forEach((b) => {
    b.disabled = false; b.classList.remove("is-busy");
  }));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    navigator.clipboard?.writeText(source?.textContent ?? "").then(() => window.gp.say("Copied."));
  });

  document.querySelectorAll("[data-countdown]").forEach((element) => {
    let left = Number(element.dataset.countdown);
    const tick = () => {
      element.textContent = String(Math.max(0, left));
      if (left-- > 0) { setTimeout(tick, 1000); return; }
      element.closest("[data-countdown-hides]")?.remove();
    };
    tick();
  });

  document.querySelectorAll("[data-poll]").forEach((element) => {
    let wait = 400;
    const ask = async () => {
      try {
        const reply = await fetch(element.dataset.poll, { headers: { accept: "application/json" } });
        if (!reply.ok) return;
        const now = await reply.json();
        element.dispatchEvent(new CustomEvent("poll", { detail: now, bubbles: true }));
        const bar = element.querySelector("progress");
        if (bar && typeof now.progress === "number") bar.value = now.progress;
        if (now.done) { if ("reloadWhenDone" in element.dataset) location.reload(); return; }
      } catch { /* offline for a moment: ask again */ }
      wait = Math.min(wait * 1.4, 3000);
      setTimeout(ask, wait);
    };
    setTimeout(ask, wait);
  });
})();
