import { ask } from "./api.js";
import { byId, make, setData, setText } from "./dom.js";

const HINTS = {
  open: "",
  token: "Decisions need the shop's admin token.",
  closed: "Nobody decides here: the shop has no STAGE_ADMIN_TOKEN, and this is not its own address.",
};

/** Shows what may be decided, and asks for the token where one is needed. */
export function allowDecisions(mode) {
  setData(document.body, "decisions", mode);
  setText(byId("decisions-hint"), HINTS[mode] ?? HINTS.closed);
  byId("token-form").hidden = mode !== "token";
}

/** The shop's answer, or a Problem in words. The token is kept nowhere but in its field. */
export function decide(path) {
  const token = byId("token").value.trim();
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  return ask(path, { method: "POST", headers });
}

/** A button that does one thing at a time; `about` is what it acts on, for who does not see where it stands. */
export function action(words, about, act) {
  const button = make("button", { type: "button", className: "decision", textContent: words });
  button.setAttribute("aria-label", `${words}: ${about}`);
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    await act();
    button.ariaDisabled = "false";
  });
  return button;
}
