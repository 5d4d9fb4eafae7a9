// Where a message is written: grows with it, sends on Enter, and never loses it.

const grows = CSS.supports("field-sizing", "content");

/** `send` is called with the trimmed message, `stop` without anything, `keep` with every change of the draft. */
export function createComposer({ send, stop, keep }) {
  const form = document.getElementById("composer");
  const draft = document.getElementById("draft");
  const sendButton = document.getElementById("send");
  const stopButton = document.getElementById("stop");
  let busy = false;

  function changed() {
    sendButton.disabled = !draft.value.trim();
    if (!grows) fit(draft);
    keep(draft.value);
  }

  function submit(event) {
    event.preventDefault();
    const text = draft.value.trim();
    if (text && !busy) send(text);
  }

  form.addEventListener("submit", submit);
  stopButton.addEventListener("click", stop);
  draft.addEventListener("input", changed);
  draft.addEventListener("keydown", (event) => {
    // While an input method composes, Enter takes its proposal; Safari reports that only as key code 229.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    submit(event);
  });

  return {
    get text() {
      return draft.value.trim();
    },
    set text(value) {
      draft.value = value;
      changed();
    },
    /** Clear what was sent; a draft that was not it stays. */
    take(message) {
      if (this.text === message) this.text = "";
    },
    /** Put what was not sent before what has been written since. */
    putBack(message) {
      if (this.text !== message) this.text = this.text ? `${message}\n\n${this.text}` : message;
    },
    address(title) {
      draft.placeholder = `Write to ${title}`;
      draft.setAttribute("aria-label", `Your message to ${title}`);
    },
    /** On a phone this would call up the keyboard, which is the person's to do. */
    focus() {
      if (matchMedia("(pointer: fine)").matches) draft.focus({ preventScroll: true });
    },
    /** While a reply is being written there is a stop button where the send button was. */
    setBusy(value) {
      const focused = document.activeElement === (busy ? stopButton : sendButton);
      busy = value;
      sendButton.hidden = value;
      stopButton.hidden = !value;
      if (focused) draft.focus({ preventScroll: true });
    },
  };
}

function fit(textarea) {
  textarea.style.height = "auto";
  textarea.style.height = `${textarea.scrollHeight}px`;
}
