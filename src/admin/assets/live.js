// The overview follows the node: what the server rendered anew takes the place of what is shown.
// Without this script every page works; it is only not refreshed.
"use strict";
(() => {
  const target = document.getElementById("moving");
  if (!target || !window.EventSource) return;
  const stream = new EventSource("/live");
  stream.addEventListener("overview", (event) => {
    const open = document.activeElement;
    // Somebody is choosing or typing in it: wait for the next look.
    if (open && target.contains(open) && open.tagName !== "A") return;
    target.innerHTML = event.data;
    target.dataset.at = new Date().toISOString();
  });
  window.addEventListener("pagehide", () => stream.close());
})();
