// Light or dark by the system until a button says otherwise; lines of defaults are hidden or shown; printing opens all.
"use strict";
(() => {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector("[data-theme-button]");
  const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page ${dark() ? "light" : "dark"}`);
  };
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();

  const box = document.querySelector("[data-defaults]");
  const sift = () => document.querySelector("pre.spec").classList.toggle("sifted", box.checked);
  box?.addEventListener("change", sift);
  if (box) sift();

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
