// For the clinic's website: gives each frame with data-preconsult the height its form asks for, and brings a new page of
// the form into view. Listens to that frame's own origin alone.
"use strict";
const frames = () => document.querySelectorAll("iframe[data-preconsult][src]");
window.addEventListener("message", ({ source, origin, data }) => {
  const { height, top } = (data && data.preconsult) || {};
  for (const frame of frames()) {
    if (frame.contentWindow !== source || new URL(frame.src).origin !== origin) continue;
    if (Number.isFinite(height)) frame.height = String(Math.min(Math.max(Math.ceil(height), 200), 20000));
    if (!Number.isFinite(top)) continue;
    const place = frame.getBoundingClientRect().top + top;
    const seen = place >= 0 && place < window.innerHeight / 2;
    if (frame.dataset.preconsult && !seen) window.scrollBy({ top: place, behavior: "instant" });
    frame.dataset.preconsult = "open"; // the first page comes into view when its reader wants it
  }
});
for (const frame of frames()) {
  frame.style.border = "0";
  frame.contentWindow.postMessage("preconsult", "*"); // it may have told before anybody listened
}
