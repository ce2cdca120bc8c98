// The studio: how long the prompt is, once it comes near the end of what fits.
(() => {
  "use strict";
  const prompt = document.querySelector("textarea[data-longest]");
  if (!prompt) return;
  const longest = Number(prompt.dataset.longest);
  const count = document.createElement("p");
  count.className = "hint count";
  count.hidden = true;
  prompt.after(count);
  const show = () => {
    const left = longest - Array.from(prompt.value).length;
    count.hidden = left > longest / 10;
    count.textContent = left >= 0 ? `${left} characters left` : `${-left} characters too many`;
  };
  prompt.addEventListener("input", show);
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); prompt.form.requestSubmit(); }
  });
  show();
})();
