// Passkeys: asks the device for one and sends its answer with the form that the button stands in. The options come
// with the page, or from the address that the form names. Without this script, or without passkeys, codes work.
"use strict";

const KINDS = {
  create: (options) => {
    options.publicKey.authenticatorSelection = {
      ...options.publicKey.authenticatorSelection,
      residentKey: "required", requireResidentKey: true, userVerification: "required",
    };
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });
  },
  get: (options) =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) }),
};

async function optionsOf(form) {
  if (form.dataset.options) {
    const told = JSON.parse(document.getElementById(form.dataset.options).textContent);
    return told.creation_options || told.request_options;
  }
  const answer = await fetch(form.dataset.optionsAt, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("no options");
  return (await answer.json()).request_options;
}

function say(form, text) {
  let words = form.querySelector("[role=alert]");
  if (!words) {
    words = document.createElement("p");
    words.className = "message error";
    words.setAttribute("role", "alert");
    form.prepend(words);
  }
  words.textContent = text;
}

async function ask(event) {
  const form = event.currentTarget;
  event.preventDefault();
  try {
    const credential = await KINDS[form.dataset.passkey](await optionsOf(form));
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (problem) {
    say(form, problem.name === "SecurityError"
      ? "Passkeys need a host name and a secure connection. On this machine, open the site as http://localhost."
      : "That did not work on this device. You can try again, or choose another way.");
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) form.addEventListener("submit", ask);
  else form.hidden = true;
}
