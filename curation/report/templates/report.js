(() => {
  "use strict";
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("#again details, .person details")) details.open = true;
  });
})();
