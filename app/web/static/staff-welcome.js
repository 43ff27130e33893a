// The secret of a link stays behind the #: it is put into the form, and out of the address, at once.
"use strict";
const form = document.querySelector("form.welcome");
const secret = location.hash.slice(1);
history.replaceState(null, "", "/staff/welcome");
if (secret) {
  form.elements.link.value = secret;
  form.requestSubmit();
}
