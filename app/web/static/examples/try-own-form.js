// For /examples/own-form alone: the key pasted there is the one the form uses. It stays on the page.
"use strict";
const pasted = document.getElementById("key");
const script = document.querySelector("script[data-questionnaire]");
pasted.addEventListener("input", () => { script.dataset.key = pasted.value.trim(); });
