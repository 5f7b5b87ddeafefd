// The button that changes the theme: as the system says, dark, light.
(() => {
  "use strict";
  const root = document.documentElement, button = document.getElementById("theme");
  const themes = ["auto", "dark", "light"], place = "moee-theme";
  const read = () => { try { return localStorage.getItem(place); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem(place, theme); } catch { /* a browser that stores nothing */ } };
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let theme = themes.includes(read()) ? read() : "auto";
  apply(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    apply(theme);
    keep(theme);
  });
})();
