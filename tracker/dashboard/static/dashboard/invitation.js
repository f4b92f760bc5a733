// The link of an invitation carries the code behind a #, where no server and no log sees it.
"use strict";

const field = document.querySelector("input[name=code]");
if (field && !field.value && location.hash.length > 1) field.value = decodeURIComponent(location.hash.slice(1));
